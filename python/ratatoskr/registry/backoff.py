"""The delay before a retry: full jitter, the provider's hint, and a clock that tests can replace.

Backoff follows "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): uniform in [0, min(cap, base * 2^n)].
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol

from ratatoskr.errors import RatatoskrError, RateLimited

HINT_CAP = 60.0
"""The longest wait in seconds that a provider may request; beyond it the next candidate is tried, or the call fails."""
PATIENCE = 2.0
"""The longest wait in seconds while another candidate is available."""
MIN_TRY = 1.0
"""Seconds that must remain for an attempt after the first."""

_TRANSIENT = (0.25, 8.0)
_THROTTLE = (1.0, 20.0)


class Clock(Protocol):
    """The time and random numbers of a chain."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait some seconds."""
        ...

    def random(self) -> float:
        """Return a random number in [0, 1)."""
        ...


class SystemClock:
    """The clock and random numbers of the system."""

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
