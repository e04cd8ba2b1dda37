"""Token counts as totals with their parts, and costs in exact decimals; a count that nobody sent is `None`."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal, TypeAlias

from ratatoskr.types.frozen import dataclass
from ratatoskr.types.plain import Plain

UsageSource: TypeAlias = Literal["provider", "local", "estimated", "unknown"]
_STRENGTH: dict[UsageSource, int] = {"unknown": 0, "estimated": 1, "local": 2, "provider": 3}


@dataclass(frozen=True, slots=True)
class Usage(Plain):
    """Tokens of one call: two totals, and what is known of their parts.

    Attributes:
        input_tokens: of the prompt, cached or not.
        output_tokens: of the answer, reasoning included.
        cache_read_tokens: those of the input that were read from the provider's cache.
        cache_write_tokens: those of the input that were written to it.
        reasoning_tokens: those of the output that are reasoning.
        source: where the counts come from: the provider, a tokenizer in this process, or an estimate.
    """

    type: ClassVar[Literal["usage"]] = "usage"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "unknown"

    @classmethod
    def of_provider(
        cls,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
    ) -> Usage:
        """Return the counts that a provider sent; without any, their source is unknown."""
        counts = (input_tokens, output_tokens, cache_read, cache_write, reasoning)
        return cls(*counts, "unknown" if counts == _NO_COUNTS else "provider")

    @property
    def uncached_input_tokens(self) -> int | None:
        """The input that was neither read from a cache nor written to one; 0 where the parts exceed the total."""
        return _rest(self.input_tokens, self.cache_read_tokens, self.cache_write_tokens)

    @property
    def visible_output_tokens(self) -> int | None:
        """The output without reasoning; 0 where that exceeds the total."""
        return _rest(self.output_tokens, self.reasoning_tokens)

    @property
    def total_tokens(self) -> int | None:
        """Input and output."""
        return _sum(self.input_tokens, self.output_tokens)

    @property
    def prompt_tokens(self) -> int | None:
        """Another name of `input_tokens`."""
        return self.input_tokens

    @property
    def completion_tokens(self) -> int | None:
        """Another name of `output_tokens`."""
        return self.output_tokens

    @property
    def is_consistent(self) -> bool:
        """Whether no part exceeds its total."""
        parts = _sum(self.cache_read_tokens, self.cache_write_tokens) or 0
        too_much_input = self.input_tokens is not None and parts > self.input_tokens
        return not too_much_input and (self.output_tokens is None or (self.reasoning_tokens or 0) <= self.output_tokens)

    def __add__(self, other: Usage) -> Usage:
        """Return the sums; a count that only one of the two has counts alone, and the weaker source stands."""
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.cache_read_tokens, other.cache_read_tokens),
            _sum(self.cache_write_tokens, other.cache_write_tokens),
            _sum(self.reasoning_tokens, other.reasoning_tokens),
            min(self.source, other.source, key=_STRENGTH.__getitem__),
        )


_NO_COUNTS = (None,) * 5


def _sum(*counts: int | None) -> int | None:
    known = [n for n in counts if n is not None]
    return sum(known) if known else None


def _rest(total: int | None, *parts: int | None) -> int | None:
    return None if total is None else max(0, total - sum(n for n in parts if n is not None))


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
