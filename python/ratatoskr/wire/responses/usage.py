"""Token counts of a response."""

from __future__ import annotations

from ratatoskr.types.usage import Usage
from ratatoskr.wire.responses.shapes import InputTokensDetails, OutputTokensDetails, ResponseUsage


def parse_usage(usage: ResponseUsage) -> Usage:
    """Return the tokens in disjoint counts: the input includes cached tokens, the output includes reasoning."""
    inputs = usage.input_tokens_details or InputTokensDetails()
    outputs = usage.output_tokens_details or OutputTokensDetails()
    return Usage.of(
        prompt=_not_negative(usage.input_tokens),
        cache_read=_not_negative(inputs.cached_tokens),
        cache_write=_not_negative(inputs.cache_write_tokens),
        completion=_not_negative(usage.output_tokens),
        reasoning=_not_negative(outputs.reasoning_tokens),
    )


def _not_negative(tokens: int | None) -> int | None:
    return None if tokens is None else max(0, tokens)
