"""Converts `usageMetadata`, which Gemini repeats with new totals in every response of a stream."""

from __future__ import annotations

from ratatoskr.types.usage import Usage
from ratatoskr.wire.gemini.shapes import UsageMetadata
from ratatoskr.wire.turn import TurnBuilder


class LazyUsageTurnBuilder(TurnBuilder):
    """A turn whose usage is computed from the latest counts when it is read, not for every response of a stream."""

    __slots__ = ("counts",)

    def __init__(self, issuer: str) -> None:
        self.counts = UsageMetadata()
        super().__init__(issuer)

    @property
    def usage(self) -> Usage:
        """Return the tokens reported so far."""
        return convert_usage(self.counts)

    @usage.setter
    def usage(self, usage: Usage) -> None:
        """Ignore the start value that the base class sets."""

    def update_counts(self, new: UsageMetadata) -> None:
        """Replace the counts by newer ones; a count that is missing there keeps its value."""
        old, self.counts = self.counts, new
        if new.prompt_token_count is None:
            new.prompt_token_count = old.prompt_token_count
        if new.cached_content_token_count is None:
            new.cached_content_token_count = old.cached_content_token_count
        if new.candidates_token_count is None:
            new.candidates_token_count = old.candidates_token_count
        if new.thoughts_token_count is None:
            new.thoughts_token_count = old.thoughts_token_count
        if new.tool_use_prompt_token_count is None:
            new.tool_use_prompt_token_count = old.tool_use_prompt_token_count
        if new.total_token_count is None:
            new.total_token_count = old.total_token_count


def convert_usage(counts: UsageMetadata) -> Usage:
    """Return Gemini's counts as totals.

    The input is what was sent and what tools added to it; thinking is counted beside the answer. Some back-ends count
    it into the answer, which the total reveals.
    """
    prompt, answer, thinking = counts.prompt_token_count, counts.candidates_token_count, counts.thoughts_token_count
    if counts.tool_use_prompt_token_count:
        prompt = (prompt or 0) + counts.tool_use_prompt_token_count
    output = answer
    if thinking is not None:
        included = answer is not None and answer >= thinking and counts.total_token_count == (prompt or 0) + answer
        output = answer if included else (answer or 0) + thinking
    return Usage.of_provider(
        input_tokens=prompt, cache_read=counts.cached_content_token_count, output_tokens=output, reasoning=thinking
    )
