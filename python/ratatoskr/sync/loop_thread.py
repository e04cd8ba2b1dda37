"""One long-lived event loop in a thread of its own, for callers that block."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import inspect
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from ratatoskr._fork import abandon, call_in_child
from ratatoskr.errors import GatewayClosed
from ratatoskr.sync.thread_loop import cancel_all

T = TypeVar("T")


class LoopThread:
    """Runs coroutines on its loop and waits for them; in a forked child it starts a fresh one at first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop_if_dropped: weakref.finalize[..., Any] | None = None
        self._stopped = False
        self._pending: set[_PendingCall[Any]] = set()
        _all.add(self)
        call_in_child(self._renew)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what the coroutine returns; an interrupt of the caller cancels it.

        Raises:
            RuntimeError: called on the loop's own thread, which would wait for itself.
            GatewayClosed: the thread was stopped.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a blocking call on the gateway's own event loop would never return: await it there")
        call = _PendingCall(coroutine, self._pending)
        loop: asyncio.AbstractEventLoop | None = None
        try:
            loop = self._start(call)
            return call.outcome()
        except asyncio.CancelledError:
            _stay_if_exiting()
            raise GatewayClosed("the gateway was closed while the call ran") from None
        except BaseException:  # an interrupt may come as soon as the loop has been told to start the call
            loop = loop or self._loop
            if loop is None:
                call.abandon()
            else:
                with contextlib.suppress(RuntimeError):  # closed in the meantime, and the call ended with it
                    loop.call_soon_threadsafe(call.cancel)
            raise

    def _start(self, call: _PendingCall[Any]) -> asyncio.AbstractEventLoop:
        try:
            loop = self.loop()
            loop.call_soon_threadsafe(call.start)
        except RuntimeError:
            call.abandon()
            _stay_if_exiting()
            raise GatewayClosed("the gateway is closed") from None
        return loop

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
        """Return the loop; start it if it is not running."""
        loop = self._loop
        if loop is not None:
            return loop
        with self._lock:
            if self._stopped:
                raise RuntimeError("stopped")
            if self._loop is None:
                loop = asyncio.new_event_loop()
                arguments = (loop, self._pending)
                self._thread = threading.Thread(target=_serve, args=arguments, name="ratatoskr-sync", daemon=True)
                self._thread.start()
                self._loop = loop
                self._stop_if_dropped = weakref.finalize(self, _stop, loop)
                self._stop_if_dropped.atexit = False
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

    def _renew(self) -> None:
        """Start with a fresh loop in a forked child, where the thread does not exist."""
        self._lock = threading.Lock()
        if self._loop is not None:
            abandon(self._loop)  # closing it would touch descriptors that the parent shares
        if self._stop_if_dropped is not None:
            self._stop_if_dropped.detach()
        self._loop = self._thread = None
        self._pending = set()


class _PendingCall(Generic[T]):
    """A coroutine that the loop of another thread runs, and the wait for its outcome.

    Like `asyncio.run_coroutine_threadsafe` at half the cost: one lock in place of two futures, their callbacks and a
    condition.
    """

    __slots__ = ("_coroutine", "_ended", "_error", "_result", "_running", "_task")

    def __init__(self, coroutine: Coroutine[Any, Any, T], running: set[_PendingCall[Any]]) -> None:
        self._coroutine = coroutine
        self._ended = threading.Lock()
        self._ended.acquire()
        self._error: BaseException | None = None
        self._running = running
        self._task: asyncio.Task[None] | None = None
        running.add(self)

    def start(self) -> None:
        """Start the coroutine; call it on the loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            self._result = await self._coroutine
        except BaseException as error:  # raised again by `outcome`
            self._error = error
        finally:
            self._end()

    def cancel(self) -> None:
        """Cancel the coroutine; call it on the loop."""
        if self._task is not None:
            self._task.cancel()
            if inspect.getcoroutinestate(self._coroutine) == inspect.CORO_CREATED:
                self.abandon()  # a task that is cancelled before its first step never runs the coroutine

    def abandon(self) -> None:
        """End the call as cancelled because no loop will run it."""
        self._coroutine.close()
        self._error = asyncio.CancelledError()
        self._end()

    def _end(self) -> None:
        if self in self._running:
            self._running.discard(self)
            self._ended.release()

    def outcome(self) -> T:
        """Wait for the end; return what the coroutine returned, or raise what it raised."""
        self._ended.acquire()
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame


_all: weakref.WeakSet[LoopThread] = weakref.WeakSet()


def _serve(loop: asyncio.AbstractEventLoop, pending: set[_PendingCall[Any]]) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        cancel_all(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
        for call in list(pending):
            call.abandon()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(RuntimeError):  # it was closed
        loop.call_soon_threadsafe(loop.stop)


_exiting = False


def _stay_if_exiting() -> None:
    """Block a daemon thread while the interpreter exits, which then stops it like every daemon thread.

    An error would be wrong (no one closed the gateway) and would print a traceback to stderr.
    """
    if _exiting and threading.current_thread().daemon:
        threading.Event().wait()


def _at_exit() -> None:
    global _exiting  # noqa: PLW0603  # a process ends once
    _exiting = True
    for thread in list(_all):
        thread.stop()


atexit.register(_at_exit)
