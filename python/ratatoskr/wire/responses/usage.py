"""Token counts of a response."""

from __future__ import annotations

from ratatoskr.types.usage import Usage
from ratatoskr.wire.responses.shapes import InputTokensDetails, OutputTokensDetails, ResponseUsage


def parse_usage(usage: ResponseUsage) -> Usage:
    """Return the tokens in disjoint counts: the input includes cached tokens, the output includes reasoning."""
    inputs = usage.input_tokens_details or InputTokensDetails()
    outputs = usage.output_tokens_details or OutputTokensDetails()
    return Usage.of(
        prompt=usage.input_tokens,
        cache_read=inputs.cached_tokens,
        cache_write=inputs.cache_write_tokens,
        completion=usage.output_tokens,
        reasoning=outputs.reasoning_tokens,
    )
