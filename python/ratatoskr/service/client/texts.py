"""Texts to embed, of any number: cut to what one call of the daemon may hold, a few calls at once."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from ratatoskr.service.client.pieces import Pieces, cut, numbered_from
from ratatoskr.service.convert.request import check_texts
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.timeouts import DEFAULTS, Timeouts
from ratatoskr.types.usage import Usage

__all__ = ["Embedder"]

_WINDOW: Final = 4096
"""The most texts that are taken from an iterable at a time."""


class Embedder:
    """Cuts texts into calls.

    Args:
        embed: makes one call.
        pieces: cuts them.
    """

    def __init__(self, embed: Callable[[EmbedRequest], Awaitable[Embeddings]], pieces: Pieces) -> None:
        self._embed = embed
        self._pieces = pieces

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """Return the vectors of all texts in one array."""
        texts = request.texts if isinstance(request.texts, Sequence) else list(request.texts)
        request = replace(request, texts=texts)
        check_texts(texts)
        parts = await self._pieces.ask(texts, lambda piece: self._embed(replace(request, texts=piece)))
        return parts[0] if len(parts) == 1 else _join(parts)

    async def embed_windows(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yield the vectors window by window; from the second on, `no_progress` is the deadline of each."""
        texts, first = iter(request.texts), 0
        count, octets = await self._pieces.limits()
        failure: Exception | None = None
        while failure is None:
            window, failure = _take(texts, min(count, _WINDOW))
            failure = failure or (_AtEnd() if len(window) < min(count, _WINDOW) else None)
            check_texts(window, first)
            for piece in cut(window, count, octets) if window else ():
                with numbered_from(first):
                    part = await self._embed(replace(request, texts=piece))
                yield part
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
