"""A circuit breaker for each model at each provider: where requests fail in a row, others are asked for a while.

Closed: every request is admitted, and failures are counted. Open: requests go to other candidates. Half-open, when the
open period has passed: one request, the probe, is admitted; its answer closes the breaker, its failure opens it again
for twice as long.

What an admission belongs to is the state object that admitted it. One that ends after the state has changed counts for
nothing, and only the probe that is under way settles an open state: a request from before the outage neither closes nor
opens anything.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from ratatoskr._fork import call_in_child
from ratatoskr.registry.backoff import Clock
from ratatoskr.registry.log import log_breaker
from ratatoskr.types.model import BreakerHealth, BreakerState
from ratatoskr.types.rests import MAX_RESULTS

__all__ = ["MAX_RESULTS", "Admission", "Breaker", "BreakerSettings"]

MAX_CIRCUITS: Final = 1024
"""The most circuits of each kind that are remembered; the names of models may come from untrusted input."""
_JITTER: Final = 0.2
_PROBE_LIFE: Final = 60.0
"""Seconds after which a probe that is still under way keeps no other from being sent, and settles nothing any more."""


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and for how long.

    Attributes:
        failures: in a row that open it; at most `MAX_RESULTS`.
        failure_ratio: of failed requests within the window that opens it, too.
        minimum_requests: in the window for the ratio to count; at most `MAX_RESULTS`.
        window: seconds.
        open_for: seconds of the first open period; each one that a failed probe begins is twice as long.
        max_open_for: seconds of the longest open period.
    """

    failures: int = 5
    failure_ratio: float = 0.5
    minimum_requests: int = 20
    window: float = 30.0
    open_for: float = 5.0
    max_open_for: float = 60.0


class Closed:
    """A state that admits every request, and the admission of each: the results so far."""

    __slots__ = ("_answered", "_breaker", "_failed", "_row", "circuit")

    def __init__(self, breaker: Breaker, circuit: str) -> None:
        self.circuit = circuit
        self._breaker = breaker
        self._answered = deque[float](maxlen=MAX_RESULTS)
        self._failed = deque[float](maxlen=MAX_RESULTS)
        self._row: list[float] = []  # the failures since the last answer

    def succeed(self, now: float) -> None:
        """Note an answer at this time; without a lock, because an answer never opens the breaker."""
        self._answered.append(now)
        if self._row:
            self._row.clear()

    def fail(self) -> None:
        """Note a failure that counts."""
        self._breaker.count_failure(self)

    def give_back(self) -> None:
        """Note the end of a request that says nothing about the provider."""

    def add_failure(self, settings: BreakerSettings, now: float) -> bool:
        """Add a failure and return whether the failures so far open the breaker."""
        self._failed.append(now)
        self._row.append(now)
        if len(self._row) >= settings.failures:
            return True
        if len(self._answered) + len(self._failed) < settings.minimum_requests:
            return False
        # Tuples: other threads append answers at the same time. Where a deque is full, both count from its start.
        both = tuple(self._answered), tuple(self._failed)
        start = max([now - settings.window, *(times[0] for times in both if len(times) == MAX_RESULTS)])
        answered, failed = (sum(time >= start for time in times) for times in both)
        total = answered + failed
        return total >= settings.minimum_requests and failed >= settings.failure_ratio * total


@dataclass(slots=True, eq=False)
class Open:
    """A state that admits nothing until its end, then one probe at a time."""

    circuit: str
    since: float
    until: float
    period: float
    probe: Probe | None = None

    def is_due(self, now: float) -> bool:
        """Return whether a probe may be sent."""
        return now >= self.until and (self.probe is None or now >= self.probe.began + _PROBE_LIFE)


@dataclass(slots=True, eq=False)
class Probe:
    """The admission of one request in an open state; it settles the state only while it is the state's own."""

    breaker: Breaker
    state: Open
    began: float

    def succeed(self, now: float) -> None:
        """Close the breaker."""
        self.breaker.settle(self, None)

    def fail(self) -> None:
        """Open the breaker for another, longer period."""
        self.breaker.settle(self, self.breaker.now())

    def give_back(self) -> None:
        """Let another request be the probe: this one was cancelled, filtered, or refused."""
        if self.state.probe is self:
            self.state.probe = None


Admission: TypeAlias = Closed | Probe
"""What a request was admitted by; one of its three methods is called when the request has ended."""


