"""Rows of content filters. A request that a filter refused is never sent to another provider."""

from __future__ import annotations

from ratatoskr.errors import ContentFiltered
from ratatoskr.providers.error_rows.row import ANY_STATUS, CLIENT_ERROR, Row


def _code(code: str, source: str) -> Row:
    return Row(ContentFiltered, source, ANY_STATUS, code=code)


def _words(pattern: str, example: str, source: str) -> Row:
    return Row(ContentFiltered, source, CLIENT_ERROR, pattern=pattern, example=example)


ROWS: tuple[Row, ...] = (
    _code("content_filter", "Azure OpenAI, Content filtering, 2026-11"),
    _code("responsibleaipolicyviolation", "Azure OpenAI, innererror.code, 2026-11"),
    _code("content_policy_violation", "OpenAI, Images, 2026-11"),
    _code("moderation_blocked", "OpenAI, Images, 2026-11"),
    _code("bio_policy", "OpenAI, Responses, 2026-11"),
    _code("misalignment_policy_violation", "OpenAI, Responses, 2026-11"),
    _code("data_inspection_failed", "Alibaba Model Studio, Error codes, 2026-11"),
    _code("datainspectionfailed", "Alibaba Model Studio, Error codes, 2026-11"),
    _code("1301", "Z.ai, Error codes, 2026-11"),
    _code("sensitivecontentdetected", "Volcengine Ark, Error codes, 2026-11"),
    _words(
        "content management policy",
        "The response was filtered due to Azure OpenAI's content management policy.",
        "Azure OpenAI, Content filtering, 2026-11",
    ),
    _words(
        "content violates usage guidelines",
        "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
        "xAI, public reports, 2026-11",
    ),
    _words(
        "blocked by (the |our )?content filter",
        "Output blocked by content filtering policy",
        "Anthropic, public reports, 2026-11",
    ),
    _words("content exists risk", "Content Exists Risk", "DeepSeek, public reports, 2026-11"),
    _words(
        "data may contain inappropriate content",
        "Input data may contain inappropriate content.",
        "Alibaba Model Studio, Error codes, 2026-11",
    ),
    _words(
        "request was rejected as a result of (the|our) safety system",
        "Your request was rejected as a result of our safety system.",
        "OpenAI, public reports, 2026-11",
    ),
    _words(
        "content blocked by guardrail|blocked by (bedrock|our) guardrails?",
        "Content blocked by guardrail",
        "Bedrock gateways, public reports, 2026-11",
    ),
    _words(
        "considered high risk",
        "The request was rejected because it was considered high risk",
        "Moonshot, Error codes, 2026-11",
    ),
    _words(
        "unsafe or sensitive content",
        "System detected potentially unsafe or sensitive content in input",
        "Z.ai, Error codes, 2026-11",
    ),
    Row(
        ContentFiltered,
        "OpenRouter, Errors: moderation, 2026-11",
        frozenset({403}),
        pattern=r"\bflagged\b|\bmoderation\b",
        example="Your input was flagged",
    ),
)
