"""A price as numbers: the rates in force at a time, for a variant and a size of the prompt."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ratatoskr.errors import InvalidInput
from ratatoskr.models.price import UNITS, TieredRate
from ratatoskr.types.usage import EXACT
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.models.price import Change, Price, Rates, Variant, Window

__all__ = ["InForce", "Schedule", "Served", "schedule_of"]

_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?")
_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_MOST_KEPT: Final = 64
"""Combinations of what served an answer, and tier, that one price keeps in memory."""

Served: TypeAlias = "tuple[str | None, str | None, str | None, bool]"
"""How an answer was served: service tier, speed, region, and whether it came from a batch."""
_Tiers: TypeAlias = "tuple[tuple[int, Decimal], ...]"


class InForce(NamedTuple):
    """The rates of one combination of time, variant and tier.

    Attributes:
        rates: by unit; a unit of tokens without a rate of its own has that of the unit that it is a part of.
        guessed: the units whose rate is another's although vendors publish one.
        each: the price of one of a unit in whole fractions of a dollar; without the units that are priced by the hour.
        dollar: how many of these fractions it has: a power of ten.
        most: what a token of a prompt, of one that may be written to a cache, and of an answer costs at most, in these
            fractions; `None` where the rate of the input or output is unknown.
        since: the time from which on these rates hold; those before it may be others.
        until: the time from which on others may hold.
    """

    rates: dict[str, Decimal]
    guessed: frozenset[str]
    each: dict[str, int]
    dollar: Decimal
    most: tuple[int | None, int | None, int | None]
    since: float = -math.inf
    until: float = math.inf


class _Hours(NamedTuple):
    start: int
    end: int
    weekdays: tuple[int, ...]
    except_days: frozenset[int]

    def holds(self, moment: float) -> bool:
        day, second = divmod(int(moment // 1), _DAY)
        if self.end <= self.start:  # over midnight
            if second < self.end:
                day -= 1
            elif second < self.start:
                return False
        elif not self.start <= second < self.end:
            return False
        if self.weekdays and (day + 3) % 7 + 1 not in self.weekdays:
            return False
        return day not in self.except_days


class _When(NamedTuple):
    """The times at which a change or a variant holds."""

    since: float | None
    until: float | None
    hours: tuple[_Hours, ...]

    def holds(self, moment: float) -> bool:
        if self.since is not None and moment < self.since:
            return False
        if self.until is not None and moment >= self.until:
            return False
        return not self.hours or any(hours.holds(moment) for hours in self.hours)


class _Matching(NamedTuple):
    when: _When
    served: Served
    rates: dict[str, _Tiers]
    multiplier: Decimal | None

    def matches(self, served: Served) -> bool:
        tier, speed, region, batch = self.served
        return (
            (tier is None or tier == served[0])
            and (speed is None or speed == served[1])
            and (region is None or region == served[2])
            and (not batch or served[3])
        )


class Schedule:
    """The price of a model as numbers.

    Args:
        price: as data.

    Raises:
        InvalidInput: a rate is not decimal text, is negative or not finite; `field` names it.
    """

    __slots__ = ("_base", "_changes", "_kept", "_multiplier", "_seconds", "_stamps", "_thresholds", "_variants")

    def __init__(self, price: Price) -> None:
        self._base = _read_rates(price, "price")
        self._changes = tuple(
            (_read_when(one, f"price.changes[{i}]"), _read_rates(one, f"price.changes[{i}]"))
            for i, one in enumerate(price.changes)
        )
        self._variants = tuple(_read_variant(one, f"price.variants[{i}]") for i, one in enumerate(price.variants))
        self._multiplier = _optional(price.multiplier, "price.multiplier")
        every = [self._base, *[rates for _, rates in self._changes], *[one.rates for one in self._variants]]
        self._thresholds = tuple(
            sorted({above for rates in every for tiers in rates.values() for above, _ in tiers[1:]})
        )
        times = [*[when for when, _ in self._changes], *[one.when for one in self._variants]]
        self._stamps = sorted({stamp for one in times for stamp in (one.since, one.until) if stamp is not None})
        hours = [hours for one in times for hours in one.hours]
        self._seconds = sorted(
            {0, _DAY, *[second for one in hours for second in (one.start, one.end)]} if hours else ()
        )
        self._kept: dict[tuple[str | None, str | None, str | None, bool, int], InForce] = {}

    def in_force(self, moment: float, served: Served, prompt: int) -> InForce:
        """Return the rates at a time stamp, for an answer served in this way to a prompt of so many tokens."""
        tier = 0
        for above in self._thresholds:
            if prompt <= above:
                break
            tier += 1
        key = (*served, tier)
        found = self._kept.get(key)
        if found is None or not found.since <= moment < found.until:
            found = self._find(moment, served, prompt)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = found
        return found

    def _find(self, moment: float, served: Served, prompt: int) -> InForce:
        base = next((rates for when, rates in reversed(self._changes) if when.holds(moment)), self._base)
        variants = [one for one in self._variants if one.matches(served) and one.when.holds(moment)]
        since, until = self._period(moment)
        return self._resolve(base, variants, prompt)._replace(since=since, until=until)

    def _period(self, moment: float) -> tuple[float, float]:
        """Return the time around a moment in which no change and no variant begins or ends."""
        before = [stamp for stamp in self._stamps if stamp <= moment]
        after = self._stamps[len(before) :]
        since, until = max(before, default=-math.inf), min(after, default=math.inf)
        if self._seconds:
            day, second = divmod(moment, _DAY)
            place = bisect_right(self._seconds, second)
            midnight = day * _DAY
            since, until = max(since, midnight + self._seconds[place - 1]), min(until, midnight + self._seconds[place])
        return since, until

    def _resolve(self, base: dict[str, _Tiers], variants: Sequence[_Matching], prompt: int) -> InForce:
        own = {unit: _at(tiers, prompt) for unit, tiers in base.items()}
        replaced: set[str] = set()
        for one in variants:
            for unit, tiers in one.rates.items():
                if unit not in replaced:
                    own[unit] = _at(tiers, prompt)
                    replaced.add(unit)
        for factor in [one.multiplier for one in variants if one.multiplier is not None]:
            tokens = [unit for unit in own if UNITS[unit].per == _PER_TOKENS]
            own.update({unit: EXACT.multiply(own[unit], factor) for unit in tokens})
        if self._multiplier is not None:
            own = {unit: EXACT.multiply(rate, self._multiplier) for unit, rate in own.items()}
        rates, guessed = dict(own), set()
        for unit, (_, parents, same) in UNITS.items():
            parent = next((p for place in (own, rates) for p in parents if p in place), None)
            if unit not in own and parent is not None:
                rates[unit] = rates[parent]
                if not same or parent in guessed:
                    guessed.add(unit)
        single = {unit: EXACT.divide(rate, per) for unit, rate in rates.items() if (per := UNITS[unit].per) != _HOUR}
        digits = max([0, *[-_exponent(rate) for rate in single.values()]])
        each = {unit: int(EXACT.scaleb(rate, digits)) for unit, rate in single.items()}
        cached = max([each[unit] for unit in _PROMPT if unit in each], default=None) if "input" in each else None
        answer = max(each["output"], each["reasoning"]) if "output" in each else None
        most = (each.get("input"), cached, answer)
        return InForce(rates, frozenset(guessed), each, Decimal(10**digits), most)


def schedule_of(price: Price) -> Schedule:
    """Return a price as numbers, made once.

    Raises:
        InvalidInput: a rate is not decimal text, is negative or not finite; `field` names it.
    """
    kept = price.__dict__
    made: Schedule | None = kept.get("schedule")
    if made is None:
        made = kept["schedule"] = Schedule(price)
    return made


_PER_TOKENS: Final = UNITS["input"].per
_PROMPT: Final = ("input", "cache_read", "cache_write", "cache_write_long")
_HOUR: Final = UNITS["seconds"].per
"""A rate by the hour is no decimal for each second."""


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0  # rates are finite


def _at(tiers: _Tiers, prompt: int) -> Decimal:
    rate = tiers[0][1]
    for above, dearer in tiers[1:]:
        if prompt <= above:
            break
        rate = dearer
    return rate


def _read_rates(rates: Rates, field: str) -> dict[str, _Tiers]:
    found: dict[str, _Tiers] = {}
    for unit in UNITS:
        given = getattr(rates, unit)
        if isinstance(given, TieredRate):
            base = (-1, _decimal(given.base, f"{field}.{unit}.base"))
            above = [(start, _decimal(rate, f"{field}.{unit}.above")) for start, rate in given.above]
            found[unit] = (base, *above)
        elif given is not None:
            found[unit] = ((-1, _decimal(given, f"{field}.{unit}")),)
    return found


def _decimal(given: object, field: str) -> Decimal:
    """Return a rate as a number; decimal text, a `Decimal` or a whole number is one."""
    if isinstance(given, Decimal) or (isinstance(given, int) and not isinstance(given, bool)):
        given = f"{given:f}" if isinstance(given, Decimal) else str(given)
    if not isinstance(given, str) or not _RATE.fullmatch(given):
        raise InvalidInput(f"{field} must be decimal text such as '2.50', not below 0, not {quote(given)}", field=field)
    return Decimal(given)


def _optional(given: object, field: str) -> Decimal | None:
    return None if given is None else _decimal(given, field)


def _read_variant(variant: Variant, field: str) -> _Matching:
    return _Matching(
        _read_when(variant, field),
        (variant.service_tier, variant.speed, variant.region, variant.batch),
        _read_rates(variant, field),
        _optional(variant.multiplier, f"{field}.multiplier"),
    )


def _read_when(change: Change, field: str) -> _When:
    hours = tuple(_read_window(window, f"{field}.windows") for window in change.windows)
    return _When(_stamp(change.since), _stamp(change.until), hours)


def _stamp(day: date | None) -> float | None:
    return None if day is None else float((day.toordinal() - _EPOCH) * _DAY)


def _read_window(window: Window, field: str) -> _Hours:
    return _Hours(
        _seconds(window.start, field),
        _seconds(window.end, field),
        window.weekdays,
        frozenset(day.toordinal() - _EPOCH for day in window.except_days),
    )


def _seconds(time: str, field: str) -> int:
    hours, _, minutes = time.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60
    except ValueError:
        raise InvalidInput(f"{field} must be times such as 01:00, not {quote(time)}", field=field) from None
