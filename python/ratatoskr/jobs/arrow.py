"""Parquet and Arrow IPC: rows stay in columns and keep their types."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec

from ratatoskr._extras import require_extra
from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.arrow_types import NotHeldError, convert_column, held_type
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.rows import RowBlock, check_columns_of_job

__all__ = ["ArrowFile", "ParquetFile", "pyarrow", "size_of"]

_MOST: Final = 1024
_BYTES: Final = 4 * 1024 * 1024
"""The most rows and bytes that are read at a time."""
_BUFFER: Final = 1024 * 1024
_MAGIC: Final = b"ARROW1"


def pyarrow(part: str = "") -> Any:
    """Return `pyarrow`, or a part of it.

    Raises:
        ConfigurationError: it is not installed.
    """
    return require_extra(f"pyarrow.{part}" if part else "pyarrow", "jobs", why="Parquet and Arrow files")


def size_of(rows: Any) -> int:
    """Return the bytes of rows; more, those of all their buffers, where pyarrow is too old to measure a type."""
    try:
        return int(rows.nbytes)
    except (NotImplementedError, TypeError):
        return int(rows.get_total_buffer_size())


class _Columns(ABC):
    """The base of both formats."""

    columns: Any = None

    def __init__(self, path: Path, job: Job) -> None:
        self._path, self._texts = path, tuple(job.text_columns.items())
        self._sink = "jsonl" if job.sink_format == "csv" else job.sink_format  # CSV is made of objects
        self._pa = pyarrow()
        with self._translate_errors():
            self.schema = self._schema()
        check_columns_of_job(path, self.schema.names, job)
        for field, name in self._texts:
            self._check_type(name, field)
        self._held = self.schema if self._sink == "npy" else self._pa.schema(map(self._held_field, self.schema))
        self._check_rows(path, self._pa.Table.from_batches([], self.schema), 1)  # pyarrow may be too old for a type

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [*self.schema.names]

    def check_same_columns(self, other: _Columns) -> None:
        """Check that another file has the same columns.

        Raises:
            InvalidInput: it does not.
        """
        for field, found in zip_longest(self.schema, other.schema):
            if field is None or found is None or (field.name, field.type) != (found.name, found.type):
                shown = ["nothing" if one is None else f"{one.name!r} ({one.type})" for one in (found, field)]
                what = f"{other._path.name} has {shown[0]} where {self._path.name} has {shown[1]}"
                raise InvalidInput(what, field="source")
        other.schema = self.schema  # of which the nullability and metadata may differ

    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows."""
        first = 1
        with self._translate_errors():
            for batch in self._batches():
                batch.validate(full=True)  # a hostile file could let Arrow read beyond its memory
                yield self._block(first, batch.cast(self.schema) if batch.schema != self.schema else batch)
                first += batch.num_rows

    def scan_block(self, block: RowBlock) -> None:
        """Write the rows to nowhere, because a format may lack a form for some values of a type."""
        self._check_rows(block.path, self._pa.Table.from_batches([block.rows]), block.first)

    def gather(self, pieces: Sequence[tuple[RowBlock, Sequence[int]]]) -> Any:
        """Return the rows at these places, as slices, because pyarrow cannot take single values of every type."""
        batches = []
        for block, places in pieces:
            for _, run in groupby(enumerate(places), lambda numbered: numbered[1] - numbered[0]):
                following = [place for _, place in run]
                batches.append(block.rows.slice(following[0], len(following)))
        return self._pa.Table.from_batches(batches, self.schema)

    def objects(self, rows: Any) -> Iterator[bytes]:
        """Yield each row as a JSON object; bytes become base64, times ISO 8601, non-finite numbers null."""
        for batch in self.table(rows).to_batches(max_chunksize=256):
            for row in batch.to_pylist():
                yield msgspec.json.encode(row, enc_hook=_plain_value)

    def table(self, rows: Any) -> Any:
        """Return the rows with the types that the output holds."""
        held = self._pa.schema([self._held.field(name) for name in rows.schema.names])
        columns = [
            convert_column(self._pa, column, field.type, self._sink)
            for column, field in zip(rows.columns, held, strict=True)
        ]
        return self._pa.Table.from_arrays(columns, schema=held)

    def _held_field(self, field: Any) -> Any:
        try:
            return field.with_type(held_type(self._pa, field.type, self._sink))
        except NotHeldError as error:
            column = f"column {field.name!r} of {self._path.name} ({field.type})"
            what = f"{column} cannot be written: {error}; convert the column or leave it out"
            raise InvalidInput(what, field="source") from None

    def _check_rows(self, path: Path, rows: Any, first: int) -> None:
        if (error := self._find_fault(rows)) is None:
            return
        place = ""
        for name in rows.schema.names:
            column = rows.select([name])
            if self._find_fault(column) is not None:
                row = next(
                    (f"row {first + row}, " for row in range(len(rows)) if self._find_fault(column.slice(row, 1))), ""
                )
                place = f"{row}column {name!r} ({rows.schema.field(name).type}): "
                break
        what = f"a row of {path.name} has no {'JSON' if self._sink == 'jsonl' else 'Parquet'} form"
        raise InvalidInput(f"{what}: {place}{error}", field="source")

    def _find_fault(self, rows: Any) -> Exception | None:
        """Return why the output cannot hold some rows, `None` if it can."""
        try:
            if self._sink == "jsonl":
                deque(self.objects(rows), 0)
            elif self._sink == "parquet":
                pyarrow("parquet").write_table(self.table(rows), self._pa.MockOutputStream())
        except (ValueError, OverflowError, TypeError, KeyError, self._pa.ArrowException) as error:
            return error
        return None

    @abstractmethod
    def _schema(self) -> Any:
        """Return the schema of the file."""

    @abstractmethod
    def _batches(self) -> Iterator[Any]:
        """Yield all rows in record batches of some megabytes at most."""

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (self._pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self._path.name} cannot be read: {error}", field="source") from None

    def _check_type(self, name: str, field: str) -> None:
        types, kind = self._pa.types, self.schema.field(name).type
        values = kind.value_type if types.is_dictionary(kind) else kind
        if not (
            types.is_null(values)
            or types.is_string(values)
            or types.is_large_string(values)
            or types.is_string_view(values)
        ):
            raise InvalidInput(f"column {name!r} of {self._path.name} is {kind}, not text", field=field)

    def _block(self, first: int, batch: Any) -> RowBlock:
        columns = {name: batch.column(batch.schema.get_field_index(name)).to_pylist() for _, name in self._texts}
        others = size_of(batch) // max(1, batch.num_rows)
        sizes = [others + sum(len(text or "") for text in row) for row in zip(*columns.values(), strict=True)]
        return RowBlock.of(self._path, first, columns, sizes, batch)


