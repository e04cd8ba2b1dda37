"""Opens the input of a job by its format: one file, or several as if they were one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.delimited import Delimited
from ratatoskr.jobs.job import Job, SourceFormat
from ratatoskr.jobs.json_lines import JsonLines
from ratatoskr.jobs.rows import RowBlock, Source

__all__ = ["open_source"]


def open_source(job: Job) -> Source:
    """Return the source of a job after checking the header of every file.

    Raises:
        InvalidInput: a file does not exist, is not of its format, does not have the column, or has other columns than
            the first.
        ConfigurationError: it cannot be read, or needs a package that is not installed.
    """
    kind = job.source_format
    files = [_open_file(path, kind, job) for path in job.source_paths]
    for file in files[1:]:
        files[0].check_same_columns(file)
    return files[0] if len(files) == 1 else _Chain(files)


def _open_file(path: Path, kind: SourceFormat, job: Job) -> Any:
    try:
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}", field="source")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", field="source") from None
    match kind:
        case "jsonl":
            return JsonLines(path, job)
        case "csv" | "tsv":
            return Delimited(path, job)
        case _:
            from ratatoskr.jobs.arrow import ArrowFile, ParquetFile

            return (ParquetFile if kind == "parquet" else ArrowFile)(path, job)


class _Chain:
    """The rows of several files. The first knows the columns of all."""

    def __init__(self, files: list[Any]) -> None:
        self._files = files

    def blocks(self) -> Iterator[RowBlock]:
        """Yield the rows of one file after another."""
        for file in self._files:
            yield from file.blocks()

    @property
    def names(self) -> Sequence[str]:
        """The names of the columns."""
        names: Sequence[str] = self._files[0].names
        return names

    @property
    def columns(self) -> Any:
        """What the scan found, as JSON."""
        return self._files[0].columns

    @columns.setter
    def columns(self, value: Any) -> None:
        self._files[0].columns = value

    def scan_block(self, block: RowBlock) -> None:
        """Note the columns of a block of any file."""
        self._files[0].scan_block(block)

    def gather(self, pieces: Sequence[tuple[RowBlock, Sequence[int]]]) -> Any:
        """Return rows of any files."""
        return self._files[0].gather(pieces)

    def objects(self, rows: Any) -> Iterator[bytes]:
        """Yield each row as a JSON object."""
        objects: Iterator[bytes] = self._files[0].objects(rows)
        return objects

    def table(self, rows: Any) -> Any:
        """Return the rows as a table."""
        return self._files[0].table(rows)