class Breaker:
    """The breakers of all models; may be used from several threads.

    Args:
        settings: when they open, and for how long.
        clock: time and chance.

    Attributes:
        closed: the closed states by circuit, `provider:model`.
        opened: the others, in the order in which they opened.
    """

    def __init__(self, settings: BreakerSettings, clock: Clock) -> None:
        self._settings = settings
        self._random = clock.random
        self.now = clock.now
        self.closed: dict[str, Closed] = {}
        self.opened: dict[str, Open] = {}
        self._renew_lock()
        call_in_child(self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def admit(self, circuit: str, *, force: bool = False) -> Admission | None:
        """Return the admission of a request; `None` if the breaker does not admit it.

        Args:
            circuit: the provider and the model.
            force: for a request that is made in any case, because no other candidate may be asked. In an open state it
                is the probe, though early, unless one is under way; then it settles nothing.
        """
        return self.closed.get(circuit) or self._admit(circuit, force)

    def _admit(self, circuit: str, force: bool) -> Admission | None:
        with self._lock:
            state = self.opened.get(circuit)
            if state is None:
                return self.closed.get(circuit) or self._close(circuit)
            now = self.now()
            probe = Probe(self, state, now)
            if state.is_due(now) or (force and state.probe is None):
                state.probe = probe
                return probe
            return probe if force else None

    def count_failure(self, state: Closed) -> None:
        """Count a failure of a request that a closed state admitted, and open the breaker if it has too many."""
        now = self.now()
        with self._lock:
            if not state.add_failure(self._settings, now) or self.closed.get(state.circuit) is not state:
                return
            seconds = self._open(state.circuit, self._settings.open_for, now)
        log_breaker(state.circuit, seconds)  # without the lock: a handler may do anything

    def settle(self, probe: Probe, failed: float | None) -> None:
        """Close or reopen by the result of a probe: an answer, or a failure at a time."""
        with self._lock:
            state = probe.state
            if state.probe is not probe or self.opened.get(state.circuit) is not state:
                return
            state.probe = None
            seconds = None
            if failed is None:
                self._close(state.circuit)
            elif failed >= state.until:
                seconds = self._open(state.circuit, state.period * 2, failed)
            else:  # an early probe changes nothing by failing
                return
        log_breaker(state.circuit, seconds)

    def _close(self, circuit: str) -> Closed:
        self.opened.pop(circuit, None)
        _make_room(self.closed)
        state = self.closed[circuit] = Closed(self, circuit)
        return state

    def _open(self, circuit: str, period: float, now: float) -> float:
        self.closed.pop(circuit, None)
        self.opened.pop(circuit, None)  # so that it becomes the last
        _make_room(self.opened)
        period = min(period, self._settings.max_open_for)
        seconds = period * (1 - _JITTER + 2 * _JITTER * self._random())
        self.opened[circuit] = Open(circuit, now, now + seconds, period)
        return seconds

    def watch(self, circuit: str) -> Callable[[], None] | None:
        """Return what notes a failure later than the answer, as of a stream that breaks off; `None` unless closed."""
        state = self.closed.get(circuit)
        return None if state is None else state.fail

    def open_since(self, circuit: str) -> float:
        """Return when the breaker opened, if a request would not be admitted now; else minus infinity."""
        state = self.opened.get(circuit)
        return -math.inf if state is None or state.is_due(self.now()) else state.since

    def state_of(self, circuit: str) -> tuple[BreakerState | None, float]:
        """Return whether a breaker is open or half-open, `None` if closed, and the seconds until a probe is due."""
        state = self.opened.get(circuit)
        if state is None:
            return None, 0.0
        left = state.until - self.now()
        return ("open", left) if left > 0 else ("half_open", 0.0)

    def health(self) -> tuple[BreakerHealth, ...]:
        """Return the breakers that are not closed, in the order in which they opened."""
        health = []
        for circuit in list(self.opened):
            provider, _, model = circuit.partition(":")
            state, left = self.state_of(circuit)
            if state is not None:  # another thread may have closed it
                health.append(BreakerHealth(provider, model, state, left))
        return tuple(health)


def _make_room(states: dict[str, Closed] | dict[str, Open]) -> None:
    if len(states) >= MAX_CIRCUITS:
        del states[next(iter(states))]
