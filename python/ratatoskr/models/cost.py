"""What a call costs: exact decimals, from what the answer says that it used and the price of its model."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ratatoskr.models.price import UNITS
from ratatoskr.models.schedule import schedule_of
from ratatoskr.types.pending import Pending
from ratatoskr.types.usage import DETAIL_COUNTS, EXACT, Cost, CostItem

if TYPE_CHECKING:
    from ratatoskr.models.price import Price
    from ratatoskr.types.usage import Usage, UsageDetails

__all__ = ["Moment", "cost_of", "worst_case"]

Moment: TypeAlias = "datetime | float | None"
_Counts: TypeAlias = "list[tuple[str, int]]"

_ZERO: Final = Decimal(0)
_MILLION: Final = 1_000_000
_TOKENS: Final = frozenset(unit for unit, one in UNITS.items() if one.parents or unit in ("input", "output"))
_PROMPT: Final = ("input",)
_CACHED_PROMPT: Final = ("input", "cache_read", "cache_write", "cache_write_long")
_ANSWER: Final = ("output", "reasoning")
_multiply, _divide, _fma = EXACT.multiply, EXACT.divide, EXACT.fma
_finer_counts = attrgetter(*DETAIL_COUNTS)


def cost_of(
    usage: Usage,
    price: Price,
    *,
    at: Moment = None,
    service_tier: str | None = None,
    speed: str | None = None,
    region: str | None = None,
    batch: bool = False,
    basis: str = "",
) -> Cost | None:
    """Return what a call costs; `None` where a rate of the input or output that it used is unknown.

    A part of the input or output whose rate is unknown costs what the whole does. The cost is then an estimate, and so
    it is where parts do not fit into their totals, and where searches have no rate: those are left out of the amount.

    Args:
        usage: what it used; its `details` say how it was served.
        price: of the model.
        at: when it was complete, a time stamp or a `datetime` (without a zone: UTC); `None` for now.
        service_tier: where the usage says none.
        speed: where the usage says none.
        region: where the usage says none.
        batch: whether it came from a batch; also known by a service tier of that name.
        basis: the table that the price is from, and its date.
    """
    prompt, details = usage.input_tokens, usage.details
    if prompt is None:
        return None
    if details is not None:
        service_tier = details.service_tier or service_tier
        speed = details.speed or speed
        region = details.region or region
    served = (service_tier, speed, region, batch or service_tier == "batch")
    rates, millionths, guessed = schedule_of(price).in_force(_stamp(at), served, prompt)
    if usage.output_tokens is None and rates.get("output"):
        return None
    counts, fits = _counts(usage, prompt, usage.output_tokens or 0)
    if "requests" in rates:
        counts.append(("requests", 1))
    estimated = not fits or usage.source == "estimated"
    total = _ZERO
    for unit, quantity in counts:
        rate = millionths.get(unit)
        if rate is not None:
            total = _fma(rate, quantity, total)
            if unit in guessed:
                estimated = True
        elif unit in _TOKENS:
            return None
        else:
            estimated = True
    items: Any = _PendingItems(counts, rates)
    return Cost(_divide(total, _MILLION), "USD", "prices", estimated, items, basis)


class _PendingItems(Pending):
    """The items of a cost, which are made when they are read."""

    __slots__ = ("_counts", "_rates")

    def __init__(self, counts: _Counts, rates: dict[str, Decimal]) -> None:
        self._counts = counts
        self._rates = rates

    def resolve(self) -> tuple[CostItem, ...]:
        return tuple([_item(unit, quantity, self._rates.get(unit)) for unit, quantity in self._counts])


def _item(unit: str, quantity: int, rate: Decimal | None) -> CostItem:
    amount = _ZERO if rate is None else _divide(_multiply(rate, quantity), UNITS[unit].per)
    return CostItem(unit, quantity, rate, amount)


def worst_case(
    input_tokens: int,
    max_output: int,
    price: Price,
    at: Moment = None,
    *,
    service_tier: str | None = None,
    speed: str | None = None,
    region: str | None = None,
    batch: bool = False,
    caches: bool = False,
) -> Decimal | None:
    """Return the most that a call of text may cost; `None` where a rate of input or output is unknown.

    Args:
        input_tokens: the most tokens of the whole prompt.
        max_output: the most tokens of the answer, reasoning included.
        price: of the model.
        at: when it will be complete; `None` for now.
        service_tier: that may be used.
        speed: that may be used.
        region: where it may be processed.
        batch: whether it is part of a batch.
        caches: whether the prompt may be written to a cache, which some providers charge more for.
    """
    rates, millionths, _ = schedule_of(price).in_force(_stamp(at), (service_tier, speed, region, batch), input_tokens)
    if (input_tokens and "input" not in rates) or (max_output and "output" not in rates):
        return None
    total = millionths.get("requests", _ZERO)
    for units, quantity in ((_CACHED_PROMPT if caches else _PROMPT, input_tokens), (_ANSWER, max_output)):
        dearest = max([millionths[unit] for unit in units if unit in millionths], default=_ZERO)
        total = _fma(dearest, quantity, total)
    return _divide(total, _MILLION)


def _stamp(at: Moment) -> float:
    if at is None:
        return time.time()
    if isinstance(at, datetime):
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    return at


def _counts(usage: Usage, prompt: int, answer: int) -> tuple[_Counts, bool]:
    """Return the quantity of each unit that no finer unit has, without zeros, and whether parts fit their totals."""
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    reasoning = usage.reasoning_tokens or 0
    fresh, visible = prompt - read - written, answer - reasoning
    if usage.details is not None and any(_finer_counts(usage.details)):
        return _detailed_counts(usage.details, fresh, read, written, visible, reasoning)
    counts = []
    if fresh > 0:
        counts.append(("input", fresh))
    if read:
        counts.append(("cache_read", read))
    if written:
        counts.append(("cache_write", written))
    if visible > 0:
        counts.append(("output", visible))
    if reasoning:
        counts.append(("reasoning", reasoning))
    return counts, fresh >= 0 and visible >= 0


def _detailed_counts(
    details: UsageDetails, fresh: int, read: int, written: int, visible: int, reasoning: int
) -> tuple[_Counts, bool]:
    long = details.cache_write_long_tokens or 0
    media = {
        "audio": (details.input_audio_tokens or 0, details.cache_read_audio_tokens or 0),
        "image": (details.input_image_tokens or 0, details.cache_read_image_tokens or 0),
        "video": (details.input_video_tokens or 0, details.cache_read_video_tokens or 0),
    }
    made = {
        "output_audio": details.output_audio_tokens or 0,
        "output_image": details.output_image_tokens or 0,
        "output_video": details.output_video_tokens or 0,
    }
    uncached: dict[str, int] = {}
    cached: dict[str, int] = {}
    for kind, (all_of_it, from_cache) in media.items():
        # Where the provider does not say how much of a medium was cached, what does not fit into the fresh input was.
        most = max(0, fresh - sum(uncached.values()))
        from_cache = max(from_cache, min(all_of_it - most, read - sum(cached.values())))  # noqa: PLW2901
        uncached[f"input_{kind}"] = max(0, all_of_it - from_cache)
        cached[f"cache_read_{kind}"] = from_cache
    counts = {
        "input": fresh - sum(uncached.values()),
        **uncached,
        "cache_read": read - sum(cached.values()),
        **cached,
        "cache_write": written - long,
        "cache_write_long": long,
        "output": visible - sum(made.values()),
        **made,
        "reasoning": reasoning,
        "web_searches": details.web_searches or 0,
        "file_searches": details.file_searches or 0,
    }
    return [(unit, n) for unit, n in counts.items() if n > 0], min(counts.values()) >= 0
