"""An event loop of each thread's own, for blocking calls that need no other thread.

To hand a call to another thread's loop means to wake two sleeping threads beside what the call takes itself, and it
runs outside of its caller's context variables. A call that leaves nothing behind when it returns can do without.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from ratatoskr._fork import abandon, call_in_child

T = TypeVar("T")


def run_in_thread_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine returns, run on a loop of the calling thread; an interrupt cancels it.

    The thread must not be running a loop; see `can_run_in_thread_loop`.
    """
    own: _Own | None = getattr(_threads, "own", None)
    if own is None or own.loop.is_closed():
        own = _threads.own = _Own()
    try:
        return own.loop.run_until_complete(coroutine)
    except Exception:
        raise
    except BaseException:
        cancel_all(own.loop)
        raise


def can_run_in_thread_loop() -> bool:
    """Tell whether the calling thread runs no loop, as notebooks and async programs do."""
    return asyncio._get_running_loop() is None


class _Own:
    """Held by the thread alone, so that its loop is closed when the thread ends."""

    __slots__ = ("home", "loop")

    def __init__(self) -> None:
        self.home = os.getpid()
        # It can watch descriptors on every system, which the one by default cannot.
        self.loop = asyncio.SelectorEventLoop()
        _loops.add(self.loop)

    def __del__(self) -> None:
        # In a forked child the other threads' state is cleared before `_after_fork` runs.
        if self.home == os.getpid():
            _loops.discard(self.loop)
            self.loop.close()


_threads = threading.local()
_loops: set[asyncio.AbstractEventLoop] = set()
"""All that are open: after a fork those of threads that the child does not have must not be taken apart there."""


def cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel every task of a loop that is not running, and wait for their ends."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:  # of none, `gather` would make a future of another loop
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


def _after_fork() -> None:
    abandon(*_loops)
    _loops.clear()
    vars(_threads).clear()


def _at_exit() -> None:
    own: _Own | None = getattr(_threads, "own", None)
    if own is not None:
        own.loop.close()


call_in_child(_after_fork)
atexit.register(_at_exit)
