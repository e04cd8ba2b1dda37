"""Converts the token counts of Anthropic Messages."""

from __future__ import annotations

from ratatoskr.types.usage import Usage, UsageDetails
from ratatoskr.wire.anthropic import shapes
from ratatoskr.wire.json import replace_surrogates


def update_counts(total: shapes.Usage, new: shapes.Usage) -> None:
    """Replace the counts of a stream by newer ones; a count that is missing there keeps its value."""
    for name in shapes.Usage.__struct_fields__:
        if (value := getattr(new, name)) is not None:
            setattr(total, name, value)


def convert_usage(counts: shapes.Usage) -> Usage:
    """Return the counts as totals: `input_tokens` of this API excludes what the cache read and wrote.

    Source: docs of Anthropic, "Prompt caching", November 2026.
    """
    others = [iteration for iteration in counts.iterations or () if iteration.type != "message"]

    def total(name: str) -> int | None:
        """Return a count with that of the iterations that it does not include."""
        more = [n for iteration in others if (n := getattr(iteration, name)) is not None]
        own: int | None = getattr(counts, name)
        return own if not more else (own or 0) + sum(more)

    read, written = total("cache_read_input_tokens"), total("cache_creation_input_tokens")
    uncached, details = total("input_tokens"), counts.output_tokens_details
    return Usage.of_provider(
        input_tokens=None if uncached is None else uncached + (read or 0) + (written or 0),
        cache_read=read,
        cache_write=written,
        output_tokens=total("output_tokens"),
        reasoning=None if details is None else details.thinking_tokens,
        details=_convert_details(counts, others),
    )


def _convert_details(counts: shapes.Usage, others: list[shapes.IterationUsage]) -> UsageDetails | None:
    both: list[shapes.Usage | shapes.IterationUsage] = [counts, *others]
    written = [one.cache_creation for one in both if one.cache_creation is not None]
    long = [one.ephemeral_1h_input_tokens for one in written if one.ephemeral_1h_input_tokens is not None]
    return UsageDetails.or_none(
        cache_write_long_tokens=sum(long) if long else None,
        web_searches=None if counts.server_tool_use is None else counts.server_tool_use.web_search_requests,
        service_tier=_clean(counts.service_tier),
        speed=_clean(counts.speed),
        region=_clean(counts.inference_geo),
    )


def _clean(word: str | None) -> str | None:
    return None if word is None else replace_surrogates(word)
