"""Many chats at once, as they complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.fairness import yield_to_loop

Outcome: TypeAlias = ChatResponse[Any] | RatatoskrError


async def as_completed(
    chat: Callable[[ChatRequest], Awaitable[ChatResponse[Any]]], requests: Iterable[ChatRequest], concurrency: int
) -> AsyncIterator[tuple[int, Outcome]]:
    """Yield (index, response or error); leaving the iteration cancels what is under way."""
    if concurrency < 1:
        raise InvalidInput("concurrency must be 1 or more", field="concurrency")

    async def one(index: int, request: ChatRequest) -> tuple[int, Outcome]:
        try:
            return index, await chat(request)
        except RatatoskrError as error:
            return index, error

    waiting = enumerate(requests)
    running: set[asyncio.Task[tuple[int, Outcome]]] = set()
    try:
        while True:
            while len(running) < concurrency and (following := next(waiting, None)) is not None:
                running.add(asyncio.ensure_future(one(*following)))
                await yield_to_loop()
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
                await yield_to_loop()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
