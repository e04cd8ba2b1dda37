"""Deadlines, all in seconds; what is left `None` is inherited: call, then builder, then `DEFAULTS`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
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
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value <= 0:
                name = f"timeouts.{field.name}"
                raise InvalidInput(f"{name} must be seconds above 0 (math.inf for none), not {value!r}", field=name)

    def over(self, base: Timeouts) -> Timeouts:
        """Return these with what is unset taken from `base`."""
        if base is self:
            return self
        mine = ((f.name, getattr(self, f.name)) for f in fields(self))
        return Timeouts(**{name: getattr(base, name) if value is None else value for name, value in mine})


DEFAULTS = Timeouts(
    connect=5.0, first_byte=60.0, idle=60.0, no_progress=300.0, attempt=math.inf, total=600.0, stream_life=1800.0
)
"""In force where neither the call nor the builder says otherwise."""

TimeoutsLike: TypeAlias = Timeouts | float | int | None


def timeouts_of(value: TimeoutsLike) -> Timeouts:
    """Return `Timeouts` for what callers may pass: seconds in all, `Timeouts`, or `None`."""
    if value is None:
        return Timeouts()
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
