"""Token counts as totals with their parts, and costs in exact decimals; a count that was not sent is `None`."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any, ClassVar, Final, Literal, TypeAlias

from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.pending import resolves_when_read
from ratatoskr.types.plain import Plain

UsageSource: TypeAlias = Literal["provider", "local", "estimated", "unknown"]
_STRENGTH: dict[UsageSource, int] = {"unknown": 0, "estimated": 1, "local": 2, "provider": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDetails(Plain):
    """Finer parts of a `Usage`, never added to its totals, and how the answer says that it was served.

    Attributes:
        cache_write_long_tokens: those written to the cache for a longer time than usual: 1 h, at OpenAI 12 h.
        input_audio_tokens: those of the input that are audio.
        input_image_tokens: those of the input that are images.
        input_video_tokens: those of the input that are video.
        cache_read_audio_tokens: those of the audio that were read from the cache.
        cache_read_image_tokens: those of the images that were read from the cache.
        cache_read_video_tokens: those of the video that were read from the cache.
        output_audio_tokens: those of the output that are audio.
        output_image_tokens: those of the output that are images.
        output_video_tokens: those of the output that are video.
        web_searches: how often the provider searched the web.
        file_searches: how often it searched files that it stores.
        service_tier: such as `flex`, `priority` or `batch`, in the provider's words.
        speed: such as `fast`, in the provider's words.
        region: where it was processed, in the provider's words.
    """

    type: ClassVar[Literal["usage_details"]] = "usage_details"
    cache_write_long_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    input_video_tokens: int | None = None
    cache_read_audio_tokens: int | None = None
    cache_read_image_tokens: int | None = None
    cache_read_video_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    output_video_tokens: int | None = None
    web_searches: int | None = None
    file_searches: int | None = None
    service_tier: str | None = None
    speed: str | None = None
    region: str | None = None

    @classmethod
    def or_none(cls, **found: Any) -> UsageDetails | None:
        """Return the details; `None` where nothing is known."""
        known = {name: value for name, value in found.items() if value is not None}
        return cls(**known) if known else None

    def __add__(self, other: UsageDetails) -> UsageDetails:
        """Return the sums; how it was served stays only where both were served in the same way."""
        if not isinstance(other, UsageDetails):
            return NotImplemented
        sums: dict[str, Any] = {name: _sum(getattr(self, name), getattr(other, name)) for name in DETAIL_COUNTS}
        words = {name: getattr(self, name) for name in _WORDS if getattr(self, name) == getattr(other, name)}
        return UsageDetails(**sums, **words)


_WORDS: Final = ("service_tier", "speed", "region")
DETAIL_COUNTS: Final = tuple(name for name in UsageDetails.__slots__ if name not in _WORDS)
"""The names of the counts of `UsageDetails`."""


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
        details: finer parts, and how the answer was served; `None` where the provider says nothing of it.
    """

    type: ClassVar[Literal["usage"]] = "usage"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "unknown"
    details: UsageDetails | None = field(default=None, kw_only=True)

    @classmethod
    def of_provider(
        cls,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
        details: UsageDetails | None = None,
    ) -> Usage:
        """Return the counts that a provider sent; without any, their source is unknown."""
        counts = (input_tokens, output_tokens, cache_read, cache_write, reasoning)
        return cls(*counts, "unknown" if counts == _NO_COUNTS else "provider", details=details)

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
            details=_sum_details(self, other),
        )


_NO_COUNTS = (None,) * 5


def _sum(*counts: int | None) -> int | None:
    known = [n for n in counts if n is not None]
    return sum(known) if known else None


def _rest(total: int | None, *parts: int | None) -> int | None:
    return None if total is None else max(0, total - sum(n for n in parts if n is not None))


def _sum_details(first: Usage, second: Usage) -> UsageDetails | None:
    if first.details is not None and second.details is not None:
        return first.details + second.details
    with_details, other = (second, first) if first.details is None else (first, second)
    if with_details.details is None or other.source == "unknown":
        return with_details.details
    return with_details.details + UsageDetails()  # how the other was served is unknown


EXACT: Final = Context(prec=200, Emin=-(10**9), Emax=10**9, traps=[])
"""Amounts are exact in it, whatever the application has set for its own decimals."""
MONEY_DIGITS: Final = 12
"""The digits after the point of a US dollar in the unit that money is counted in: any price of a token fits."""


COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
"""The names of the counts of `Usage`."""


@dataclass(frozen=True, slots=True)
class CostItem(Plain):
    """A part of a cost.

    Attributes:
        unit: what is paid for: a unit of `ratatoskr.models.price.UNITS`; `bill` for what the provider billed, or
            `upstream` for what another provider bills where its key was used.
        quantity: how many; of tokens those that no finer item has.
        rate: the price of the quantity that the unit is priced by; `None` where it is unknown.
        amount: what they cost.
    """

    type: ClassVar[Literal["cost_item"]] = "cost_item"
    unit: str
    quantity: int
    rate: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CostRange(Plain):
    """What a call may cost by the list prices.

    Attributes:
        low: the prompt alone, read for the first time.
        high: the prompt and the longest answer; `None` where no limit of the answer is known.
        currency: ISO 4217 code.
        input_tokens: of the prompt, an estimate from its texts.
        max_output_tokens: of the longest answer.
        basis: the table that the prices are from, and its date.
    """

    type: ClassVar[Literal["cost_range"]] = "cost_range"
    low: Decimal
    high: Decimal | None
    currency: str = "USD"
    input_tokens: int = 0
    max_output_tokens: int | None = None
    basis: str = ""


@resolves_when_read("items")
@dataclass(frozen=True, slots=True)
class Cost(Plain):
    """What a call cost.

    Attributes:
        amount: the exact amount.
        currency: ISO 4217 code.
        source: billed by the provider, or calculated from prices.
        estimated: whether a rate or a count is not the very one that applies, so that the bill may differ.
        items: what the amount is made of.
        basis: the table that the prices are from, and its date; empty for a bill.
    """

    type: ClassVar[Literal["cost"]] = "cost"
    amount: Decimal
    currency: str = "USD"
    source: Literal["provider", "prices"] = "provider"
    estimated: bool = False
    items: tuple[CostItem, ...] = ()
    basis: str = ""

    @classmethod
    def of_bill(cls, billed: Decimal, upstream: Decimal | None = None) -> Cost:
        """Return a provider's bill, with what another provider bills where its key was used."""
        items = [CostItem("bill", 1, billed, billed)]
        if upstream is not None:
            items.append(CostItem("upstream", 1, upstream, upstream))
        amount = billed if upstream is None else EXACT.add(billed, upstream)
        return cls(amount, items=tuple(items))

    def __add__(self, other: Cost) -> Cost:
        """Return the exact sum; items of the same unit and rate are put together.

        Raises:
            ValueError: the currencies differ.
        """
        if not isinstance(other, Cost):
            return NotImplemented
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")
        items: dict[tuple[str, Decimal | None], CostItem] = {}
        for item in (*self.items, *other.items):
            key = (item.unit, item.rate)
            if key in items:
                before = items[key]
                amount = EXACT.add(before.amount, item.amount)
                items[key] = CostItem(item.unit, before.quantity + item.quantity, item.rate, amount)
            else:
                items[key] = item
        return Cost(
            EXACT.add(self.amount, other.amount),
            self.currency,
            "provider" if self.source == other.source == "provider" else "prices",
            self.estimated or other.estimated,
            tuple(items.values()),
            self.basis if self.basis == other.basis else "; ".join(filter(None, (self.basis, other.basis))),
        )
