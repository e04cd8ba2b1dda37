"""Parquet and Arrow IPC: rows stay in columns and keep their types."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from ratatoskr._extras import require_extra
from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.rows import RowBlock, check_columns

__all__ = ["ArrowFile", "ParquetFile", "pyarrow"]

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


class _Columns(ABC):
    """The base of both formats."""

    columns: Any = None

    def __init__(self, path: Path, column: str) -> None:
        self._path, self._column = path, column
        self._pa = pyarrow()
        with self._translate_errors():
            self.schema = self._schema()
            check_columns(path, self.schema.names, column)
        self._check_type(self.schema.field(column).type)

    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows."""
        with self._translate_errors():
            for batch in self._batches():
                yield self._block(batch)

    def scan_block(self, block: RowBlock) -> None:  # noqa: B027  # neither format overrides it
        """Do nothing: the schema of the file has the types."""

    def gather(self, pieces: Sequence[tuple[RowBlock, Sequence[int]]]) -> Any:
        """Return the rows at these places."""
        batches = []
        for block, places in pieces:
            contiguous = places[-1] - places[0] + 1 == len(places)
            batches.append(block.rows.slice(places[0], len(places)) if contiguous else block.rows.take(list(places)))
        return self._pa.Table.from_batches(batches, self.schema)

    def objects(self, rows: Any) -> Iterator[bytes]:
        """Yield each row as a JSON object; bytes become base64, times ISO 8601, non-finite numbers null.

        Raises:
            InvalidInput: a value cannot be written as JSON, such as a date after the year 9999.
        """
        schema = self._pa.schema([field.with_type(self._json_type(field.type)) for field in rows.schema])
        try:
            for batch in rows.cast(schema).to_batches(max_chunksize=256):
                for row in batch.to_pylist():
                    yield msgspec.json.encode(row, enc_hook=str)
        except (ValueError, OverflowError, TypeError, self._pa.ArrowException) as error:
            raise InvalidInput(f"a row of {self._path.name} has no JSON form: {error}", field="source") from None

    def _json_type(self, kind: Any) -> Any:
        """Return the type that a column is read as: Python's times have microseconds at most."""
        types = self._pa.types
        if getattr(kind, "unit", "") != "ns":
            return kind
        return self._pa.int64() if types.is_duration(kind) else self._pa.string()

    def table(self, rows: Any) -> Any:
        """Return the rows as they are."""
        return rows

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

    def _check_type(self, kind: Any) -> None:
        types = self._pa.types
        values = kind.value_type if types.is_dictionary(kind) else kind
        if not (types.is_string(values) or types.is_large_string(values) or types.is_string_view(values)):
            raise InvalidInput(f"column {self._column!r} of {self._path.name} is {kind}, not text", field="column")

    def _block(self, batch: Any) -> RowBlock:
        texts = batch.column(batch.schema.get_field_index(self._column)).to_pylist()
        others = batch.nbytes // max(1, batch.num_rows)
        return RowBlock(texts, [others + len(text or "") for text in texts], batch)


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
                rows = max(16, min(_MOST, _BYTES * batch.num_rows // max(1, batch.nbytes)))
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows)
