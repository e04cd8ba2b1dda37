"""Rows of an input file: blocks of them, what every format offers, and the errors that name one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeAlias

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.job import Job

__all__ = ["MAX_ROW", "RowBlock", "RowItem", "Source", "check_columns", "check_columns_of_job", "row_error"]

RowItem: TypeAlias = str | tuple[str, str]
"""What a task computes of a row: a text, or a pair where it reads two columns."""

MAX_ROW: Final = 256 * 1024 * 1024
"""The most bytes of one row, so that a file without line ends is refused."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Consecutive rows of a file.

    Attributes:
        path: the file.
        first: the number of the first of these rows in it, from 1.
        texts: of the text column, or the pairs of two; `None` where one is a null.
        sizes: about how many bytes each row holds.
        rows: the rows themselves, in the source's own form.
        nulls: the column that is null, by the place of the row.
    """

    path: Path
    first: int
    texts: Sequence[RowItem | None]
    sizes: Sequence[int]
    rows: Any
    nulls: Mapping[int, str]

    @classmethod
    def of(
        cls, path: Path, first: int, columns: Mapping[str, Sequence[str | None]], sizes: Sequence[int], rows: Any
    ) -> Self:
        """Return the block of rows whose texts are in these columns."""
        nulls: dict[int, str] = {}
        for name, texts in columns.items():
            if None in texts:
                nulls |= {place: name for place, text in enumerate(texts) if text is None and place not in nulls}
        items: Any = next(iter(columns.values()))
        if len(columns) > 1:
            pairs = enumerate(zip(*columns.values(), strict=True))
            items = [None if place in nulls else pair for place, pair in pairs]
        return cls(path, first, items, sizes, rows, nulls)


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
    def names(self) -> Sequence[str]:
        """The names of the columns, once the scan is complete."""
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


def check_columns_of_job(path: Path, names: Sequence[str], job: Job) -> None:
    """Check that a header has the columns that a job reads, no column twice and none that the output adds.

    Raises:
        InvalidInput: it does not; the message names the columns.
    """
    for field, column in job.text_columns.items():
        for added in job.added_columns:
            check_columns(path, names, column, added, field=field, renaming=job.renaming)


def check_columns(
    path: Path,
    names: Sequence[str],
    column: str,
    added: str,
    *,
    field: str = "column",
    renaming: str = "output_column",
) -> None:
    """Check that a header has a column of texts, no column twice and none that the output adds.

    Raises:
        InvalidInput: it does not; the message names the columns.
    """
    if column not in names:
        shown = ", ".join(repr(name) for name in names[:20])
        raise InvalidInput(f"{path.name} has no column {column!r}; it has {shown}", field=field)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InvalidInput(f"{path.name} has two columns {twice[0]!r}", field="source")
    if added in names:
        raise InvalidInput(f"{path.name} already has a column {added!r}; give another {renaming}", field="source")


def row_error(path: Path, row: int, what: str, *, line: int = 0) -> InvalidInput:
    """Return the error for a row, counted from 1 without the header, and its first line where that is another."""
    place = f"row {row} of {path.name} (the first is 1)" + (f", line {line}" if line else "")
    return InvalidInput(f"{place}: {what}", field="source")
