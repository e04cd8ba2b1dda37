"""Worker threads, one for each core, shared by all models of a pool; a queue of small calls and one of large calls.

Small calls come first. Those that are queued at the same time are computed together; a worker never waits for more.
Large calls are run in pieces of tens of milliseconds, so that a small call waits for one piece at most.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from ratatoskr._fork import call_in_child
from ratatoskr.errors import GatewayClosed, MalformedResponse

__all__ = ["MAX_JOINED", "Delivery", "QueuedCall", "Task", "Workers"]

MAX_JOINED: Final = 8
"""Items of small calls that one worker computes together; with more of them other workers would be idle."""
_JOIN_TIME: Final = 3.0
"""Seconds that closing waits for all threads; what does not end by then is left behind and delivers nothing."""
_ALL: weakref.WeakSet[Workers] = weakref.WeakSet()


Delivery = Callable[[], None]
"""Delivers results. Its thread counts as idle by then, so that it is idle for the next call of the same caller."""


class Task(Protocol):
    """A large call that is run in pieces."""

    def next_piece(self) -> Callable[[], Delivery | None] | None:
        """Return the next piece to run; `None` if none is left or none can start yet. Called under the lock."""
        ...

    def done(self) -> bool:
        """Return whether no further piece will come."""
        ...

    def fail(self, error: BaseException) -> None:
        """End the call with an error."""
        ...


class QueuedCall(Protocol):
    """A small call of `size` items; calls with the same `key` are run together."""

    key: object
    size: int

    def fail(self, error: BaseException) -> None:
        """End the call with an error."""
        ...


Run = Callable[[list[QueuedCall], bool], Delivery]
"""Runs small calls of one key; the flag says whether nothing else is being computed."""


@dataclass(eq=False, slots=True)
class _Work:
    """What one thread runs, and the calls that it is for."""

    run: Callable[[], Delivery | None]
    calls: Sequence[QueuedCall | Task]


class Workers:
    """The threads; started by the first call, ended by `close` or at the exit of the interpreter."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._changed = threading.Condition()
        self._small: deque[tuple[QueuedCall, Run]] = deque()
        self._large: deque[Task] = deque()
        self._threads: list[threading.Thread] = []
        self._running: list[_Work] = []
        self._closed = False
        _ALL.add(self)
        call_in_child(self._renew)

    def submit_small(self, call: QueuedCall, run: Run) -> None:
        """Queue a small call; `run` is called with it and other calls of its key."""
        with self._changed:
            self._start()
            self._small.append((call, run))
            self._changed.notify()

    def submit(self, task: Task) -> None:
        """Queue a large call."""
        with self._changed:
            self._start()
            self._large.append(task)
            self._changed.notify_all()

    def wake(self) -> None:
        """Make the workers look for pieces again: one that could not start before may be able to now."""
        with self._changed:
            self._changed.notify_all()

    def retire(self) -> None:
        """End the threads once nothing is left to compute, without waiting for them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads; all calls fail with `GatewayClosed`, those under way too. May be called several times.

        Failing a call stops its runs, so that the threads end soon; one that does not is waited for a few seconds.
        """
        with self._changed:
            self._closed = True
            waiting: list[QueuedCall | Task] = [call for call, _ in self._small]
            waiting += [call for work in self._running for call in work.calls]
            waiting += self._large
            self._small.clear()
            self._large.clear()
            self._changed.notify_all()
        for call in waiting:
            call.fail(GatewayClosed("the gateway is closed"))
        deadline = time.monotonic() + _JOIN_TIME
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _renew(self) -> None:
        """Start over in a forked child, where the threads do not exist and one of them may have held the lock."""
        self._changed = threading.Condition()
        self._threads, self._running = [], []
        self._small.clear()
        self._large.clear()

    def _start(self) -> None:
        if self._closed:
            raise GatewayClosed("the gateway is closed")
        while len(self._threads) < self.count:
            thread = threading.Thread(target=self._work, name=f"ratatoskr-local-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (work := self._take_work()) is None:
                    if self._closed:
                        return
                    self._changed.wait()
                self._running.append(work)
            calls = work.calls
            try:
                try:
                    deliver = work.run()
                finally:
                    with self._changed:
                        self._running.remove(work)
                    del work
                if deliver is not None:
                    deliver()
                    del deliver
            except BaseException as error:  # such as a panic of the extension: the thread goes on, and no caller waits
                failure = f"the computation failed: {type(error).__name__}: {error}"
                for call in calls:
                    call.fail(MalformedResponse(failure, retryable=False))
            del calls

    def _take_work(self) -> _Work | None:
        """Return what to run next: small calls, or a piece of the oldest large call that has one. Holds the lock."""
        if self._small:
            joined, run = self._take_small_calls()
            alone = not self._running and not self._small and all(task.done() for task in self._large)
            return _Work(partial(run, joined, alone), joined)
        for task in tuple(self._large):
            if (piece := task.next_piece()) is not None:
                return _Work(piece, (task,))
            if task.done():
                self._large.remove(task)
        return None

    def _take_small_calls(self) -> tuple[list[QueuedCall], Run]:
        first, run = self._small.popleft()
        joined, size = [first], first.size
        while self._small and self._small[0][0].key == first.key and size + self._small[0][0].size <= MAX_JOINED:
            call, _ = self._small.popleft()
            joined.append(call)
            size += call.size
        return joined, run


def _close_all() -> None:
    for workers in tuple(_ALL):
        workers.close()


atexit.register(_close_all)
