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
from ratatoskr.types.usage import DETAIL_COUNTS, EXACT, MONEY_DIGITS, Cost, CostItem

if TYPE_CHECKING:
    from ratatoskr.models.price import Price
    from ratatoskr.models.schedule import InForce
    from ratatoskr.types.usage import Usage, UsageDetails

__all__ = ["Moment", "cost_of", "worst_case", "worst_units"]

Moment: TypeAlias = "datetime | float | None"
_Counts: TypeAlias = "list[tuple[str, int]]"

_ZERO: Final = Decimal(0)
_TOKENS: Final = frozenset(unit for unit, one in UNITS.items() if one.parents or unit in ("input", "output"))
_UNITS_A_DOLLAR: Final = 10**MONEY_DIGITS
_multiply, _divide = EXACT.multiply, EXACT.divide
_finer_counts = attrgetter(*DETAIL_COUNTS)
"""Returns what is unpacked in `_detailed_counts`, in that order."""


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
    moment = at if type(at) is float else _stamp(at)
    rates, guessed, each, dollar, _, _, _ = schedule_of(price).in_force(moment, served, prompt)
    answer = usage.output_tokens
    if answer is None:
        if rates.get("output"):
            return None
        answer = 0
    counts, fits = _counts(usage, details, prompt, answer)
    if "requests" in each:
        counts.append(("requests", 1))
    estimated = not fits or usage.source == "estimated"
    total = 0
    for unit, quantity in counts:
        one = each.get(unit)
        if one is not None:
            total += one * quantity
            if unit in guessed:
                estimated = True
        elif unit in _TOKENS:
            return None
        else:
            estimated = True
    items: Any = _PendingItems(counts, rates)
    return Cost(_divide(total, dollar), "USD", "prices", estimated, items, basis)


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
    moment = at if type(at) is float else _stamp(at)
    force = schedule_of(price).in_force(moment, (service_tier, speed, region, batch), input_tokens)
    total = _most(force, input_tokens, max_output, caches)
    return None if total is None else _divide(total, force.dollar)


def worst_units(
    input_tokens: int, max_output: int, price: Price, at: float, service_tier: str | None, caches: bool
) -> int | None:
    """Return what `worst_case` does, in units of money of `MONEY_DIGITS` and rounded up."""
    force = schedule_of(price).in_force(at, (service_tier, None, None, False), input_tokens)
    total = _most(force, input_tokens, max_output, caches)
    return None if total is None else -(-total * _UNITS_A_DOLLAR // int(force.dollar))


def _most(force: InForce, input_tokens: int, max_output: int, caches: bool) -> int | None:
    """Return the most that a call may cost, in the fractions of a dollar that the rates are in."""
    prompt, cached_prompt, answer = force.most
    token = cached_prompt if caches else prompt
    if (input_tokens and token is None) or (max_output and answer is None):
        return None
    return force.each.get("requests", 0) + (token or 0) * input_tokens + (answer or 0) * max_output


def _stamp(at: Moment) -> float:
    if at is None:
        return time.time()
    if isinstance(at, datetime):
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    return at


def _counts(usage: Usage, details: UsageDetails | None, prompt: int, answer: int) -> tuple[_Counts, bool]:
    """Return the quantity of each unit that no finer unit has, without zeros, and whether parts fit their totals."""
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    reasoning = usage.reasoning_tokens or 0
    fresh, visible = prompt - read - written, answer - reasoning
    if details is not None and any(finer := _finer_counts(details)):
        return _detailed_counts(finer, fresh, read, written, visible, reasoning)
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
    finer: tuple[int | None, ...], fresh: int, read: int, written: int, visible: int, reasoning: int
) -> tuple[_Counts, bool]:
    long, audio, image, video, audio_read, image_read, video_read, *others = finer
    audio_made, image_made, video_made, web_searches, file_searches = others
    media: _Counts = []
    media_read: _Counts = []
    if audio or audio_read:
        new, cached = _split(audio or 0, audio_read or 0, fresh, read)
        media.append(("input_audio", new))
        media_read.append(("cache_read_audio", cached))
        fresh, read = fresh - new, read - cached
    if image or image_read:
        new, cached = _split(image or 0, image_read or 0, fresh, read)
        media.append(("input_image", new))
        media_read.append(("cache_read_image", cached))
        fresh, read = fresh - new, read - cached
    if video or video_read:
        new, cached = _split(video or 0, video_read or 0, fresh, read)
        media.append(("input_video", new))
        media_read.append(("cache_read_video", cached))
        fresh, read = fresh - new, read - cached
    made: _Counts = []
    if audio_made:
        made.append(("output_audio", audio_made))
        visible -= audio_made
    if image_made:
        made.append(("output_image", image_made))
        visible -= image_made
    if video_made:
        made.append(("output_video", video_made))
        visible -= video_made
    if long:
        written -= long
    counts = [("input", fresh), *media, ("cache_read", read), *media_read, ("cache_write", written)]
    if long:
        counts.append(("cache_write_long", long))
    counts.append(("output", visible))
    counts += made
    if reasoning:
        counts.append(("reasoning", reasoning))
    if web_searches:
        counts.append(("web_searches", web_searches))
    if file_searches:
        counts.append(("file_searches", file_searches))
    return [one for one in counts if one[1] > 0], fresh >= 0 and read >= 0 and written >= 0 and visible >= 0


def _split(medium: int, known: int, fresh: int, read: int) -> tuple[int, int]:
    """Return how much of a medium is new, and how much is from the cache: at least what is known.

    Where the provider does not say how much of it was cached, what does not fit into the fresh input was.
    """
    cached = max(known, min(medium - fresh if fresh > 0 else medium, read))
    return (medium - cached if medium > cached else 0), cached
