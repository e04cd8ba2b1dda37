"""Files of vectors, as jobs write them, read in pieces that several threads compare with a query."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.arrow import pyarrow
from ratatoskr.jobs.json_lines import read_lines
from ratatoskr.jobs.origin import VectorOrigin
from ratatoskr.jobs.rows import row_error

__all__ = ["JsonVectors", "NpyVectors", "ParquetVectors", "Piece", "VectorFormat"]

Piece: TypeAlias = Callable[[], Iterable[tuple[int, Any]]]
"""Reads a part of a file: arrays of float32 or float16, each with the number of its first row."""

_BYTES: Final = 4 * 1024 * 1024
"""Vectors that a thread reads at a time: so few that the threads end together."""
_LINES: Final = 512
_VECTORS: Final = "embedding"
_HOW: Final = "rat embed-file and EmbedJob make such files"


class VectorFormat(Protocol):
    """A file of one format.

    Attributes:
        dimensions: numbers in each vector.
        origin: what made the vectors, if the file records it.
        column: the column of the texts; `None` if the file has none.
    """

    dimensions: int
    origin: VectorOrigin | None
    column: str | None

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces that make up the file; they may be read in any order, by several threads.

        Raises:
            InvalidInput: the file is malformed; so do the pieces.
        """
        ...

    def texts(self, rows: Sequence[int]) -> dict[int, str | None]:
        """Return the texts of rows; none if the file has no texts."""
        ...


