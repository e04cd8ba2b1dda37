"""Items of a call, of any number: cut to what one call of the daemon may hold, a few calls at once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from ratatoskr.errors import RatatoskrError
from ratatoskr.service.pb import ratatoskr_pb2 as pb

__all__ = ["BYTES", "TEXTS", "Pieces", "ask_several", "cut", "numbered_from"]

A = TypeVar("A")
_AT_ONCE: Final = 4
TEXTS: Final = 256
"""The number of texts that every daemon takes in one call."""
BYTES: Final = 4 * 1024 * 1024
"""The bytes of text that every daemon takes in one call; a text may have more by itself."""


class Pieces:
    """Cuts items into calls.

    Args:
        ask_limits: asks what one call may hold, when there are more items than every daemon takes.
    """

    def __init__(self, ask_limits: Callable[[], Awaitable[pb.Limits]]) -> None:
        self._ask_limits = ask_limits

    async def limits(self) -> tuple[int, int]:
        """Return the most items and bytes of one call."""
        limits = await self._ask_limits()
        return limits.texts or TEXTS, limits.message_bytes // 2 or BYTES

    async def ask(self, items: Sequence[Any], ask: Callable[[Sequence[Any]], Awaitable[A]]) -> list[A]:
        """Return the answers to the pieces of items in their order.

        Args:
            items: texts, or pairs of texts.
            ask: makes the call for some of them.
        """
        if len(items) <= TEXTS and sum(map(_letters, items)) <= BYTES // 4:
            return [await ask(items)]
        pieces = list(cut(items, *await self.limits()))
        return [await ask(items)] if len(pieces) == 1 else await ask_several(pieces, ask)


async def ask_several(pieces: Sequence[Sequence[Any]], ask: Callable[[Sequence[Any]], Awaitable[A]]) -> list[A]:
    """Return the answers to pieces in their order, a few of which are asked for at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(piece: Sequence[Any], first: int) -> A:
        async with room:
            with numbered_from(first):
                return await ask(piece)

    firsts = itertools.accumulate(map(len, pieces), initial=0)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(piece, first)) for piece, first in zip(pieces, firsts, strict=False)]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


_ITEM: Final = re.compile(r"(the model's output for |)(text|pair|document) (\d+)\b")
"""How an error names an item of a call."""


@contextlib.contextmanager
def numbered_from(first: int) -> Iterator[None]:
    """Let an error that names an item of a piece name its place among all items."""
    try:
        yield
    except RatatoskrError as error:
        if first and (match := _ITEM.match(error.message)) is not None:
            text = f"{match[1]}{match[2]} {first + int(match[3])}{error.message[match.end() :]}"
            error.args = (text, *error.args[1:])
        raise


def _letters(item: Any) -> int:
    return len(item) if isinstance(item, str) else sum(map(len, item))


def _octets(item: Any) -> int:
    if isinstance(item, str):
        return len(item) if item.isascii() else len(item.encode())
    return sum(map(_octets, item))


def cut(items: Sequence[Any], count: int, octets: int) -> Iterator[Sequence[Any]]:
    """Yield runs of at most `count` items, and of more than `octets` bytes only where one item alone has them."""
    start, size = 0, 0
    for index, item in enumerate(items):
        length = _octets(item)
        if index > start and (index - start == count or size + length > octets):
            yield items[start:index]
            start, size = index, 0
        size += length
    yield items[start:]
