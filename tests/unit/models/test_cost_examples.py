"""Costs worked out by hand from the rates of the vendors' price pages, which the catalogue gives its sources for.

Pages: https://platform.claude.com/docs/en/about-claude/pricing, https://developers.openai.com/api/docs/pricing,
https://ai.google.dev/gemini-api/docs/pricing, https://api-docs.deepseek.com/quick_start/pricing,
https://docs.x.ai/docs/models, https://mistral.ai/pricing, https://groq.com/pricing (as of the catalogue's date).
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_DOWN, Decimal, Inexact, localcontext
from typing import Any, NamedTuple

import pytest

from ratatoskr import Ratatoskr, Usage
from ratatoskr.types.usage import UsageDetails

AUTUMN = "2026-11-02 12:00"  # a Monday


class Example(NamedTuple):
    """Counts of a call, and what it costs in dollars."""

    model: str
    usage: Usage
    dollars: str
    at: str = AUTUMN


def used(prompt: int, answer: int = 0, *, read: int = 0, written: int = 0, thought: int = 0, **details: Any) -> Usage:
    finer = UsageDetails(**details) if details else None
    return Usage(prompt, answer, read or None, written or None, thought or None, "provider", details=finer)


M = 1_000_000
EXAMPLES = [
    # Anthropic: five minutes of cache cost 1.25 times the input, an hour twice as much, a read a tenth
    Example("anthropic:claude-sonnet-5", used(M), "2"),
    Example("anthropic:claude-sonnet-5", used(0, M), "10"),
    Example("anthropic:claude-sonnet-5", used(1, 1), "0.000012"),
    Example("anthropic:claude-sonnet-5", used(M, 0, read=M), "0.2"),
    Example("anthropic:claude-sonnet-5", used(M, 0, written=M), "2.5"),
    Example("anthropic:claude-sonnet-5", used(M, 0, written=M, cache_write_long_tokens=M), "4"),
    Example("anthropic:claude-sonnet-5", used(M, 0, written=M, cache_write_long_tokens=400_000), "3.1"),
    Example("anthropic:claude-sonnet-5", used(100_000, 1_000, read=50_000, written=20_000), "0.13"),
    Example("anthropic:claude-sonnet-5", used(10_000, 500, web_searches=3), "0.055"),
    Example("anthropic:claude-sonnet-5", used(M, 0, region="us"), "2.2"),
    Example("anthropic:claude-sonnet-5", used(M, M, service_tier="batch"), "6"),
    Example("anthropic:claude-sonnet-5", used(M, 0, read=M, service_tier="batch"), "0.1"),
    Example("anthropic:claude-sonnet-5", used(M, M, service_tier="standard"), "12"),
    Example("anthropic:claude-opus-5-5", used(M, M, speed="fast"), "48"),
    Example("anthropic:claude-opus-5-5", used(M, M), "24"),
    Example("anthropic:claude-opus-5-5", used(M, M, speed="fast", region="us"), "52.8"),
    Example("anthropic:claude-haiku-5-5", used(100_000, 1_000), "0.0105"),
    Example("anthropic:claude-haiku-5-5", used(100_001, 1_000), "0.0525005"),  # all of it at the higher rate
    Example("anthropic:claude-sonnet-4-5", used(200_000, 1_000), "0.615"),
    Example("anthropic:claude-sonnet-4-5", used(200_001, 1_000), "1.222506"),
    Example("anthropic:claude-sonnet-4-5", used(200_001, 0, read=200_000), "0.120006"),
    # OpenAI: tiers by the answer's service tier, the cliff at 272,000 tokens
    Example("openai:gpt-4.1", used(1_000, 100), "0.0028"),
    Example("openai:gpt-4.1-2025-04-14", used(1_000, 100), "0.0028"),
    Example("openai:gpt-4.1", used(10_000, 0, read=8_000), "0.008"),
    Example("openai:gpt-4.1", used(M, M, service_tier="priority"), "17.5"),
    Example("openai:gpt-4.1", used(M, M, service_tier="default"), "10"),
    Example("openai:gpt-4.1", used(1_000, 0, web_searches=2, file_searches=4), "0.032"),
    Example("openai:gpt-5", used(M, M, thought=900_000), "11.25"),
    Example("openai:gpt-5", used(M, M, service_tier="flex"), "5.625"),
    Example("openai:gpt-5", used(M, 0, read=M, service_tier="flex"), "0.0625"),
    Example("openai:gpt-5", used(M, M, service_tier="batch"), "5.625"),
    Example("openai:gpt-6-sol", used(272_000, 1_000), "0.554"),
    Example("openai:gpt-6-sol", used(272_001, 1_000), "1.103004"),
    Example("openai:gpt-6-sol", used(100_000, 0, written=100_000), "0.25"),
    Example("openai:gpt-6-sol", used(100_000, 0, written=100_000, cache_write_long_tokens=100_000), "0.5"),
    Example("openai:gpt-6-sol", used(272_001, 0, read=272_000, service_tier="flex"), "0.054402"),
    Example("openai:text-embedding-3-small", used(8_191), "0.00016382"),
    # Google: the cliff at 200,000 tokens, thoughts as output, a search
    Example("google:gemini-2.5-pro", used(200_000, 1_000), "0.26"),
    Example("google:gemini-2.5-pro", used(200_001, 1_000), "0.5150025"),
    Example("google:gemini-2.5-pro", used(1_000, 5_000, thought=4_000), "0.05125"),
    Example("google:gemini-2.5-pro", used(1_000, 0, web_searches=1), "0.03625"),
    # DeepSeek: dearer at 01:00 to 04:00 and 06:00 to 10:00 UTC on working days, holidays in China excepted
    Example("deepseek:deepseek-v4-flash", used(M, M), "1.5", "2026-11-02 03:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", "2026-11-02 04:00"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", "2026-11-02 00:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "1.5", "2026-11-02 01:00"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "1.5", "2026-11-02 09:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", "2026-10-31 03:00"),  # a Saturday
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.75", "2026-10-01 03:00"),  # a holiday
    Example("deepseek:deepseek-v4-flash", used(M, 0, read=M), "0.006", "2026-11-02 03:59"),
    Example("deepseek:deepseek-v4-flash", used(M, M), "0.42", "2026-08-16 12:00"),  # the price before
    Example("deepseek:deepseek-chat", used(M, M), "0.7", "2026-11-02 03:59"),
    # xAI: the cliff at 200,000 tokens; Mistral and Groq
    Example("xai:grok-4.7", used(199_999, 1_000), "0.405998"),
    Example("xai:grok-4.7", used(200_000, 1_000), "0.812"),
    Example("mistral:mistral-large-latest", used(M, M), "2"),
    Example("groq:openai/gpt-oss-120b", used(M, M, thought=M // 2), "0.75"),
]


@pytest.fixture(scope="module")
def gateway() -> Any:
    return Ratatoskr.builder().ollama().build().sync()


def cost_of(gateway: Any, example: Example) -> Any:
    return gateway.cost(example.usage, example.model, datetime.fromisoformat(example.at))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.model}={example.dollars}")
def test_a_cost_is_what_the_price_page_gives(gateway: Any, example: Example) -> None:
    cost = cost_of(gateway, example)
    assert cost.amount == Decimal(example.dollars)
    assert (cost.currency, cost.source) == ("USD", "prices")
    assert sum((item.amount for item in cost.items), Decimal(0)) == cost.amount
    assert cost.basis.startswith("catalogue of 2026-")


def test_the_decimal_context_of_the_application_changes_nothing(gateway: Any) -> None:
    with localcontext() as context:
        context.prec, context.rounding = 3, ROUND_DOWN
        context.traps[Inexact] = True
        costs = [cost_of(gateway, example) for example in EXAMPLES]
        sums = [sum(costs[1:3], costs[0])]
    for cost, example in zip(costs, EXAMPLES, strict=True):
        assert str(cost.amount) == str(cost_of(gateway, example).amount)
        assert len(cost.items) == len(cost_of(gateway, example).items)
    assert sums[0].amount == Decimal("12.000012")


def test_unknown_prices_and_counts_are_no_cost(gateway: Any) -> None:
    assert gateway.cost(Usage(10, 5), "openai:no-such-model") is None
    assert gateway.cost(Usage(None, 5), "openai:gpt-4.1") is None
    assert gateway.cost(Usage(10, None), "openai:gpt-4.1") is None
    assert gateway.cost(Usage(10, None), "openai:text-embedding-3-small").amount == Decimal("2E-7")


def test_a_part_without_a_rate_takes_that_of_the_whole_and_the_cost_is_an_estimate(gateway: Any) -> None:
    cost = gateway.cost(used(1_000, 0, input_audio_tokens=1_000), "openai:gpt-4.1")
    assert (cost.amount, cost.estimated) == (Decimal("0.002"), True)
    assert not gateway.cost(used(1_000, 0), "openai:gpt-4.1").estimated
    assert gateway.cost(used(1_000, 0, read=2_000), "openai:gpt-4.1").estimated, "its parts exceed the total"
