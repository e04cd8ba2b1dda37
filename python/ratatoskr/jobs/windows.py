"""Windows: the rows that are computed, written and flushed together. Their bounds depend on the input alone.

A job that continues cuts the same windows as before, so that the model sees the same batches and returns the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.rows import RowBlock, RowItem, Source, row_error

__all__ = ["RowWindow", "ScanResult", "Stopped", "cut_windows", "scan"]

BYTES: Final = 16 * 1024 * 1024
"""Bytes at which a window is full, which bounds memory."""
CHARACTERS: Final = 1024 * 1024
"""Characters of texts at which a window is full, which bounds the work lost by a kill."""
_READ: Final = 4096
"""Characters of a text that count; few models read more."""
FEWEST: Final = 16
"""The fewest rows of a window; fewer at the end of the input join the window before. A handful of texts would be joined
with the small calls of other callers, and the bits of the result would depend on those."""


class Stopped(Exception):
    """The run is ending and its threads stop."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan of the whole input found.

    Attributes:
        rows: rows with a text.
        skipped: rows without one.
        columns: what the source found of its columns.
    """

    rows: int
    skipped: int
    columns: Any


@dataclass(frozen=True, slots=True)
class RowWindow:
    """Rows that are computed together.

    Attributes:
        number: from 0.
        texts: of the rows, or pairs of texts.
        rows: in the form of the source.
        places: the file of each row and its number in it, from 1.
    """

    number: int
    texts: list[RowItem]
    rows: Any
    places: list[tuple[Path, int]]


class _WindowBuilder:
    """A window being filled."""

    def __init__(self, number: int) -> None:
        self.number, self.size, self.characters = number, 0, 0
        self.texts: list[RowItem] = []
        self.places: list[tuple[Path, int]] = []
        self.pieces: list[tuple[RowBlock, list[int]]] = []

    def add(self, block: RowBlock, place: int, text: RowItem) -> None:
        if not self.pieces or self.pieces[-1][0] is not block:
            self.pieces.append((block, []))
        self.pieces[-1][1].append(place)
        self.texts.append(text)
        self.places.append((block.path, block.first + place))
        self.size += block.sizes[place]
        self.characters += sum(min(len(part), _READ) for part in ((text,) if isinstance(text, str) else text))

    def join(self, tail: _WindowBuilder) -> None:
        self.texts += tail.texts
        self.places += tail.places
        self.pieces += tail.pieces

    def is_full(self, most: int) -> bool:
        large = self.size >= BYTES or self.characters >= CHARACTERS
        return len(self.texts) >= most or (large and len(self.texts) >= FEWEST)

    def build(self, source: Source) -> RowWindow:
        return RowWindow(self.number, self.texts, source.gather(self.pieces), self.places)


def scan(job: Job, source: Source, stop: Event, report: Callable[[int], None]) -> ScanResult:
    """Read the whole input once, so that errors in it are raised before hours of work.

    Raises:
        InvalidInput: a row is malformed, the output cannot hold it, or none of them has a text.
    """
    rows = skipped = 0
    for block in source.blocks():
        if stop.is_set():
            raise Stopped
        if block.nulls and job.on_null == "error":
            raise _null_error(block, min(block.nulls))
        source.scan_block(block)
        nulls = len(block.nulls)
        skipped += nulls
        rows += len(block.texts) - nulls
        report(rows + skipped)
    if skipped and not rows:
        raise InvalidInput(f"{job.input_name}: no text to {job.verb}: every value is null", field="source")
    return ScanResult(rows, skipped, source.columns)


def cut_windows(job: Job, source: Source, *, start: int, stop: Event) -> Iterator[RowWindow]:
    """Yield the windows from number `start` on; of an input without rows, one window without rows."""
    for window in _cut(job, source, stop):
        if window.number >= start:
            yield window.build(source)


def _cut(job: Job, source: Source, stop: Event) -> Iterator[_WindowBuilder]:
    """Yield full windows; the last but one is yielded late, because it may take the rest."""
    before: _WindowBuilder | None = None
    most = rows_in_window(job)
    filling = _WindowBuilder(0)
    for block in source.blocks():
        if stop.is_set():
            raise Stopped
        for place, text in enumerate(block.texts):
            if text is None:
                if job.on_null == "error":
                    raise _null_error(block, place)
                continue
            filling.add(block, place, text)
            if filling.is_full(most):
                if before is not None:
                    yield before
                before, filling = filling, _WindowBuilder(filling.number + 1)
    if before is None:
        yield filling
    elif len(filling.texts) < min(FEWEST, most):
        before.join(filling)
        yield before
    else:
        yield before
        yield filling


def rows_in_window(job: Job) -> int:
    """Return the most rows of a window: fewer where much is computed of each, which a kill would lose."""
    return max(min(FEWEST, job.window), job.window // job.items_per_row)


def _null_error(block: RowBlock, place: int) -> InvalidInput:
    what = f"{block.nulls[place]!r} is null; on_null='skip' leaves such rows out and counts them"
    return row_error(block.path, block.first + place, what)
