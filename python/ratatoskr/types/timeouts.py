"""Deadlines, all in seconds; what is left `None` is inherited: call, then builder, then `DEFAULTS`."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from ratatoskr.errors import InvalidInput
from ratatoskr.types.frozen import dataclass, replace
from ratatoskr.types.visible import quote


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines in seconds; `math.inf` switches one off.

    Attributes:
        connect: name resolution, connection and TLS of one attempt.
        first_byte: from the request having left to the head of the response; without streaming it defaults to `total`.
        idle: between two pieces of a body, keep-alives counting as pieces.
        no_progress: between two events with content.
        attempt: one attempt; for streams until the first event.
        total: the call with all attempts and waits; for streams until the first event.
        stream_life: a stream from its opening to its end.
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
            if not _is_duration(value):
                field = f"timeout.{name}"
                reason = f"must be seconds above 0 (math.inf for none), not {quote(value)}"
                raise InvalidInput(f"{field} {reason}", field=field)

    def over(self, base: Timeouts) -> Timeouts:
        """Return these deadlines, with those that are unset taken from `base`."""
        if base is self or self is UNSET:
            return base
        both = zip(_values(self), _values(base), strict=True)
        return Timeouts(*(theirs if mine is None else mine for mine, theirs in both))


def _is_duration(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return float(value) > 0
    except OverflowError:
        return False


_NAMES = Timeouts.__match_args__
_values = attrgetter(*_NAMES)

UNSET = Timeouts()
"""Everything inherited."""

DEFAULTS = Timeouts(
    connect=5.0, first_byte=60.0, idle=60.0, no_progress=300.0, attempt=math.inf, total=600.0, stream_life=1800.0
)
"""The defaults, if neither the call nor the builder sets a deadline."""


def in_force(timeouts: Timeouts, *, streamed: bool) -> Timeouts:
    """Return deadlines with every unset one replaced by its default."""
    if timeouts.first_byte is None:
        # Without streaming, the headers come together with the complete response.
        first_byte = DEFAULTS.first_byte if streamed else timeouts.total or DEFAULTS.total
        timeouts = replace(timeouts, first_byte=first_byte)
    return timeouts.over(DEFAULTS)


TimeoutsLike: TypeAlias = Timeouts | float | int | None


def timeouts_of(value: TimeoutsLike) -> Timeouts:
    """Return `Timeouts` for what callers may pass: seconds in total, `Timeouts`, or `None`."""
    if value is None:
        return UNSET
    if isinstance(value, Timeouts):
        return value
    return Timeouts(total=value)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Limits of one attempt, in seconds; `None` means no limit.

    Attributes:
        connect: name resolution, connection and TLS together.
        first_byte: from the request having left to the head of the response.
        idle: between two pieces of the body; paused while the reader is behind.
        total: the exchange, including the wait for a slot; `None` for streams, whose deadlines the chain watches.
        total_phase: the phase that a `Timeout` by `total` names.
    """

    connect: float | None = 5.0
    first_byte: float | None = 60.0
    idle: float | None = 60.0
    total: float | None = 600.0
    total_phase: Literal["attempt", "total"] = "total"
