"""Where rows come from: a file is read in blocks of rows, from its beginning, as often as it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.job import EMBEDDING, EmbedJob

__all__ = ["MAX_ROW", "Block", "Source", "broken", "check_columns", "open_source"]

if TYPE_CHECKING:
    from pathlib import Path

MAX_ROW: Final = 256 * 1024 * 1024
"""Bytes of one row; a file without line ends is no file of rows."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows that follow one another.

    Attributes:
        texts: of the text column; `None` is a null.
        sizes: about how many bytes each row holds.
        rows: the rows themselves, in the source's own form.
    """

    texts: Sequence[str | None]
    sizes: Sequence[int]
    rows: Any


class Source(Protocol):
    """A file of rows."""

    def blocks(self) -> Iterator[Block]:
        """Yield all rows, from the first.

        Raises:
            InvalidInput: a row is not what it has to be; the message names it.
        """
        ...

    def look(self, block: Block) -> None:
        """Learn from a block what `table` needs to know of all of them; `learnt` gives it."""
        ...

    @property
    def learnt(self) -> Any:
        """What was learnt, as JSON; setting it spares a second look."""
        ...

    @learnt.setter
    def learnt(self, value: Any) -> None: ...

    def gather(self, pieces: Sequence[tuple[Block, Sequence[int]]]) -> Any:
        """Return the rows of these places of these blocks in one."""
        ...

    def objects(self, rows: Any) -> Iterator[bytes]:
        """Yield each row as a JSON object."""
        ...

    def table(self, rows: Any) -> Any:
        """Return the rows as a `pyarrow.Table`, whose schema is the same for all."""
        ...


def open_source(job: EmbedJob) -> Source:
    """Return the source of a job; what its head tells is checked.

    Raises:
        InvalidInput: there is no such file, it is not of its kind, or has not the column.
        ConfigurationError: it cannot be read, or needs a package that is not installed.
    """
    from ratatoskr.jobs.delimited import Delimited
    from ratatoskr.jobs.json_lines import JsonLines

    path, column = job.source_path, job.column
    try:
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}", field="source")
        with path.open("rb") as file:
            if not file.read(1):
                raise InvalidInput(f"{path.name} is empty", field="source")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", field="source") from None
    match job.source_format:
        case "jsonl":
            return JsonLines(path, column, typed=job.sink_format == "parquet")
        case "csv":
            return Delimited(path, column, ",")
        case "tsv":
            return Delimited(path, column, "\t")
        case kind:
            from ratatoskr.jobs.arrow import ArrowFile, ParquetFile

            return (ParquetFile if kind == "parquet" else ArrowFile)(path, column)


def check_columns(path: Path, names: Sequence[str], column: str) -> None:
    """Refuse a head without the text column, with two columns of a name, or with one of ours.

    Raises:
        InvalidInput: the message names what there is.
    """
    if column not in names:
        shown = ", ".join(repr(name) for name in names[:20])
        raise InvalidInput(f"{path.name} has no column {column!r}; it has {shown}", field="column")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"{path.name} has two columns {twice[0]!r}", field="source")
    if EMBEDDING in names:
        raise InvalidInput(f"{path.name} already has a column {EMBEDDING!r}", field="source")


def broken(path: Path, row: int, what: str) -> InvalidInput:
    """Return the complaint about a row, counted from 1 without any head."""
    return InvalidInput(f"row {row} of {path.name} (the first is 1): {what}", field="source")
