"""Texts to embed, of any number: cut to what one call of the daemon may hold, a few calls at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from ratatoskr.service.convert.request import check_texts
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.timeouts import DEFAULTS, Timeouts
from ratatoskr.types.usage import Usage

__all__ = ["Embedder"]

_AT_ONCE: Final = 4
_TEXTS: Final = 256
"""The number of texts that every daemon takes in one call."""
_WINDOW: Final = 4096
"""The most texts that are taken from an iterable at a time."""
_BYTES: Final = 4 * 1024 * 1024
"""The bytes of text that every daemon takes in one call; a text may have more by itself."""


class Embedder:
    """Cuts texts into calls.

    Args:
        embed: makes one call.
        limits: asks what one call may hold, when there are more texts than every daemon takes.
    """

    def __init__(
        self, embed: Callable[[EmbedRequest], Awaitable[Embeddings]], limits: Callable[[], Awaitable[pb.Limits]]
    ) -> None:
        self._embed = embed
        self._ask_limits = limits

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """Return the vectors of all texts in one array."""
        texts = request.texts if isinstance(request.texts, Sequence) else list(request.texts)
        request = replace(request, texts=texts)
        check_texts(texts)
        if len(texts) <= _TEXTS and sum(map(len, texts)) <= _BYTES // 4:
            return await self._embed(request)
        pieces = list(_cut(texts, *await self._limits()))
        if len(pieces) == 1:
            return await self._embed(request)
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(piece: Sequence[str]) -> Embeddings:
            async with room:
                return await self._embed(replace(request, texts=piece))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(piece)) for piece in pieces]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return _join([task.result() for task in tasks])

    async def _limits(self) -> tuple[int, int]:
        """Return the most texts and bytes of one call."""
        limits = await self._ask_limits()
        return limits.texts or _TEXTS, limits.message_bytes // 2 or _BYTES

    async def embed_windows(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yield the vectors window by window; from the second on, `no_progress` is the deadline of each."""
        texts, first = iter(request.texts), 0
        count, octets = await self._limits()
        failure: Exception | None = None
        while failure is None:
            window, failure = _take(texts, min(count, _WINDOW))
            failure = failure or (_AtEnd() if len(window) < min(count, _WINDOW) else None)
            check_texts(window, first)
            for piece in _cut(window, count, octets) if window else ():
                yield await self._embed(replace(request, texts=piece))
                if first == 0:
                    limit = request.timeouts.no_progress or DEFAULTS.no_progress
                    request = replace(request, timeouts=Timeouts(total=limit))
                first += len(piece)
        if not isinstance(failure, _AtEnd):
            raise failure


class _AtEnd(Exception):
    """The iterable has no more texts."""


def _take(texts: Iterator[str], count: int) -> tuple[list[str], Exception | None]:
    """Return the next texts, and what the iterable has raised after them."""
    window: list[str] = []
    try:
        window.extend(itertools.islice(texts, count))
    except Exception as error:  # the caller's own iterable; raised after the vectors that are due
        return window, error
    return window, None


def _cut(texts: Sequence[str], count: int, octets: int) -> Iterator[Sequence[str]]:
    """Yield runs of at most `count` texts, and of more than `octets` bytes only where one text alone has them."""
    start, size = 0, 0
    for index, text in enumerate(texts):
        length = len(text) if text.isascii() else len(text.encode())
        if index > start and (index - start == count or size + length > octets):
            yield texts[start:index]
            start, size = index, 0
        size += length
    yield texts[start:]


def _join(parts: list[Embeddings]) -> Embeddings:
    import numpy as np

    starts = itertools.accumulate((len(part) for part in parts), initial=0)
    cut = [start + index for start, part in zip(starts, parts, strict=False) for index in part.cut]
    usage: Any = Usage()
    if any(part.usage != usage for part in parts):
        usage = sum((part.usage for part in parts[1:]), start=parts[0].usage)
    return replace(
        parts[0],
        vectors=np.concatenate([part.vectors for part in parts]),
        usage=usage,
        truncated=sum(part.truncated for part in parts),
        warnings=tuple(dict.fromkeys(notice for part in parts for notice in part.warnings)),
        cut=tuple(cut),
    )
