"""Deadlines, all in seconds; what is left `None` is inherited: call, then builder, then `DEFAULTS`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Literal, TypeAlias

from ratatoskr.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for what; `math.inf` switches one off.

    Attributes:
        connect: name resolution, connection and TLS of one try.
        first_byte: from the request having left to the head of the response; without streaming it defaults to `total`.
        idle: between two pieces of a body, keep-alives counting as pieces.
        no_progress: between two events that mean something.
        attempt: one try; of a stream until its first event.
        total: the whole call with all tries and waits; of a stream until its first event.
        stream_life: a stream as a whole.
    """

    connect: float | None = None
    first_byte: float | None = None
    idle: float | None = None
    no_progress: float | None = None
    attempt: float | None = None
    total: float | None = None
    stream_life: float | None = None

    def __post_init__(self) -> None:
        for name, value in zip(_NAMES, _values(self), strict=True):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value <= 0:
                field = f"timeouts.{name}"
                raise InvalidInput(f"{field} must be seconds above 0 (math.inf for none), not {value!r}", field=field)

    def over(self, base: Timeouts) -> Timeouts:
        """Return these with what is unset taken from `base`."""
        if base is self or self is UNSET:
            return base
        both = zip(_values(self), _values(base), strict=True)
        return Timeouts(*(theirs if mine is None else mine for mine, theirs in both))


_NAMES = tuple(field.name for field in fields(Timeouts))
_values = attrgetter(*_NAMES)

UNSET = Timeouts()
"""Everything inherited."""

DEFAULTS = Timeouts(
    connect=5.0, first_byte=60.0, idle=60.0, no_progress=300.0, attempt=math.inf, total=600.0, stream_life=1800.0
)
"""In force where neither the call nor the builder says otherwise."""


def in_force(timeouts: Timeouts, *, streamed: bool) -> Timeouts:
    """Return deadlines of which none is inherited any more."""
    if timeouts.first_byte is None:
        # Without streaming the head comes with the whole answer.
        first_byte = DEFAULTS.first_byte if streamed else timeouts.total or DEFAULTS.total
        timeouts = replace(timeouts, first_byte=first_byte)
    return timeouts.over(DEFAULTS)


TimeoutsLike: TypeAlias = Timeouts | float | int | None


def timeouts_of(value: TimeoutsLike) -> Timeouts:
    """Return `Timeouts` for what callers may pass: seconds in all, `Timeouts`, or `None`."""
    if value is None:
        return UNSET
    if isinstance(value, Timeouts):
        return value
    return Timeouts(total=value)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Limits of one try, in seconds; `None` means without one.

    Attributes:
        connect: name resolution, connection and TLS together.
        first_byte: from the request having left to the head of the response.
        idle: between two pieces of the body; stands still while the reader is behind.
        total: the whole exchange, waiting for a slot included; for streams the chain sets none and watches by itself.
        total_phase: the phase that a `Timeout` by `total` names.
    """

    connect: float | None = 5.0
    first_byte: float | None = 60.0
    idle: float | None = 60.0
    total: float | None = 600.0
    total_phase: Literal["attempt", "total"] = "total"
