"""`StopSignal`: ends runs of ONNX Runtime from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Self

__all__ = ["StopSignal"]


class StopSignal:
    """Terminates the runs that it watches. A run ends at its next node, with an error of the runtime."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: list[Any] = []
        self._is_set = False

    @classmethod
    def when_done(cls, futures: Sequence[Future[Any]]) -> Self:
        """Return a signal that is set once every future is done, so that its caller waits for no result any more."""
        signal, left = cls(), len(futures)

        def count_down(_: Future[Any]) -> None:
            nonlocal left
            with signal._lock:
                left -= 1
                is_last = left == 0
            if is_last:
                signal.set()

        for future in futures:
            future.add_done_callback(count_down)
        return signal

    def set(self) -> None:
        """Terminate the runs under way, and later ones when they begin."""
        with self._lock:
            self._is_set = True
            for options in self._runs:
                options.terminate = True

    @contextmanager
    def watch(self, options: Any) -> Iterator[None]:
        """Terminate a run with these options of the runtime if the signal is set during the block."""
        with self._lock:
            self._runs.append(options)
            options.terminate = self._is_set
        try:
            yield
        finally:
            with self._lock:
                self._runs.remove(options)
