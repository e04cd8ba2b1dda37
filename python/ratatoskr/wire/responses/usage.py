"""Token counts of a response, and its bill."""

from __future__ import annotations

from collections.abc import Mapping

from ratatoskr.types.usage import Cost, Usage, UsageDetails
from ratatoskr.wire.bill import read_bill
from ratatoskr.wire.json import replace_surrogates
from ratatoskr.wire.responses.shapes import InputTokensDetails, OutputTokensDetails, ResponseUsage

_NO_INPUT_DETAILS = InputTokensDetails()
_NO_OUTPUT_DETAILS = OutputTokensDetails()


def parse_usage(usage: ResponseUsage, service_tier: str | None, searches: Mapping[str, int]) -> Usage:
    """Return the tokens; the input includes cached tokens, the output includes reasoning.

    Args:
        usage: of the response.
        service_tier: as the response names it.
        searches: how often the provider ran each of its search tools.
    """
    inputs = usage.input_tokens_details or _NO_INPUT_DETAILS
    outputs = usage.output_tokens_details or _NO_OUTPUT_DETAILS
    lives = inputs.cache_write_tokens_details
    details = UsageDetails.or_none(
        cache_write_long_tokens=None if lives is None else lives.ttl_12h_tokens,
        input_audio_tokens=inputs.audio_tokens,
        input_image_tokens=inputs.image_tokens,
        output_audio_tokens=outputs.audio_tokens,
        output_image_tokens=outputs.image_tokens,
        web_searches=searches.get("web_search"),
        file_searches=searches.get("file_search"),
        service_tier=None if service_tier is None else replace_surrogates(service_tier),
    )
    return Usage.of_provider(
        input_tokens=usage.input_tokens,
        cache_read=inputs.cached_tokens,
        cache_write=inputs.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning=outputs.reasoning_tokens,
        details=details,
    )


def parse_bill(usage: ResponseUsage) -> Cost | None:
    """Return what the provider bills, where it says so."""
    upstream = usage.cost_details.upstream_inference_cost if usage.is_byok and usage.cost_details else None
    return read_bill(usage.cost, upstream=upstream, ticks=usage.cost_in_usd_ticks)
