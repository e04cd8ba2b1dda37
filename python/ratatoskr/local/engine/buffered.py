"""`map_buffered`: work that runs ahead of its consumer, in order and in bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["map_buffered"]

T = TypeVar("T")
R = TypeVar("R")


async def map_buffered(
    start: Callable[[T], Future[R] | asyncio.Future[R]], items: AsyncIterable[T], *, buffersize: int
) -> AsyncGenerator[R, None]:
    """Yield the results of `start(item)` in the order of the items.

    At most `buffersize` calls are under way or finished and not yet yielded, as with the `buffersize` of
    `concurrent.futures.Executor.map`. If an item cannot be read or started, the error is raised after the results of
    the items before it. When the generator ends or is closed, the calls left are cancelled.
    """
    running: deque[Future[R] | asyncio.Future[R]] = deque()
    iterator = aiter(items)
    failure: Exception | None = None
    try:
        while True:
            try:
                future = start(await anext(iterator))
            except StopAsyncIteration:
                break
            except Exception as error:  # raised below, after the results of earlier items
                failure = error
                break
            running.append(future)
            if len(running) >= buffersize:
                yield await asyncio.wrap_future(running.popleft())
        while running:
            yield await asyncio.wrap_future(running.popleft())
        if failure is not None:
            raise failure
    finally:
        for future in running:
            future.cancel()
        if running:
            await asyncio.gather(*map(asyncio.wrap_future, running), return_exceptions=True)
