"""What a model's price is: rates per unit with tiers, dates, hours and variants, and their JSON form, one line a model.

    {"input":{"base":"2.5","above":[[272000,"5"]]},"output":"15","cache_read":"0.25",
     "changes":[{"since":"2026-10-19","input":"2","output":"12"}],
     "variants":[{"batch":true,"input":"1.25","output":"7.5"}]}

Rates are decimal text in US dollars per the unit's quantity (`UNITS`); a number is refused, as a binary float is no
price. Zero is a price; a rate that is left out is unknown.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Struct, ValidationError, convert, to_builtins

from ratatoskr.errors import InvalidInput

__all__ = ["UNITS", "Change", "Price", "Rates", "TieredRate", "Unit", "Variant", "Window"]


class Unit(NamedTuple):
    """What a rate is paid for.

    Attributes:
        per: the quantity that a rate is the price of.
        parents: the units that it is a part of: without a rate of its own it takes that of the first which has one.
        same: whether vendors publish no rate of its own where it costs what its parent costs.
    """

    per: int
    parents: tuple[str, ...] = ()
    same: bool = False


_MILLION: Final = 1_000_000
UNITS: Final[dict[str, Unit]] = {
    "input": Unit(_MILLION),
    "cache_read": Unit(_MILLION, ("input",)),
    "cache_write": Unit(_MILLION, ("input",)),
    "cache_write_long": Unit(_MILLION, ("cache_write",)),  # kept for 1 h (Anthropic, Moonshot) or 12 h (OpenAI)
    "input_audio": Unit(_MILLION, ("input",)),
    "input_image": Unit(_MILLION, ("input",), same=True),
    "input_video": Unit(_MILLION, ("input",), same=True),
    "cache_read_audio": Unit(_MILLION, ("cache_read", "input_audio")),
    "cache_read_image": Unit(_MILLION, ("cache_read", "input_image"), same=True),
    "cache_read_video": Unit(_MILLION, ("cache_read", "input_video"), same=True),
    "output": Unit(_MILLION),
    "reasoning": Unit(_MILLION, ("output",), same=True),
    "output_audio": Unit(_MILLION, ("output",)),
    "output_image": Unit(_MILLION, ("output",)),
    "output_video": Unit(_MILLION, ("output",)),
    "web_searches": Unit(1000),
    "file_searches": Unit(1000),
    "requests": Unit(1000),
    "pages": Unit(1000),
    "seconds": Unit(3600),  # of audio; the rate is that of an hour
    "characters": Unit(_MILLION),
}
"""Every unit; tokens and characters are priced by the million, calls and pages by the thousand."""

_PATH: Final = re.compile(r"at `\$([^`]*)`")

RateText = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,18})?\Z")]


class TieredRate(Struct, frozen=True, forbid_unknown_fields=True):
    """A rate that changes with the size of the prompt: above a threshold the whole request has the higher rate.

    Attributes:
        base: up to the first threshold.
        above: thresholds, ascending, in tokens of the whole prompt, and the rate when the prompt has more.
    """

    base: RateText
    above: tuple[tuple[Annotated[int, Meta(ge=0)], RateText], ...]

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.above]
        if starts != sorted(set(starts)):
            raise ValueError(f"thresholds must ascend, not be {starts}")


class Rates(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A rate for each unit of `UNITS`: decimal text, or a `TieredRate`."""

    input: RateText | TieredRate | None = None
    cache_read: RateText | TieredRate | None = None
    cache_write: RateText | TieredRate | None = None
    cache_write_long: RateText | TieredRate | None = None
    input_audio: RateText | TieredRate | None = None
    input_image: RateText | TieredRate | None = None
    input_video: RateText | TieredRate | None = None
    cache_read_audio: RateText | TieredRate | None = None
    cache_read_image: RateText | TieredRate | None = None
    cache_read_video: RateText | TieredRate | None = None
    output: RateText | TieredRate | None = None
    reasoning: RateText | TieredRate | None = None
    output_audio: RateText | TieredRate | None = None
    output_image: RateText | TieredRate | None = None
    output_video: RateText | TieredRate | None = None
    web_searches: RateText | TieredRate | None = None
    file_searches: RateText | TieredRate | None = None
    requests: RateText | TieredRate | None = None
    pages: RateText | TieredRate | None = None
    seconds: RateText | TieredRate | None = None
    characters: RateText | TieredRate | None = None


class Window(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Hours of the day in UTC.

    Attributes:
        start: the first moment, such as `01:00`.
        end: the first moment after it; one before `start` is on the next day.
        weekdays: ISO numbers of the days on which it holds, 1 for Monday; empty for every day.
        except_days: days on which it does not hold, such as public holidays.
    """

    start: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
    end: Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z")]
    weekdays: tuple[Annotated[int, Meta(ge=1, le=7)], ...] = ()
    except_days: tuple[date, ...] = ()


class Change(Rates, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Rates that stand in place of all others from a date on, or within hours of the day.

    Attributes:
        since: the first day, in UTC.
        until: the first day on which they do not hold any more.
        windows: the hours within which they hold; empty for all.
    """

    since: date | None = None
    until: date | None = None
    windows: tuple[Window, ...] = ()


class Variant(Change, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Rates that replace single others where an answer was served in another way; all that is given must match.

    Attributes:
        service_tier: the tier that the answer names.
        speed: the speed that the answer names.
        region: where it was processed, as the answer names it.
        batch: whether it came from a batch.
        multiplier: multiplies every rate of tokens that this or another variant does not replace.
    """

    service_tier: str | None = None
    speed: str | None = None
    region: str | None = None
    batch: bool = False
    multiplier: RateText | None = None


class Price(Rates, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, dict=True):
    """The price of a model: its rates, and how they change.

        Price(input="2.5", output="15", cache_read="0.25")

    Attributes:
        changes: the last one that holds at a time is the price at that time.
        variants: for each unit the first that matches and has a rate for it decides.
        multiplier: multiplies every amount, as for a discount that you have.
    """

    changes: tuple[Change, ...] = ()
    variants: tuple[Variant, ...] = ()
    multiplier: RateText | None = None

    def check(self) -> Price:
        """Return this price with every part of it checked, as decoding checks one; a `Decimal` becomes text.

        Raises:
            InvalidInput: a part is not what it must be, such as a float or a negative rate, or there is no rate at all;
                `field` is its path.
        """
        if self == Price():
            raise InvalidInput("price must have a rate, such as input and output", field="price")
        try:
            return convert(to_builtins(self), Price)
        except ValidationError as error:
            text = str(error)
            path = _PATH.search(text)
            field = "price" if path is None else f"price{path[1]}"
            raise InvalidInput(f"{field} {describe_problem(text.partition(' - at ')[0])}", field=field) from None


def describe_problem(text: str) -> str:
    """Return in words what msgspec says is wrong with a rate."""
    if "matching regex" in text:
        return "must be decimal text that is not negative, such as '2.50'"
    if "`str" in text and re.search("got `(float|int|bool)`", text):
        return "must be decimal text such as '2.50', not a number: binary floats are no prices"
    return f"is wrong: {text[:1].lower()}{text[1:]}"
