"""`ModelRunner`: computes calls of any size on one model of a pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.local.engine.buffered import map_buffered
from ratatoskr.local.engine.call import BatchStats
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.pool import ModelKey, ModelPool
from ratatoskr.local.engine.small import SmallCall, run_small
from ratatoskr.local.engine.window import WindowTask
from ratatoskr.local.engine.workers import MAX_JOINED
from ratatoskr.types.model import ModelStatus

if TYPE_CHECKING:
    from ratatoskr.local.engine.head import Rows

__all__ = ["WINDOW", "ModelRunner"]

WINDOW: Final = 4096
"""Items of a large call that are tokenised, sorted and computed together."""
_WINDOWS_UNDER_WAY: Final = 3
"""Windows of one call that are queued or computed: the workers go on with the next while the first is delivered."""


class ModelRunner:
    """Loads one model of a pool on use, and computes the rows of items with it. It belongs to no event loop.

    Args:
        pool: holds the model.
        key: the model's key in the pool.
    """

    def __init__(self, pool: ModelPool, key: ModelKey) -> None:
        self._pool, self._key = pool, key

    async def acquire(self) -> AbstractContextManager[LoadedModel]:
        """Return a context that keeps the model loaded; raises what `ModelPool.load` raises."""
        while True:  # another model may evict it between loading and use
            with suppress(KeyError):
                return self._pool.acquire(self._key)
            await self.preload()

    async def run(self, model: LoadedModel, items: list[Any], *, truncate: bool) -> tuple[Rows, BatchStats]:
        """Return the rows of items in their order.

        Args:
            model: the model, from `acquire`.
            items: any number; repeated ones are computed once in large calls.
            truncate: whether items that are too long are cut or refused.

        Raises:
            InvalidInput: an item is invalid; the message names its index.
            ContextLengthExceeded: an item is too long, and `truncate` is false.
            MalformedResponse: the model failed.
        """
        if 0 < len(items) <= MAX_JOINED:
            call = SmallCall(model, items, truncate=truncate, may_open_session=self._may_open_session)
            self._pool.workers.submit_small(call, run_small)
            rows, stats = await asyncio.wrap_future(call.future)
            return rows, stats
        rows, stats = model.allocate_rows(len(items)), BatchStats()
        starts = range(0, len(items), WINDOW)

        async def windows() -> AsyncIterator[tuple[int, list[Any], Rows]]:
            for first in starts:
                window = slice(first, first + WINDOW)
                yield first, items[window], rows[window]

        def start(window: tuple[int, list[Any], Rows]) -> Future[tuple[Rows, BatchStats]]:
            return self._submit(model, *window, truncate=truncate)

        async with aclosing(map_buffered(start, windows(), buffersize=_WINDOWS_UNDER_WAY)) as results:
            firsts = iter(starts)
            async for _, part in results:
                stats = stats.extend(part, next(firsts))
        return rows, stats

    async def run_windows(
        self, model: LoadedModel, windows: AsyncIterable[tuple[int, list[Any]]], *, truncate: bool
    ) -> AsyncGenerator[tuple[Rows, BatchStats], None]:
        """Yield the rows of windows in their order, while later windows are computed.

        Args:
            model: the model, from `acquire`.
            windows: the index of a window's first item, and its items.
            truncate: whether items that are too long are cut or refused.

        Raises:
            RatatoskrError: as in `run`.
        """

        def start(window: tuple[int, list[Any]]) -> Future[tuple[Rows, BatchStats]]:
            first, items = window
            return self._submit(model, first, items, model.allocate_rows(len(items)), truncate=truncate)

        async with aclosing(map_buffered(start, windows, buffersize=_WINDOWS_UNDER_WAY)) as results:
            async for result in results:
                yield result

    def _submit(
        self, model: LoadedModel, first: int, items: list[Any], rows: Rows, *, truncate: bool
    ) -> Future[tuple[Rows, BatchStats]]:
        workers = self._pool.workers
        task = WindowTask(model, items, rows, first=first, truncate=truncate, wake=workers.wake)
        workers.submit(task)
        return task.future

    def _may_open_session(self) -> bool:
        return self._pool.has_room_for_single_text_session(self._key)

    async def preload(self) -> None:
        """Load the model unless it is loaded; raises what `ModelPool.load` raises."""
        if not self._pool.is_loaded(self._key):
            await asyncio.wrap_future(self._pool.start_loading(self._key))

    async def unload(self) -> None:
        """Unload the model and release its memory; the next call loads it again."""
        await asyncio.to_thread(self._pool.unload, self._key)

    def status(self) -> ModelStatus:
        """Return whether the model is loaded, loading, available, or why it cannot be used."""
        return self._pool.status(self._key)
