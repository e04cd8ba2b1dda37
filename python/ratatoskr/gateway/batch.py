"""Many chats at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.fairness import yield_to_loop
from ratatoskr.types.message import Message
from ratatoskr.types.visible import quote

Outcome: TypeAlias = ChatResponse[Any] | RatatoskrError


async def answer_many(
    chat: Callable[[Any], Awaitable[ChatResponse[Any]]],
    requests: Iterable[Any],
    concurrency: int,
    *,
    ordered: bool = False,
) -> AsyncIterator[tuple[int, Outcome]]:
    """Yield (index, response or error), as they complete or in order; leaving the iteration cancels what is under way.

    Raises:
        InvalidInput: an item is neither messages nor a request; raised after the outcomes of those before it.
    """
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise InvalidInput(
            f"concurrency must be a whole number, 1 or more, not {quote(concurrency)}", field="concurrency"
        )
    if isinstance(requests, (str, bytes, Mapping, Message)) or not isinstance(requests, Iterable):
        raise InvalidInput(
            f"requests must be an iterable of messages or ChatRequests, not {type(requests).__name__}", field="requests"
        )

    async def one(index: int, request: Any) -> tuple[int, Outcome]:
        try:
            return index, await chat(request)
        except RatatoskrError as error:
            return index, error

    source = _Source(requests)
    running: set[asyncio.Task[tuple[int, Outcome]]] = set()
    waiting: dict[int, Outcome] = {}  # completed, not yielded yet
    due = 0
    try:
        while True:
            while (
                len(running) < concurrency
                and len(running) + len(waiting) <= concurrency
                and (item := source.take()) is not None
            ):
                running.add(asyncio.ensure_future(one(*item)))
                await yield_to_loop()
            if not running:
                break
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            waiting.update(task.result() for task in done)
            for index in _ready(waiting, due) if ordered else list(waiting):
                yield index, waiting.pop(index)
                due = index + 1
                await yield_to_loop()
        if source.error is not None:
            raise source.error
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _ready(waiting: Mapping[int, Outcome], due: int) -> list[int]:
    """Return the indices that are next in order, without a gap."""
    return list(itertools.takewhile(waiting.__contains__, itertools.count(due)))


class _Source:
    """The requests with their indices, up to the first that cannot be taken."""

    def __init__(self, requests: Iterable[Any]) -> None:
        self._items: Iterator[tuple[int, Any]] = enumerate(requests)
        self.error: Exception | None = None

    def take(self) -> tuple[int, Any] | None:
        """Return the next item, or `None` after the last one and after an `error`."""
        if self.error is not None:
            return None
        try:
            item = next(self._items, None)
        except Exception as error:  # the caller's own iterable; raised after the answers that are due
            self.error = error
            return None
        if item is not None and not isinstance(item[1], (str, Message, Mapping, Sequence, ChatRequest)):
            self.error = InvalidInput(
                f"requests[{item[0]}] must be messages or a ChatRequest, not {type(item[1]).__name__}",
                field=f"requests[{item[0]}]",
            )
            return None
        return item
