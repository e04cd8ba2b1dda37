"""Token counts of a response."""

from __future__ import annotations

from ratatoskr.types.usage import Usage
from ratatoskr.wire.responses.shapes import InputTokensDetails, OutputTokensDetails, ResponseUsage


def parse_usage(usage: ResponseUsage) -> Usage:
    """Return the tokens; the input includes cached tokens, the output includes reasoning."""
    inputs = usage.input_tokens_details or InputTokensDetails()
    outputs = usage.output_tokens_details or OutputTokensDetails()
    return Usage.of_provider(
        input_tokens=usage.input_tokens,
        cache_read=inputs.cached_tokens,
        cache_write=inputs.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning=outputs.reasoning_tokens,
    )
