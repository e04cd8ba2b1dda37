"""Threads that compute: one a core, shared by all models of one set, fed from two queues.

Small calls come first and are joined by taking whatever is queued, never by waiting. Windows of large calls are cut
into pieces of tens of milliseconds, so that a small call waits for one of them at most.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from ratatoskr._fork import call_in_child
from ratatoskr.errors import GatewayClosed

__all__ = ["After", "Small", "Task", "Workers"]

MOST_JOINED: Final = 8
"""Texts of small calls that one worker takes at a time; more would keep the other workers idle."""
_ALL: weakref.WeakSet[Workers] = weakref.WeakSet()


After = Callable[[], None]
"""Gives answers out, by which time their thread counts as free: a caller's next text shall find it so."""


class Task(Protocol):
    """A large call in pieces."""

    def piece(self) -> Callable[[], After | None] | None:
        """Return the next piece to run; `None` where none is left or none can begin yet. Called under the lock."""
        ...

    def done(self) -> bool:
        """Tell whether no piece will come any more."""
        ...

    def fail(self, error: BaseException) -> None:
        """End it."""
        ...


class Small(Protocol):
    """A small call: `texts` counts against what is joined; calls of one `key` are run together."""

    key: object
    size: int

    def fail(self, error: BaseException) -> None:
        """End it."""
        ...


Run = Callable[[list[Small], bool], After]
"""Runs small calls of one key; the flag says that nothing else is being computed."""


class Workers:
    """The threads; started at the first call, ended by `close` or with the interpreter."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._changed = threading.Condition()
        self._small: deque[tuple[Small, Run]] = deque()
        self._large: deque[Task] = deque()
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._closed = False
        _ALL.add(self)
        call_in_child(self._renew)

    def submit_small(self, call: Small, run: Run) -> None:
        """Queue a small call; `run` is given it with others of its key."""
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
        """Look again for pieces: one that could not begin before may do so now."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads; what is queued fails with `GatewayClosed`. May be called twice."""
        with self._changed:
            self._closed = True
            waiting: list[Small | Task] = [call for call, _ in self._small]
            waiting += self._large
            self._small.clear()
            self._large.clear()
            self._changed.notify_all()
        for one in waiting:
            one.fail(GatewayClosed("the gateway is closed"))
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(1.0)

    def _renew(self) -> None:
        """Start over in a forked child, where the threads do not exist and one of them may have held the lock."""
        self._changed = threading.Condition()
        self._threads, self._busy = [], 0
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
                while (work := self._next()) is None:
                    if self._closed:
                        return
                    self._changed.wait()
                self._busy += 1
            after = None
            try:
                after = work()
            finally:
                del work
                with self._changed:
                    self._busy -= 1
            if after is not None:
                after()
                del after

    def _next(self) -> Callable[[], After | None] | None:
        """Choose under the lock: small calls first, then the oldest large call that has a piece to run."""
        if self._small:
            joined, run = self._joined()
            alone = self._busy == 0 and not self._small and all(task.done() for task in self._large)
            return lambda: run(joined, alone)
        for task in tuple(self._large):
            if (piece := task.piece()) is not None:
                return piece
            if task.done():
                self._large.remove(task)
        return None

    def _joined(self) -> tuple[list[Small], Run]:
        first, run = self._small.popleft()
        joined, texts = [first], first.size
        while self._small and self._small[0][0].key == first.key and texts + self._small[0][0].size <= MOST_JOINED:
            call, _ = self._small.popleft()
            joined.append(call)
            texts += call.size
        return joined, run


def _close_all() -> None:
    for workers in tuple(_ALL):
        workers.close()


atexit.register(_close_all)
