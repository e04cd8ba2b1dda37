"""Converts `usageMetadata`, which Gemini repeats with new totals in every response of a stream."""

from __future__ import annotations

from collections.abc import Iterable

from ratatoskr.types.usage import Usage, UsageDetails
from ratatoskr.wire.gemini.shapes import ModalityTokenCount, UsageMetadata
from ratatoskr.wire.json import replace_surrogates
from ratatoskr.wire.turn import TurnBuilder

_PARTS = {
    "AUDIO": "audio",
    "IMAGE": "image",
    "DOCUMENT": "image",  # its pages are read as images: ai.google.dev/gemini-api/docs/document-processing, 2026-11
    "VIDEO": "video",
}


class LazyUsageTurnBuilder(TurnBuilder):
    """A turn whose usage is computed from the latest counts when it is read, not for every response of a stream.

    Attributes:
        counts: the latest.
        web_searches: how often the provider searched the web.
    """

    __slots__ = ("counts", "web_searches")

    def __init__(self, issuer: str) -> None:
        self.counts = UsageMetadata()
        self.web_searches: int | None = None
        super().__init__(issuer)

    @property
    def usage(self) -> Usage:
        """Return the tokens reported so far."""
        return convert_usage(self.counts, self.web_searches)

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
        if new.prompt_tokens_details is None:
            new.prompt_tokens_details = old.prompt_tokens_details
        if new.cache_tokens_details is None:
            new.cache_tokens_details = old.cache_tokens_details
        if new.candidates_tokens_details is None:
            new.candidates_tokens_details = old.candidates_tokens_details
        if new.tool_use_prompt_tokens_details is None:
            new.tool_use_prompt_tokens_details = old.tool_use_prompt_tokens_details
        if new.service_tier is None:
            new.service_tier = old.service_tier


def convert_usage(counts: UsageMetadata, web_searches: int | None = None) -> Usage:
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
        input_tokens=prompt,
        cache_read=counts.cached_content_token_count,
        output_tokens=output,
        reasoning=thinking,
        details=_convert_details(counts, web_searches),
    )


def _convert_details(counts: UsageMetadata, web_searches: int | None) -> UsageDetails | None:
    tools = counts.tool_use_prompt_tokens_details or ()
    tier = counts.service_tier
    return UsageDetails.or_none(
        **_by_modality("input_{}_tokens", (*(counts.prompt_tokens_details or ()), *tools)),
        **_by_modality("cache_read_{}_tokens", counts.cache_tokens_details or ()),
        **_by_modality("output_{}_tokens", counts.candidates_tokens_details or ()),
        web_searches=web_searches,
        service_tier=None if tier is None else replace_surrogates(tier),
    )


def _by_modality(name: str, details: Iterable[ModalityTokenCount]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in details:
        if (kind := _PARTS.get((one.modality or "").upper())) is not None and one.token_count is not None:
            field = name.format(kind)
            found[field] = found.get(field, 0) + one.token_count
    return found
