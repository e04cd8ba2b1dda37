"""When to try again: full jitter, the provider's own hint, and a clock that tests can turn by hand.

Backoff follows "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): uniform in [0, min(cap, base * 2^n)].
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol

from ratatoskr.errors import RatatoskrError, RateLimited

HINT_CAP = 60.0
"""Longest wait, in seconds, that a provider may ask of us; beyond it the call goes elsewhere or fails with the hint."""
PATIENCE = 2.0
"""A wait longer than this is not made while another candidate is ready."""
MIN_TRY = 1.0
"""Seconds that must remain for a try after the first."""

_TRANSIENT = (0.25, 8.0)
_THROTTLE = (1.0, 20.0)


class Clock(Protocol):
    """Time and chance, as the chain sees them."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def random(self) -> float:
        """Return a number from 0 up to 1."""
        ...


class SystemClock:
    """The machine's own."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)
    random = staticmethod(random.random)


def backoff(error: RatatoskrError, retry: int, clock: Clock) -> float:
    """Return the seconds to wait before retry number `retry` (from 0), the provider's hint included."""
    base, cap = _THROTTLE if isinstance(error, RateLimited) else _TRANSIENT
    jitter: float = clock.random() * min(cap, base * 2.0**retry)
    if error.retry_after is None:
        return jitter
    return max(error.retry_after, jitter) + clock.random() * 0.1 * error.retry_after
