"""Converts the token counts of Anthropic Messages."""

from __future__ import annotations

from msgspec import structs

from ratatoskr.types.usage import Usage
from ratatoskr.wire.anthropic import shapes


def update_counts(total: shapes.Usage, new: shapes.Usage) -> None:
    """Replace the counts of a stream by newer ones; a count that is missing there keeps its value."""
    for name, value in structs.asdict(new).items():
        if value is not None:
            setattr(total, name, value)


def convert_usage(counts: shapes.Usage) -> Usage:
    """Return the counts in disjoint buckets: the prompt is the sum of the counts of input."""
    read, written = _count(counts.cache_read_input_tokens), _count(counts.cache_creation_input_tokens)
    uncached, output = _count(counts.input_tokens), _count(counts.output_tokens)
    prompt = None if uncached is None else uncached + (read or 0) + (written or 0)
    details = counts.output_tokens_details
    thinking = None if details is None else _count(details.thinking_tokens)
    return Usage.of(prompt=prompt, cache_read=read, cache_write=written, completion=output, reasoning=thinking)


def _count(tokens: int | None) -> int | None:
    return tokens if tokens is None or tokens >= 0 else 0
