"""Rows of an input file: blocks of them, what every format offers, and the errors that name one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from ratatoskr.errors import InvalidInput

__all__ = ["MAX_ROW", "RowBlock", "Source", "check_columns", "row_error"]

MAX_ROW: Final = 256 * 1024 * 1024
"""The most bytes of one row, so that a file without line ends is refused."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Consecutive rows of a file.

    Attributes:
        path: the file.
        first: the number of the first of these rows in it, from 1.
        texts: of the text column; `None` is a null.
        sizes: about how many bytes each row holds.
        rows: the rows themselves, in the source's own form.
    """

    path: Path
    first: int
    texts: Sequence[str | None]
    sizes: Sequence[int]
    rows: Any


class Source(Protocol):
    """The rows of a file, or of several with the same columns."""

    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows, from the first.

        Raises:
            InvalidInput: a row is malformed; the message names it.
        """
        ...

    def scan_block(self, block: RowBlock) -> None:
        """Note in `columns` what `table` needs to know of all blocks.

        Raises:
            InvalidInput: the output cannot hold a value.
        """
        ...

    @property
    def columns(self) -> Any:
        """What the scan found, as JSON; setting it makes a second scan unnecessary."""
        ...

    @columns.setter
    def columns(self, value: Any) -> None: ...

    def gather(self, pieces: Sequence[tuple[RowBlock, Sequence[int]]]) -> Any:
        """Return the rows at these places of these blocks as one value."""
        ...

    def objects(self, rows: Any) -> Iterator[bytes]:
        """Yield each row as a JSON object."""
        ...

    def table(self, rows: Any) -> Any:
        """Return the rows as a `pyarrow.Table`, whose schema is the same for all."""
        ...


def check_columns(path: Path, names: Sequence[str], column: str, added: str) -> None:
    """Check that a header has the text column, no column twice and none that the output adds.

    Raises:
        InvalidInput: it does not; the message names the columns.
    """
    if column not in names:
        shown = ", ".join(repr(name) for name in names[:20])
        raise InvalidInput(f"{path.name} has no column {column!r}; it has {shown}", field="column")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InvalidInput(f"{path.name} has two columns {twice[0]!r}", field="source")
    if added in names:
        raise InvalidInput(f"{path.name} already has a column {added!r}; give another output_column", field="source")


def row_error(path: Path, row: int, what: str, *, line: int = 0) -> InvalidInput:
    """Return the error for a row, counted from 1 without the header, and its first line where that is another."""
    place = f"row {row} of {path.name} (the first is 1)" + (f", line {line}" if line else "")
    return InvalidInput(f"{place}: {what}", field="source")
