"""`Lane`: a fair queue before a ledger: calls reserve in the order in which they arrive, until a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from ratatoskr._fork import call_in_child
from ratatoskr.errors import GatewayClosed
from ratatoskr.ledger.protocol import Charge, Hold, Ledger, Refusal

__all__ = ["Lane", "Late", "Sleeps"]

_POLL = 0.25
"""Seconds after which a shared ledger is asked again: what other processes give back is not announced."""
_SHORTEST = 0.001
"""Seconds: rounding must not make a wait that does not move the clock."""


class Sleeps(Protocol):
    """A clock that can be waited on."""

    async def sleep(self, seconds: float) -> None:
        """Wait some seconds."""
        ...


class Late(Exception):
    """The amounts cannot be reserved in time.

    Attributes:
        refusal: why.
        seconds: until they can; an estimate where it depends on calls under way.
    """

    def __init__(self, refusal: Refusal, seconds: float) -> None:
        super().__init__()
        self.refusal = refusal
        self.seconds = seconds


class _Waiter:
    """A call in the queue.

    Attributes:
        choices: what it wants to reserve: the amounts of one of these.
        deadline: when it gives up.
        loop: that it runs in.
        wake: is done when the call has to look again.
        late: it was found to be too late by the call in front.
        hopeful: it waits as long as there is a chance.
    """

    __slots__ = ("choices", "deadline", "hopeful", "late", "loop", "wake")

    def __init__(self, choices: Sequence[Sequence[Charge]], deadline: float, hopeful: bool) -> None:
        self.choices = choices
        self.deadline = deadline
        self.hopeful = hopeful
        self.loop = asyncio.get_running_loop()
        self.wake: asyncio.Future[None] = self.loop.create_future()
        self.late = False

    def is_late(self, refusal: Refusal, seconds: float = 0.0) -> bool:
        """Return whether it need not wait, where it can reserve some seconds after what was refused."""
        return (refusal.earliest if self.hopeful else refusal.ready) + seconds > self.deadline


class Lane:
    """The calls that are subject to the same limits, in the order in which they came.

    Only the first one asks the ledger, and sleeps until it can have what it wants, or until the deadline of any of
    them. The others wait until they are first.

    Args:
        ledger: counts.
        now: the clock of the ledger.
        clock: that is waited on.

    Attributes:
        waiters: the calls that wait.
        closed: whether it was closed.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float], clock: Sleeps) -> None:
        self._ledger = ledger
        self._now = now
        self._clock = clock
        self.waiters: deque[_Waiter] = deque()
        self._last: Refusal | None = None  # of the call that is first
        self._sleeps_until = -math.inf
        self.closed = False
        self._lock = threading.Lock()
        call_in_child(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self.waiters.clear()

    async def reserve(self, choices: Sequence[Sequence[Charge]], patience: float, *, hopeful: bool = True) -> Hold:
        """Reserve amounts, waiting for at most `patience` seconds.

        Args:
            choices: the amounts; of several choices, the first one that fits.
            patience: seconds.
            hopeful: wait as long as there is a chance; otherwise give up as soon as it is not sure that they can be
                reserved in time.

        Raises:
            Late: it cannot be done in time.
            GatewayClosed: the lane was closed.
        """
        if self.closed:
            raise GatewayClosed("the gateway is closed")
        now = self._now()
        if not self.waiters:
            found = await self._try_choices(choices, now)
            if isinstance(found, Hold):
                return found
        waiter = _Waiter(choices, now + patience, hopeful)
        ahead = self._last
        if self.waiters and ahead is not None:
            # Calls are served in order, and each request ahead takes one from a limit of requests.
            ones = [one for one in choices[0] if one.amount == 1]
            turns = [len(self.waiters) // ((one.limit or 1) * len(choices)) * one.per for one in ones]
            behind = max(turns, default=0)
            if waiter.is_late(ahead, behind):
                raise Late(ahead, max(ahead.ready + behind - now, 0.0))
        return await self._queue(waiter)

    async def _try_choices(self, choices: Sequence[Sequence[Charge]], now: float) -> Hold | Refusal:
        """Reserve the first choice that fits, or return the refusal that ends first."""
        if len(choices) == 1:
            return await self._ledger.reserve(choices[0], now)
        refusals = []
        for charges in choices:
            found = await self._ledger.reserve(charges, now)
            if isinstance(found, Hold):
                return found
            refusals.append(found)
        soonest = min(refusals, key=lambda one: one.ready)
        return soonest._replace(earliest=min(one.earliest for one in refusals))

    async def _queue(self, waiter: _Waiter) -> Hold:
        with self._lock:
            self.waiters.append(waiter)
        if waiter.deadline < self._sleeps_until:
            self.wake()  # the first one has to look at this deadline, too
        try:
            while True:
                if self.closed:
                    raise GatewayClosed("the gateway was closed before this call had its turn")
                waiter.wake = waiter.loop.create_future()
                now = self._now()
                if self.waiters[0] is not waiter:
                    if waiter.late and self._last is not None:
                        raise Late(self._last, max(self._last.ready - now, 0.0))
                    await waiter.wake
                    continue
                found = await self._try_choices(waiter.choices, now)
                if isinstance(found, Hold):
                    return found
                self._last = found
                if now >= waiter.deadline or waiter.is_late(found):
                    raise Late(found, max(found.ready - now, 0.0))
                self._sleeps_until = min(found.ready, self._next_deadline())
                await self._sleep(waiter, self._sleeps_until - now)
                self._expire()
        finally:
            with self._lock:
                self.waiters.remove(waiter)
            self.wake()

    async def _sleep(self, waiter: _Waiter, seconds: float) -> None:
        seconds = min(seconds, _POLL) if self._ledger.shared else seconds
        if seconds == math.inf:
            await waiter.wake
            return
        sleep = asyncio.ensure_future(self._clock.sleep(max(seconds, _SHORTEST)))
        try:
            await asyncio.wait((sleep, waiter.wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()

    def _next_deadline(self) -> float:
        with self._lock:
            return min(waiter.deadline for waiter in self.waiters)

    def _expire(self) -> None:
        """Wake the calls behind the first one whose deadline has passed."""
        now = self._now()
        with self._lock:
            late = [one for one in self.waiters if one.deadline <= now and one is not self.waiters[0]]
        for waiter in late:
            waiter.late = True
            _wake(waiter)

    def wake(self) -> None:
        """Let the first call look again, as after something was given back."""
        while self.waiters:
            with self._lock:
                first = self.waiters[0] if self.waiters else None
            if first is None or _wake(first):
                return
            with self._lock, contextlib.suppress(ValueError):
                self.waiters.remove(first)  # its event loop was closed without ending it

    def close(self) -> None:
        """End every wait with `GatewayClosed`."""
        self.closed = True
        with self._lock:
            waiters = list(self.waiters)
        for waiter in waiters:
            _wake(waiter)


def _wake(waiter: _Waiter) -> bool:
    """Wake a call, on any loop; return false if its loop is closed."""
    try:
        waiter.loop.call_soon_threadsafe(_set_result, waiter)
    except RuntimeError:
        return False
    return True


def _set_result(waiter: _Waiter) -> None:
    if not waiter.wake.done():
        waiter.wake.set_result(None)
