"""Converts the token counts of Anthropic Messages."""

from __future__ import annotations

from ratatoskr.types.usage import Usage
from ratatoskr.wire.anthropic import shapes


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
    )
