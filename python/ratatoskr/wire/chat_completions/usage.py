"""Tokens and money out of any number of usage objects."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from msgspec import Raw, UnsetType

from ratatoskr.types.usage import Cost, Usage
from ratatoskr.wire.chat_completions.shapes import CompletionDetails, PromptDetails, Spent
from ratatoskr.wire.turn import TurnBuilder

_NO_PROMPT_DETAILS = PromptDetails()
_NO_COMPLETION_DETAILS = CompletionDetails()


class Meter:
    """Sums up what the chunks of one answer say of its usage: a count never sinks, a later chunk may leave one out."""

    __slots__ = ("_cache_read", "_cache_write", "_completion", "_prompt", "_reasoning", "_total", "billed")

    def __init__(self, *, billed: bool) -> None:
        """`billed` tells whether `cost` is a price in USD; other hosts mean other things by the word."""
        self.billed = billed
        self._prompt: int | None = None
        self._cache_read: int | None = None
        self._cache_write: int | None = None
        self._completion: int | None = None
        self._reasoning: int | None = None
        self._total: int | None = None

    def read(self, spent: Spent, turn: TurnBuilder) -> None:
        """Take one usage object in."""
        prompt = spent.prompt_tokens_details or _NO_PROMPT_DETAILS
        completion = spent.completion_tokens_details or _NO_COMPLETION_DETAILS
        mistrals = spent.prompt_token_details or _NO_PROMPT_DETAILS
        own_words = (spent.cached_tokens, spent.prompt_cache_hit_tokens, spent.num_cached_tokens)
        self._prompt = _most(self._prompt, spent.prompt_tokens)
        self._cache_read = _most(self._cache_read, prompt.cached_tokens, mistrals.cached_tokens, *own_words)
        self._cache_write = _most(self._cache_write, prompt.cache_write_tokens, prompt.cache_creation_input_tokens)
        self._completion = _most(self._completion, spent.completion_tokens)
        self._reasoning = _most(self._reasoning, completion.reasoning_tokens, spent.reasoning_tokens)
        self._total = _most(self._total, spent.total_tokens)
        turn.usage = Usage.of(
            prompt=self._prompt,
            cache_read=self._cache_read,
            cache_write=self._cache_write,
            completion=self._whole_completion(),
            reasoning=self._reasoning,
        )
        if self.billed and (cost := _price(spent.cost)) is not None:
            turn.cost = cost

    def _whole_completion(self) -> int | None:
        """Return the completion with the thinking in it; xAI counts the two side by side, which the total betrays."""
        if self._prompt is None or self._completion is None or not self._reasoning:
            return self._completion
        apart = self._total == self._prompt + self._completion + self._reasoning
        return self._completion + self._reasoning if apart else self._completion


def _most(*counts: int | None) -> int | None:
    most = None
    for count in counts:
        if count is not None and count >= 0 and (most is None or count > most):
            most = count
    return most


def _price(raw: Raw | UnsetType) -> Cost | None:
    """Return a price exactly as it was written; anything but a number is none."""
    if isinstance(raw, UnsetType):
        return None
    try:
        amount = Decimal(bytes(raw).decode("ascii").strip().strip('"'))
    except (InvalidOperation, UnicodeDecodeError):
        return None
    return Cost(amount) if amount.is_finite() else None
