"""Tokens in disjoint buckets, and costs in exact decimals; a count that the provider did not send is `None`."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal, TypeAlias

from ratatoskr.types.frozen import dataclass
from ratatoskr.types.plain import Plain

UsageSource: TypeAlias = Literal["provider", "estimated", "unknown"]
_STRENGTH: dict[UsageSource, int] = {"unknown": 0, "estimated": 1, "provider": 2}


@dataclass(frozen=True, slots=True)
class Usage(Plain):
    """Tokens of one call; the buckets never overlap and are never negative.

    Attributes:
        input_tokens: of the prompt, neither read from a cache nor written to one.
        cache_read_tokens: of the prompt, read from the provider's cache.
        cache_write_tokens: of the prompt, written to it.
        output_tokens: of the answer, without reasoning.
        reasoning_tokens: of the reasoning.
        source: where the counts come from.
    """

    type: ClassVar[Literal["usage"]] = "usage"
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "unknown"

    @classmethod
    def of(
        cls,
        *,
        prompt: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        completion: int | None = None,
        reasoning: int | None = None,
    ) -> Usage:
        """Return the usage of a provider whose `prompt` includes the cached tokens and `completion` the reasoning.

        Where a part is larger than its total (some providers leave reasoning out of the completion), the part stands;
        no bucket becomes negative.
        """
        fresh = None if prompt is None else max(0, prompt - (cache_read or 0) - (cache_write or 0))
        visible = None if completion is None else max(0, completion - (reasoning or 0))
        counts = (prompt, cache_read, cache_write, completion, reasoning)
        return cls(
            fresh, cache_read, cache_write, visible, reasoning, "unknown" if counts == _NO_COUNTS else "provider"
        )

    @property
    def prompt_tokens(self) -> int | None:
        """The tokens of the prompt, cached or not."""
        return _total(self.input_tokens, self.cache_read_tokens, self.cache_write_tokens)

    @property
    def completion_tokens(self) -> int | None:
        """The tokens of the answer, including reasoning."""
        return _total(self.output_tokens, self.reasoning_tokens)

    @property
    def total_tokens(self) -> int | None:
        """The tokens of prompt and completion."""
        return _total(self.prompt_tokens, self.completion_tokens)

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(
            _total(self.input_tokens, other.input_tokens),
            _total(self.cache_read_tokens, other.cache_read_tokens),
            _total(self.cache_write_tokens, other.cache_write_tokens),
            _total(self.output_tokens, other.output_tokens),
            _total(self.reasoning_tokens, other.reasoning_tokens),
            min(self.source, other.source, key=_STRENGTH.__getitem__),
        )


_NO_COUNTS = (None,) * 5


def _total(*counts: int | None) -> int | None:
    known = [n for n in counts if n is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Cost(Plain):
    """What a call cost.

    Attributes:
        amount: the exact amount.
        currency: ISO 4217 code.
        source: billed by the provider, or calculated from prices.
    """

    type: ClassVar[Literal["cost"]] = "cost"
    amount: Decimal
    currency: str = "USD"
    source: Literal["provider", "prices"] = "provider"
