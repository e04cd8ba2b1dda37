"""An event loop for each thread, for blocking calls that need no other thread.

A call on another thread's loop costs two thread wake-ups and runs without the caller's context variables. A call that
leaves nothing open when it returns avoids both.
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
    """Run a coroutine on the event loop of this thread and return its result; an interrupt cancels it.

    The thread must not be running a loop; see `can_run_in_thread_loop`.
    """
    own: _ThreadLoop | None = getattr(_threads, "own", None)
    if own is None or own.loop.is_closed():
        own = _threads.own = _ThreadLoop()
    try:
        return own.loop.run_until_complete(coroutine)
    except Exception:
        raise
    except BaseException:
        cancel_all(own.loop)
        raise


def can_run_in_thread_loop() -> bool:
    """Return whether this thread can start an event loop (none is running in it)."""
    return asyncio._get_running_loop() is None


class _ThreadLoop:
    """The loop of a thread; referenced by the thread alone, so that it is closed when the thread ends."""

    __slots__ = ("home", "loop")

    def __init__(self) -> None:
        self.home = os.getpid()
        # Unlike the default loop, it can watch descriptors on every system.
        self.loop = asyncio.SelectorEventLoop()
        _loops.add(self.loop)

    def __del__(self) -> None:
        # In a forked child the other threads' state is cleared before `_after_fork` runs.
        if self.home == os.getpid():
            _loops.discard(self.loop)
            self.loop.close()


_threads = threading.local()
_loops: set[asyncio.AbstractEventLoop] = set()
"""All open loops: in a forked child those of the parent's threads must not be closed."""


def cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel every task of a loop that is not running, and wait for them to end."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:  # without tasks, `gather` would make a future of another loop
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


def _after_fork() -> None:
    abandon(*_loops)
    _loops.clear()
    vars(_threads).clear()


def _at_exit() -> None:
    own: _ThreadLoop | None = getattr(_threads, "own", None)
    if own is not None:
        own.loop.close()


call_in_child(_after_fork)
atexit.register(_at_exit)
