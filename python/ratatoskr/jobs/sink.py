"""Formats of the output: a part for each window, and the file that is assembled from all of them."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any, Final, Protocol

import msgspec

from ratatoskr._files import write_error
from ratatoskr.jobs.columns import Column, VectorColumn
from ratatoskr.jobs.job import SinkFormat
from ratatoskr.jobs.rows import Source
from ratatoskr.jobs.windows import Stopped

__all__ = ["SINKS", "Output", "Sink"]

_BUFFER: Final = 1024 * 1024
_GROUP_ROWS: Final = 16384
_GROUP_BYTES: Final = 64 * 1024 * 1024
"""A row group of Parquet ends with the part that reaches either."""


@dataclass(frozen=True, slots=True)
class Output:
    """What the output is, beside its parts.

    Attributes:
        rows: in all parts.
        dimensions: numbers in each vector; 0 if there are none.
        vector_column: the column of the vectors, if there are any.
        metadata: what made it, where the format has a place for that.
    """

    rows: int
    dimensions: int
    vector_column: str | None
    metadata: Mapping[bytes, bytes]


class Sink(Protocol):
    """A format of the output."""

    suffix: str

    def write(self, path: Path, source: Source, rows: Any, columns: Sequence[Column], *, is_first: bool) -> int:
        """Write a part with further columns, flush it, and return its size in bytes.

        Raises:
            ConfigurationError: the disk is full, or the folder cannot be written.
        """
        ...

    def join(self, path: Path, parts: Sequence[Path], output: Output, stop: Event) -> None:
        """Write the output from all parts and flush it; raises what `write` raises, and `Stopped`."""
        ...


@contextmanager
def _open_synced(path: Path) -> Iterator[IO[bytes]]:
    try:
        path.unlink(missing_ok=True)  # never through a link that someone put there
        with path.open("xb", buffering=_BUFFER) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise write_error(path, error) from None


def _append(parts: Sequence[Path], into: IO[bytes], stop: Event) -> None:
    for part in parts:
        if stop.is_set():
            raise Stopped
        with part.open("rb") as file:
            shutil.copyfileobj(file, into, _BUFFER)


class _Npy:
    """The vectors alone, float32, in the order of the rows."""

    suffix = "f4"

    def write(self, path: Path, source: Source, rows: Any, columns: Sequence[Column], *, is_first: bool) -> int:
        (column,) = columns
        assert isinstance(column, VectorColumn)  # noqa: S101  # no other job writes this format
        with _open_synced(path) as file:
            return file.write(column.vectors.astype("<f4", copy=False).tobytes())

    def join(self, path: Path, parts: Sequence[Path], output: Output, stop: Event) -> None:
        import numpy as np

        with _open_synced(path) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (output.rows, output.dimensions)}
            np.lib.format.write_array_header_1_0(file, header)
            _append(parts, file, stop)


class _JsonLines:
    """Each row as an object with its results."""

    suffix = "jsonl"

    def write(self, path: Path, source: Source, rows: Any, columns: Sequence[Column], *, is_first: bool) -> int:
        size = 0
        keys = [b"," + msgspec.json.encode(column.name) + b":" for column in columns]
        values = zip(*(column.json_values() for column in columns), strict=True)
        with _open_synced(path) as file:
            for text, row in zip(source.objects(rows), values, strict=True):
                pieces = [piece for pair in zip(keys, row, strict=True) for piece in pair]
                size += file.write(b"".join((text[:-1], *pieces, b"}\n")))
        return size

    def join(self, path: Path, parts: Sequence[Path], output: Output, stop: Event) -> None:
        with _open_synced(path) as file:
            _append(parts, file, stop)


class _Csv:
    """Each row as fields; a null is an empty one, and what is neither a text nor null is written as JSON."""

    suffix = "csv"

    def write(self, path: Path, source: Source, rows: Any, columns: Sequence[Column], *, is_first: bool) -> int:
        names = source.names
        values = zip(*(column.json_values() for column in columns), strict=True)
        with _open_synced(path) as file:
            text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
            writer = csv.writer(text, lineterminator="\n")
            if is_first:
                writer.writerow([*names, *(column.name for column in columns)])
            for data, row in zip(source.objects(rows), values, strict=True):
                members = _OBJECT.decode(data)
                writer.writerow([*(_field(members.get(name)) for name in names), *map(_field, row)])
            text.detach()
            return file.tell()

    def join(self, path: Path, parts: Sequence[Path], output: Output, stop: Event) -> None:
        with _open_synced(path) as file:
            _append(parts, file, stop)


_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _field(value: msgspec.Raw | bytes | None) -> str:
    """Return the field of a value in JSON."""
    data = b"null" if value is None else bytes(value)
    if data == b"null":
        return ""
    return msgspec.json.decode(data, type=str) if data.startswith(b'"') else data.decode()


class _Parquet:
    """All columns with their types; vectors are a fixed-size list of float32. The metadata say what made them."""

    suffix = "arrows"

    def write(self, path: Path, source: Source, rows: Any, columns: Sequence[Column], *, is_first: bool) -> int:
        from ratatoskr.jobs.arrow import pyarrow

        pa = pyarrow()
        table = source.table(rows)
        for column in columns:
            table = table.append_column(column.name, column.array(pa))
        with _open_synced(path) as file:
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
            return file.tell()

    def join(self, path: Path, parts: Sequence[Path], output: Output, stop: Event) -> None:
        from ratatoskr.jobs.arrow import pyarrow

        parquet = pyarrow("parquet")
        groups = self._groups(parts, stop)
        first = next(groups)
        others = [name for name in first.schema.names if name != output.vector_column]
        schema = first.schema.with_metadata(output.metadata)
        with _open_synced(path) as file, parquet.ParquetWriter(file, schema, use_dictionary=others) as writer:
            writer.write_table(first, max(1, first.num_rows))
            del first
            for group in groups:
                writer.write_table(group, group.num_rows)

    def _groups(self, parts: Sequence[Path], stop: Event) -> Iterator[Any]:
        from ratatoskr.jobs.arrow import pyarrow, size_of

        pa = pyarrow()
        tables: list[Any] = []
        for part in parts:
            if stop.is_set():
                raise Stopped
            with pa.OSFile(str(part)) as file, pa.ipc.open_stream(file) as reader:
                tables.append(reader.read_all())
            rows, size = sum(table.num_rows for table in tables), sum(map(size_of, tables))
            if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
                group, tables = pa.concat_tables(tables), []
                yield group
                del group
        if tables:
            yield pa.concat_tables(tables)


SINKS: dict[SinkFormat, Sink] = {"npy": _Npy(), "jsonl": _JsonLines(), "csv": _Csv(), "parquet": _Parquet()}
