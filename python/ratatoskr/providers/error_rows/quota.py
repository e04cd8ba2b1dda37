"""Rows of credits that are used up, and of limits of the day or the month, which no retry outlasts."""

from __future__ import annotations

from ratatoskr.errors import QuotaExhausted
from ratatoskr.providers.error_rows.row import CLIENT_ERROR, THROTTLED, Row


def _code(code: str, source: str) -> Row:
    return Row(QuotaExhausted, source, CLIENT_ERROR, code=code)


def _words(pattern: str, example: str, source: str, *, without_delay: bool = False) -> Row:
    return Row(QuotaExhausted, source, THROTTLED, None, pattern, example, without_delay)


ROWS: tuple[Row, ...] = (
    _code("insufficient_quota", "OpenAI, Error codes, 2026-11"),
    _code("billing_hard_limit_reached", "OpenAI, public reports, 2026-11"),
    _code("billing_not_active", "OpenAI, public reports, 2026-11"),
    _code("billing_limit_exceeded", "OpenAI, public reports, 2026-11"),
    _code("billing_error", "Anthropic, Errors, 2026-11"),
    _code("enforced_spend_limit_reached", "Anthropic, Errors, 2026-11"),
    _code("usage_limit_reached", "ChatGPT, public reports, 2026-11"),
    _code("payment_required", "OpenRouter, Errors, 2026-11"),
    _code("insufficient_credits", "OpenRouter, Errors, 2026-11"),
    _code("insufficient_balance", "DeepSeek, Error codes, 2026-11"),
    _code("exceeded_current_quota_error", "Moonshot, Error codes, 2026-11"),
    _code("credit_limit", "Together, Error codes, 2026-11"),
    _code("arrearage", "Alibaba Model Studio, Error codes, 2026-11"),
    _code("1113", "Z.ai, Error codes: account in arrears, 2026-11"),
    _words(
        "credit balance is too low",
        "Your credit balance is too low to access the Anthropic API.",
        "Anthropic, public reports, 2026-11",
    ),
    _words(
        r"exceeded your (current|monthly) (quota|included credits)",
        "You exceeded your current quota, please check your plan",
        "OpenAI, Error codes; Hugging Face, public reports, 2026-11",
        without_delay=True,
    ),
    _words(
        r"\b(credits|balance|quota)\b.{0,40}\bdepleted\b|\bdepleted\b.{0,40}\b(credits|balance|quota)\b",
        "Your prepayment credits are depleted.",
        "Google, Hugging Face, public reports, 2026-11",
        without_delay=True,
    ),
    _words(
        r"\binsufficient (account )?(balance|credits|funds)\b",
        "Insufficient Balance",
        "DeepSeek, OpenRouter, Fireworks, 2026-11",
    ),
    _words(
        "requires more credits",
        "This request requires more credits, or fewer max_tokens.",
        "OpenRouter, Errors, 2026-11",
    ),
    _words(
        "used all available credits|reached (its|your) monthly spending limit",
        "Your team has either used all available credits or reached its monthly spending limit.",
        "xAI, public reports, 2026-11",
    ),
    _words("credit limit exceeded", "Credit limit exceeded, please add credits", "Together, Error codes, 2026-11"),
    _words(
        "reached your specified api usage limits",
        "You have reached your specified API usage limits.",
        "Anthropic, public reports, 2026-11",
    ),
    _words(
        "account .{0,80}is suspended.{0,80}(spend|billing|balance|recharge)",
        "Account acme is suspended, possibly due to reaching the monthly spending limit",
        "Fireworks, Moonshot, public reports, 2026-11",
    ),
    _words("free-models-per-day", "Rate limit exceeded: free-models-per-day.", "OpenRouter, Limits, 2026-11"),
    _words(
        r"\b(tokens|requests) per day \((tpd|rpd)\)|\bon (tokens|requests) per day",
        "Rate limit reached for model m on tokens per day (TPD): Limit 100000",
        "Groq, OpenAI, Rate limits, 2026-11",
    ),
    _words(
        "(tokens|requests) per day limit exceeded",
        "Tokens per day limit exceeded - too many tokens processed.",
        "Cerebras, public reports, 2026-11",
    ),
    _words(
        "too many tokens per day",
        "Too many tokens per day, please wait before trying again.",
        "Bedrock, public reports, 2026-11",
    ),
    _words(
        r"(reached|exceeded) your (daily|weekly|monthly|hourly|session) usage limit"
        r"|\bdaily (usage |request |token |free )?(limit|quota) (has been )?(reached|exceeded)",
        "you have reached your weekly usage limit",
        "Ollama cloud, public reports, 2026-11",
    ),
)
