"""Windows of large calls: some thousands of items that are tokenised, sorted and computed piece by piece."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._core import Tokens
from ratatoskr.errors import InvalidInput
from ratatoskr.local.engine.call import BatchStats, PendingCall, refuse_truncation
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.stop import StopSignal
from ratatoskr.local.engine.workers import Delivery

if TYPE_CHECKING:
    from ratatoskr.local.engine.head import Rows

__all__ = ["ON_BATCH", "WindowTask"]

ON_BATCH: Final[ContextVar[Callable[[int], None] | None]] = ContextVar("ON_BATCH", default=None)
"""Called in a worker's thread with the number of items of each batch that is computed for a call of this context."""

_CHUNK_CHARACTERS: Final = 64 * 1024
"""Characters that are tokenised in one piece, which takes some tens of milliseconds."""


class WindowTask(PendingCall):
    """A window of a large call; the result of its future is (rows, stats).

    Items that occur several times are computed once.

    Args:
        model: the model.
        items: the items of the window.
        out: the rows to write, one for each item.
        first: index in the call of the first item.
        truncate: whether items that are too long are cut or refused.
        wake: called when new pieces can run.
    """

    def __init__(
        self, model: LoadedModel, items: list[Any], out: Rows, *, first: int, truncate: bool, wake: Callable[[], None]
    ) -> None:
        super().__init__()
        self._model, self._items, self._first = model, items, first
        self._truncate, self._out, self._wake = truncate, out, wake
        self._on_batch = ON_BATCH.get()
        self._lock = threading.Lock()
        self._stop = StopSignal.when_done([self.future])
        first_indexes: dict[Any, int] = {}
        for index, item in enumerate(items):
            first_indexes.setdefault(item, index)
        self._indexes = [*first_indexes.values()]
        self._has_repeats = len(self._indexes) < len(items)
        self._unique = [items[index] for index in self._indexes] if self._has_repeats else items
        self._rows = model.allocate_rows(len(self._unique)) if self._has_repeats else out
        self._chunks = deque(self._split())
        self._parts: list[Tokens | None] = [None] * len(self._chunks)
        self._untokenised = len(self._chunks)
        self._batches: deque[list[int]] = deque()
        self._tokens = Tokens.concat([])
        self._running = 0
        self._planned = False

    def _split(self) -> list[tuple[int, int, int]]:
        """Return the chunks to tokenise as (number, start, end)."""
        chunks: list[tuple[int, int, int]] = []
        start, size = 0, 0
        for index, characters in enumerate(self._model.head.count_characters(self._unique)):
            size += characters
            if size >= _CHUNK_CHARACTERS:
                chunks.append((len(chunks), start, index + 1))
                start, size = index + 1, 0
        if start < len(self._unique):
            chunks.append((len(chunks), start, len(self._unique)))
        return chunks

    def next_piece(self) -> Callable[[], Delivery | None] | None:
        """Return the next piece to run; `None` if none is left or none can start yet."""
        with self._lock:
            if self.future.done():
                return None
            if self._chunks:
                return partial(self._catch, partial(self._tokenise, *self._chunks.popleft()))
            if self._batches and (self._model.gate is None or self._model.gate.acquire(blocking=False)):
                self._running += 1
                return partial(self._catch, partial(self._compute, self._batches.popleft()))
            return None

    def done(self) -> bool:
        """Return whether no further piece will come."""
        with self._lock:
            return self.future.done() or (self._planned and not self._batches)

    def _catch(self, work: Callable[[], Delivery | None]) -> Delivery | None:
        try:
            return work()
        except Exception as error:  # any error is the caller's
            self.fail(error)
            return None

    def _tokenise(self, number: int, start: int, end: int) -> None:
        try:
            part = self._model.tokenise(self._unique[start:end], self._first + start)
        except InvalidInput:
            if self._has_repeats:
                self._model.tokenise(self._items, self._first)  # raises with the index in the caller's list
            raise
        with self._lock:
            self._parts[number] = part
            self._untokenised -= 1
            is_last = self._untokenised == 0
        if is_last:
            self._plan()
            self._wake()

    def _plan(self) -> None:
        tokens = Tokens.concat([part for part in self._parts if part is not None])
        if not self._truncate:
            refuse_truncation(self._model, self._unique, tokens, self._first, self._indexes)
        batches = deque(self._model.plan(tokens))
        with self._lock:
            self._parts.clear()
            self._tokens, self._batches, self._planned = tokens, batches, True

    def _compute(self, batch: list[int]) -> Delivery | None:
        try:
            if not self.future.done():
                self._model.compute(self._tokens, batch, self._rows, stop=self._stop)
                if self._on_batch is not None:
                    self._on_batch(len(batch))
        finally:
            with self._lock:
                self._running -= 1
                is_last = not self._batches and not self._running
            if self._model.gate is not None:
                self._model.gate.release()
                self._wake()
        if not is_last or self.future.done():
            return None
        return partial(self.succeed, (self._out, self._finish()))

    def _finish(self) -> BatchStats:
        """Copy the rows of repeated items, and return the statistics."""
        tokens = self._tokens
        if not self._has_repeats:
            return BatchStats(tokens.total(), tuple(item for item, _ in tokens.cut()))
        row_of = {item: row for row, item in enumerate(self._unique)}
        order = [row_of[item] for item in self._items]
        self._out[:] = self._rows[order]
        cut = {row for row, _ in tokens.cut()}
        lengths = [len(tokens.ids(row)) for row in range(len(tokens))]
        return BatchStats(
            sum(lengths[row] for row in order), tuple(index for index, row in enumerate(order) if row in cut)
        )