def _plain_value(value: Any) -> Any:
    """Return a number or an array of numpy, which older versions of pyarrow return, as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


class ParquetFile(_Columns):
    """A Parquet file."""

    def _open(self) -> Any:
        # Read in pieces, because a row group may be too large for memory.
        return pyarrow("parquet").ParquetFile(self._path, buffer_size=_BUFFER, pre_buffer=False)

    def _schema(self) -> Any:
        with self._open() as file:
            return file.schema_arrow

    def _batches(self) -> Iterator[Any]:
        with self._open() as file:
            for group in range(file.num_row_groups):
                metadata = file.metadata.row_group(group)
                rows = max(16, min(_MOST, _BYTES * metadata.num_rows // max(1, metadata.total_byte_size)))
                yield from file.iter_batches(rows, [group], use_threads=False)


class ArrowFile(_Columns):
    """An Arrow IPC file, or a stream in a file; it is memory-mapped."""

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self._pa.memory_map(str(self._path)) as mapped:
            head = mapped.read(len(_MAGIC))
            mapped.seek(0)
            open_reader = self._pa.ipc.open_file if head == _MAGIC else self._pa.ipc.open_stream
            with open_reader(mapped) as reader:
                yield reader

    def _schema(self) -> Any:
        with self._open() as reader:
            return reader.schema

    def _batches(self) -> Iterator[Any]:
        with self._open() as reader:
            count = getattr(reader, "num_record_batches", None)
            batches = iter(reader) if count is None else map(reader.get_batch, range(count))
            for batch in batches:
                batch.validate(full=True)  # wrong offsets in a file would be read as addresses
                rows = max(16, min(_MOST, _BYTES * batch.num_rows // max(1, size_of(batch))))
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows)