class NpyVectors:
    """A `.npy` file, which is mapped into memory after its size was compared with its header.

    A file that another program makes shorter meanwhile ends the process with SIGBUS, as for any mapped file.
    """

    origin: VectorOrigin | None = None
    column: str | None = None

    def __init__(self, path: Path, column: str | None, output_column: str | None) -> None:
        import numpy as np

        for name, value in (("column", column), ("output_column", output_column)):
            if value is not None:
                raise InvalidInput(f"{path.name} has no columns: .npy holds vectors alone", field=name)
        with path.open("rb") as file:
            shape, is_fortran, dtype = _read_npy_header(path, file)
            what = f"array of {dtype} with the shape {shape}"
            if dtype not in (np.dtype("<f4"), np.dtype("<f2")):
                fix = "convert them with .astype('<f4')"
                raise InvalidInput(f"{path.name} is an {what}, not of float32 or float16; {fix}", field="source")
            if len(shape) != 2 or is_fortran:
                order = " in the order of Fortran" if is_fortran else ""
                raise InvalidInput(f"{path.name} is an {what}{order}, not rows of vectors; {_HOW}", field="source")
            if not all(shape):
                raise InvalidInput(f"{path.name} holds no vectors: it is an {what}", field="source")
            start, size = file.tell(), path.stat().st_size
            if (needed := start + shape[0] * shape[1] * dtype.itemsize) > size:
                message = f"{path.name} is truncated: it has {size} bytes, and its header says {needed}"
                raise InvalidInput(message, field="source")
            self._vectors = np.asarray(np.memmap(file, dtype, "r", start, shape))
        self.dimensions: int = shape[1]

    def pieces(self) -> Iterator[Piece]:
        """Yield slices."""
        rows = max(1, _BYTES // (self.dimensions * self._vectors.itemsize))
        for first in range(0, len(self._vectors), rows):
            yield lambda first=first: [(first, self._vectors[first : first + rows])]  # type: ignore[misc]

    def texts(self, rows: Sequence[int]) -> dict[int, str | None]:
        """Return nothing."""
        return {}


def _read_npy_header(path: Path, file: Any) -> tuple[tuple[int, ...], bool, Any]:
    from numpy.lib import format as npy

    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        version = npy.read_magic(file)
        if version in readers:
            return readers[version](file)
        reason = f"version {version[0]}.{version[1]}"
    except (ValueError, struct.error, EOFError) as error:
        reason = "it is empty" if path.stat().st_size == 0 else str(error).splitlines()[0]
    raise InvalidInput(f"{path.name} is not a .npy file of vectors: {reason}; {_HOW}", field="source")


class ParquetVectors:
    """A Parquet file, of which one column is a fixed-size list of float32 or float16."""

    def __init__(self, path: Path, column: str | None, output_column: str | None) -> None:
        self._path = path
        self._pa = pyarrow()
        with self._translate_errors(), pyarrow("parquet").ParquetFile(path) as file:
            self._metadata, schema = file.metadata, file.schema_arrow
        self.origin = VectorOrigin.from_metadata(schema.metadata)
        self._vectors = self._find_vectors(schema, output_column)
        self.column = self._find_texts(schema, column)
        self.dimensions: int = schema.field(self._vectors).type.list_size
        counts = [self._metadata.row_group(group).num_rows for group in range(self._metadata.num_row_groups)]
        self._starts = list(accumulate(counts, initial=0))
        if not self._starts[-1] or not self.dimensions:
            raise InvalidInput(f"{path.name} holds no vectors", field="source")

    def pieces(self) -> Iterator[Piece]:
        """Yield the row groups."""
        for group in range(len(self._starts) - 1):
            yield lambda group=group: self._read_vectors(group)  # type: ignore[misc]

    def texts(self, rows: Sequence[int]) -> dict[int, str | None]:
        """Return the texts of rows, of whose row groups only this column is read."""
        texts: dict[int, str | None] = {}
        if self.column is None:
            return texts
        by_group: dict[int, list[int]] = {}
        for row in sorted(rows):
            by_group.setdefault(bisect_right(self._starts, row) - 1, []).append(row)
        for group, wanted in by_group.items():
            for first, column in self._read(group, self.column, 1024):
                inside = [row for row in wanted if first <= row < first + len(column)]
                texts |= {row: column[row - first].as_py() for row in inside}
        return texts

    def _read_vectors(self, group: int) -> Iterator[tuple[int, Any]]:
        for first, lists in self._read(group, self._vectors, max(1, _BYTES // (4 * self.dimensions))):
            numbers = lists.flatten()  # which leaves out null lists
            if lists.null_count or numbers.null_count:
                wrong = [row for row, vector in enumerate(lists.to_pylist()) if vector is None or None in vector]
                what = f"{self._vectors!r} is null, or holds a null"
                raise row_error(self._path, first + wrong[0] + 1, what)
            yield first, numbers.to_numpy(zero_copy_only=True).reshape(len(lists), self.dimensions)

    def _read(self, group: int, column: str, rows: int) -> Iterator[tuple[int, Any]]:
        """Yield a column of a row group in pieces, with the number of the first row of each."""
        first = self._starts[group]
        parquet = pyarrow("parquet")
        # Each thread has a reader of its own; in pieces, because a row group may be too large for memory.
        with (
            self._translate_errors(),
            parquet.ParquetFile(self._path, metadata=self._metadata, buffer_size=1 << 20, pre_buffer=False) as file,
        ):
            for batch in file.iter_batches(rows, [group], [column], use_threads=False):
                batch.validate(full=True)  # a hostile file could let Arrow read beyond its memory
                yield first, batch.column(0)
                first += batch.num_rows

    def _find_vectors(self, schema: Any, output_column: str | None) -> str:
        types = self._pa.types
        lists = [field.name for field in schema if types.is_fixed_size_list(field.type)]
        recorded = self.origin.output_column if self.origin else _VECTORS
        name = output_column or (recorded if recorded in schema.names or len(lists) != 1 else lists[0])
        kind = self._type_of(schema, name, "output_column")
        if not types.is_fixed_size_list(kind) or not (
            types.is_float32(kind.value_type) or types.is_float16(kind.value_type)
        ):
            what = f"column {name!r} of {self._path.name} is {kind}, not a fixed-size list of float32 or float16"
            raise InvalidInput(f"{what}; {_HOW}", field="output_column")
        return name

    def _find_texts(self, schema: Any, column: str | None) -> str | None:
        types = self._pa.types

        def is_text(kind: Any) -> bool:
            values = kind.value_type if types.is_dictionary(kind) else kind
            return bool(types.is_string(values) or types.is_large_string(values) or types.is_string_view(values))

        texts = [field.name for field in schema if is_text(field.type)]
        if column is None:
            recorded = self.origin.column if self.origin else None
            return recorded if recorded in texts else next(iter(texts), None)
        if column not in texts:
            kind = self._type_of(schema, column, "column")
            raise InvalidInput(f"column {column!r} of {self._path.name} is {kind}, not text", field="column")
        return column

    def _type_of(self, schema: Any, name: str, field: str) -> Any:
        if schema.names.count(name) != 1:
            shown = ", ".join(repr(other) for other in schema.names[:20])
            number = "two columns" if name in schema.names else "no column"
            raise InvalidInput(f"{self._path.name} has {number} {name!r}; it has {shown}", field=field)
        return schema.field(name).type

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (self._pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if self._path.stat().st_size == 0:
                raise InvalidInput(f"{self._path.name} is empty", field="source") from None
            raise InvalidInput(f"{self._path.name} cannot be read: {error}", field="source") from None


class JsonVectors:
    """A file of JSON lines, of which each has a list of numbers."""

    origin: VectorOrigin | None = None

    def __init__(self, path: Path, column: str | None, output_column: str | None) -> None:
        self._path = path
        first = next(read_lines(path), None)
        if first is None:
            raise InvalidInput(f"{path.name} is empty", field="source")
        row = self._decode(dict[str, Any], 1, first)
        lists = [name for name, value in row.items() if _is_vector(value)]
        self._vectors = output_column or (_VECTORS if _VECTORS in row or len(lists) != 1 else lists[0])
        if self._vectors not in lists:
            shown = ", ".join(map(repr, [*row][:20]))
            what = f"row 1 of {path.name} has no list of numbers {self._vectors!r}; it has {shown}"
            raise InvalidInput(f"{what}; {_HOW}", field="output_column")
        self.dimensions = len(row[self._vectors])
        self.column = column or next((name for name, value in row.items() if isinstance(value, str)), None)
        if column is not None and column not in row:
            shown = ", ".join(map(repr, [*row][:20]))
            raise InvalidInput(f"{path.name} has no column {column!r}; it has {shown}", field="column")
        fields = [("vector", list[float], msgspec.field(name=self._vectors))]
        self._row_type = msgspec.defstruct("Row", fields)

    def pieces(self) -> Iterator[Piece]:
        """Yield blocks of lines."""
        lines: list[bytes] = []
        first = size = 0
        for line in read_lines(self._path):
            lines.append(line)
            size += len(line)
            if len(lines) == _LINES or size > _BYTES:
                yield lambda lines=lines, first=first: self._parse(lines, first)  # type: ignore[misc]
                first, lines, size = first + len(lines), [], 0
        if lines:
            yield lambda: self._parse(lines, first)

    def texts(self, rows: Sequence[int]) -> dict[int, str | None]:
        """Return the texts of rows: their lines are read again."""
        wanted, texts = set(rows), dict[int, str | None]()
        if self.column is None:
            return texts
        for row, line in enumerate(read_lines(self._path)):
            if row in wanted:
                text = self._decode(dict[str, Any], row + 1, line).get(self.column)
                if not isinstance(text, str | None):
                    raise row_error(self._path, row + 1, f"{self.column!r} is not a text")
                texts[row] = text
                if len(texts) == len(wanted):
                    break
        return texts

    def _parse(self, lines: list[bytes], first: int) -> Iterator[tuple[int, Any]]:
        import numpy as np

        vectors = [self._decode(self._row_type, first + place, line).vector for place, line in enumerate(lines, 1)]
        for row, vector in enumerate(vectors, first + 1):
            if len(vector) != self.dimensions:
                what = f"{self._vectors!r} has {len(vector)} numbers, and that of row 1 has {self.dimensions}"
                raise row_error(self._path, row, what)
        with np.errstate(over="ignore"):
            yield first, np.array(vectors, np.float32)

    def _decode(self, kind: Any, row: int, line: bytes) -> Any:
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise row_error(self._path, row, f"not a JSON object with a vector: {error}") from None


def _is_vector(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(number) in (int, float) for number in value)
