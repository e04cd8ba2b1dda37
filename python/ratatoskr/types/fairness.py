"""A fair share of the event loop for every task, however fast the data of one of them arrive.

Awaiting what is ready does not suspend a task, so a loop over it calls `yield_to_loop` now and then.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Final

__all__ = ["STEP", "yield_to_loop"]

STEP: Final = 16
"""The number of items that a loop hands out between two calls of `yield_to_loop`."""

_SLICE: Final = 0.005
"""The number of seconds that a task may run before it lets others run."""


class _Thread(threading.local):
    """When a task of this thread's event loop last let the others run, in seconds of `time.monotonic`."""

    yielded = 0.0


_thread = _Thread()


async def yield_to_loop() -> None:
    """Let the other tasks of the event loop run, unless a call in this thread has done so within the last 5 ms.

    The time is that of the thread and not of the task: the tasks of a busy loop yield once per 5 ms all together.
    """
    if time.monotonic() - _thread.yielded > _SLICE:
        await asyncio.sleep(0)
        _thread.yielded = time.monotonic()
