"""One long-lived event loop in a thread of its own, for callers that block."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ratatoskr.errors import GatewayClosed

T = TypeVar("T")


class LoopThread:
    """Runs coroutines on its loop and waits for them; in a forked child it starts a fresh one at first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        _all.add(self)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what the coroutine returns; an interrupt of the caller cancels it.

        Raises:
            RuntimeError: called on the loop's own thread, which would wait for itself.
            GatewayClosed: the thread was stopped.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a blocking call on the gateway's own event loop would never return: await it there")
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self.loop())
        except RuntimeError:
            coroutine.close()
            _stay_if_exiting()
            raise GatewayClosed("the gateway is closed") from None
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            _stay_if_exiting()
            raise GatewayClosed("the gateway was closed while the call ran") from None
        except BaseException:
            future.cancel()
            raise

    def post(self, callback: Callable[[], object]) -> bool:
        """Run a function on the loop without waiting; returns whether there is a loop that will."""
        loop = self._loop
        if loop is None or self._stopped:
            return False
        try:
            loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False  # the loop was closed in the meantime, and what was open on it with it
        return True

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, started if need be."""
        loop = self._loop
        if loop is not None:
            return loop
        with self._lock:
            if self._stopped:
                raise RuntimeError("stopped")
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(loop,), name="ratatoskr-sync", daemon=True)
                self._thread.start()
                self._loop = loop
            return self._loop

    def stop(self, timeout: float = 1.0) -> None:
        """Cancel what runs, end the thread and wait for it; may be called twice, and from the thread itself."""
        with self._lock:
            self._stopped = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(loop.stop)
        if threading.current_thread() is not thread:
            thread.join(timeout)

    def forget(self) -> None:
        """Start anew in a forked child, where the thread does not exist."""
        self._lock = threading.Lock()
        if self._loop is not None:
            _left_behind.append(self._loop)
        self._loop = self._thread = None


_all: weakref.WeakSet[LoopThread] = weakref.WeakSet()
_left_behind: list[Any] = []
"""Loops of the parent, in a child: closing one would touch descriptors that both share."""


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


_exiting = False


def _stay_if_exiting() -> None:
    """Let a daemon thread wait here while the interpreter ends, which then stops it as it stops every such thread.

    Nobody closed the gateway it reads from, so an error would be untrue, and a traceback on stderr besides.
    """
    if _exiting and threading.current_thread().daemon:
        threading.Event().wait()


def _after_fork() -> None:
    for thread in list(_all):
        thread.forget()


def _at_exit() -> None:
    global _exiting  # noqa: PLW0603  # a process ends once
    _exiting = True
    for thread in list(_all):
        thread.stop()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
