"""Token counts and the price of a response, out of any number of usage objects."""

from __future__ import annotations

import functools
from decimal import Decimal, InvalidOperation

from msgspec import Raw, UnsetType

from ratatoskr.types.frozen import replace
from ratatoskr.types.usage import Usage, UsageDetails
from ratatoskr.wire.bill import read_bill
from ratatoskr.wire.chat_completions.shapes import CompletionTokensDetails, CompletionUsage, PromptTokensDetails
from ratatoskr.wire.json import replace_surrogates
from ratatoskr.wire.turn import TurnBuilder

_NO_PROMPT_DETAILS = PromptTokensDetails()
_NO_COMPLETION_DETAILS = CompletionTokensDetails()
_NO_DETAILS = UsageDetails()


@functools.lru_cache(64)
def _served_as(service_tier: str) -> UsageDetails:
    """Return the details of an answer of which nothing but its tier is known, as of most."""
    return UsageDetails(service_tier=service_tier)


class UsageReader:
    """Combines the usage objects of one response: of each count the latest stands, and a later object may omit it.

    Attributes:
        has_price: whether `cost` is a price in USD; some hosts use the name for something else.
    """

    __slots__ = (
        "_cache_read",
        "_cache_write",
        "_completion",
        "_details",
        "_prompt",
        "_reasoning",
        "_total",
        "has_price",
    )

    def __init__(self, *, has_price: bool) -> None:
        self.has_price = has_price
        self._prompt: int | None = None
        self._cache_read: int | None = None
        self._cache_write: int | None = None
        self._completion: int | None = None
        self._reasoning: int | None = None
        self._total: int | None = None
        self._details = _NO_DETAILS

    def read(self, usage: CompletionUsage, turn: TurnBuilder, service_tier: str | None = None) -> None:
        """Add one usage object, and the tier of the response that has it, and set the usage and cost of the turn."""
        prompt = usage.prompt_tokens_details or _NO_PROMPT_DETAILS
        completion = usage.completion_tokens_details or _NO_COMPLETION_DETAILS
        mistral = usage.prompt_token_details or _NO_PROMPT_DETAILS
        if usage.prompt_tokens is not None:
            self._prompt = usage.prompt_tokens
        if usage.completion_tokens is not None:
            self._completion = usage.completion_tokens
        if usage.total_tokens is not None:
            self._total = usage.total_tokens
        # A host may send one count under several names; the largest is the one that it means.
        self._cache_read = _largest(
            self._cache_read,
            prompt.cached_tokens,
            mistral.cached_tokens,
            usage.cached_tokens,
            usage.prompt_cache_hit_tokens,
            usage.num_cached_tokens,
        )
        self._cache_write = _largest(self._cache_write, prompt.cache_write_tokens, prompt.cache_creation_input_tokens)
        self._reasoning = _largest(self._reasoning, completion.reasoning_tokens, usage.reasoning_tokens)
        turn.usage = Usage.of_provider(
            input_tokens=self._prompt,
            cache_read=self._cache_read,
            cache_write=self._cache_write,
            output_tokens=self._completion_with_reasoning(),
            reasoning=self._reasoning,
            details=self._read_details(usage, prompt, completion, service_tier),
        )
        details = usage.cost_details
        upstream = _parse_price(details.upstream_inference_cost) if usage.is_byok and details is not None else None
        cost = _parse_price(usage.cost) if self.has_price else None
        turn.cost = read_bill(cost, upstream=upstream, ticks=usage.cost_in_usd_ticks) or turn.cost

    def _read_details(
        self,
        usage: CompletionUsage,
        prompt: PromptTokensDetails,
        completion: CompletionTokensDetails,
        service_tier: str | None,
    ) -> UsageDetails | None:
        tools, lives = usage.server_tool_use, prompt.cache_write_tokens_details
        tier = None if service_tier is None else replace_surrogates(service_tier)
        is_plain = not (prompt.audio_tokens or prompt.image_tokens or prompt.video_tokens)
        if is_plain and not (completion.audio_tokens or completion.image_tokens or tools or lives):
            if tier is not None:
                same = self._details is _NO_DETAILS
                self._details = _served_as(tier) if same else replace(self._details, service_tier=tier)
            return None if self._details is _NO_DETAILS else self._details
        found = {
            "cache_write_long_tokens": None if lives is None else lives.ttl_12h_tokens,
            "input_audio_tokens": prompt.audio_tokens,
            "input_image_tokens": prompt.image_tokens,
            "input_video_tokens": prompt.video_tokens,
            "output_audio_tokens": completion.audio_tokens,
            "output_image_tokens": completion.image_tokens,
            "web_searches": None if tools is None else tools.web_search_requests,
            "service_tier": tier,
        }
        known = {name: value for name, value in found.items() if value}  # a count of 0 says nothing more than none
        if known:
            self._details = replace(self._details, **known)
        return None if self._details is _NO_DETAILS else self._details

    def _completion_with_reasoning(self) -> int | None:
        """Return the completion tokens including reasoning.

        xAI counts reasoning beside them, and Google's compatible endpoint leaves it out; the total has it at both.
        """
        if self._prompt is None or self._completion is None or self._total is None:
            return self._completion
        return max(self._completion, self._total - self._prompt)


def _largest(otherwise: int | None, *counts: int | None) -> int | None:
    """Return the largest of the counts that were sent, or `otherwise` if none was."""
    largest = None
    for count in counts:
        if count is not None and (largest is None or count > largest):
            largest = count
    return otherwise if largest is None else largest


def _parse_price(raw: Raw | UnsetType) -> Decimal | None:
    """Return a price with all of its digits; `None` for anything but a number."""
    if isinstance(raw, UnsetType):
        return None
    try:
        return Decimal(bytes(raw).decode("ascii").strip().strip('"'))
    except (InvalidOperation, UnicodeDecodeError):
        return None
