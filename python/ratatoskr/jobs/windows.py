"""Windows: the rows that are computed, written and flushed together. Where they are cut depends on the input alone.

A job that goes on cuts as the one before it did, so the model sees the same texts side by side and gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.job import EmbedJob
from ratatoskr.jobs.source import Block, Source, broken

__all__ = ["Stopped", "Survey", "Window", "survey", "windows"]

BYTES: Final = 16 * 1024 * 1024
"""A window of so many bytes is full: that bounds memory."""
CHARACTERS: Final = 1024 * 1024
"""So is one with texts of so many characters: that bounds the time that a kill can cost."""
_READ: Final = 4096
"""Characters of a text that count; few models read on."""
FEWEST: Final = 16
"""Rows that a window has however large they are, and what remains at the end joins the window before: a handful of
texts would go the way of small calls, which are computed together with whoever else calls."""


class Stopped(Exception):
    """Somebody asked a thread to end."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look over the whole input tells.

    Attributes:
        rows: with a text.
        skipped: without one.
        learnt: what the source learnt of its columns.
    """

    rows: int
    skipped: int
    learnt: Any


@dataclass(frozen=True, slots=True)
class Window:
    """Some thousands of rows.

    Attributes:
        number: from 0.
        texts: of the rows.
        rows: in the source's own form.
        places: of each in the input, from 1.
    """

    number: int
    texts: list[str]
    rows: Any
    places: list[int]


class _Open:
    """A window that is being filled."""

    def __init__(self, number: int) -> None:
        self.number, self.size, self.characters = number, 0, 0
        self.texts: list[str] = []
        self.places: list[int] = []
        self.pieces: list[tuple[Block, list[int]]] = []

    def add(self, block: Block, place: int, row: int, text: str) -> None:
        if not self.pieces or self.pieces[-1][0] is not block:
            self.pieces.append((block, []))
        self.pieces[-1][1].append(place)
        self.texts.append(text)
        self.places.append(row)
        self.size += block.sizes[place]
        self.characters += min(len(text), _READ)

    def join(self, tail: _Open) -> None:
        self.texts += tail.texts
        self.places += tail.places
        self.pieces += tail.pieces

    def full(self, most: int) -> bool:
        large = self.size >= BYTES or self.characters >= CHARACTERS
        return len(self.texts) >= most or (large and len(self.texts) >= FEWEST)

    def closed(self, source: Source) -> Window:
        return Window(self.number, self.texts, source.gather(self.pieces), self.places)


def survey(job: EmbedJob, source: Source, stop: Event, seen: Callable[[int], None]) -> Survey:
    """Look over the whole input, so that what is wrong with it is told before hours of work.

    Raises:
        InvalidInput: a row is not what it has to be, or none has a text.
    """
    rows = skipped = 0
    for block in source.blocks():
        if stop.is_set():
            raise Stopped
        if None in block.texts and job.on_null == "error":
            raise _null(job, rows + skipped + 1 + block.texts.index(None))
        source.look(block)
        nulls = block.texts.count(None)
        skipped += nulls
        rows += len(block.texts) - nulls
        seen(rows + skipped)
    if not rows:
        text = "none of its texts is there: all are null" if skipped else "it has no rows"
        raise InvalidInput(f"{job.source_path.name}: {text}", field="source")
    return Survey(rows, skipped, source.learnt)


def windows(job: EmbedJob, source: Source, *, start: int, stop: Event) -> Iterator[Window]:
    """Yield the windows from number `start` on."""
    for window in _cut(job, source, stop):
        if window.number >= start:
            yield window.closed(source)


def _cut(job: EmbedJob, source: Source, stop: Event) -> Iterator[_Open]:
    """Yield full windows; the one before the end is held back, for it may take what remains."""
    before: _Open | None = None
    filling, row = _Open(0), 0
    for block in source.blocks():
        if stop.is_set():
            raise Stopped
        for place, text in enumerate(block.texts):
            row += 1
            if text is None:
                if job.on_null == "error":
                    raise _null(job, row)
                continue
            filling.add(block, place, row, text)
            if filling.full(job.window):
                if before is not None:
                    yield before
                before, filling = filling, _Open(filling.number + 1)
    if before is None:
        yield filling
    elif len(filling.texts) < min(FEWEST, job.window):
        before.join(filling)
        yield before
    else:
        yield before
        yield filling


def _null(job: EmbedJob, row: int) -> InvalidInput:
    return broken(job.source_path, row, f"{job.column!r} is null")
