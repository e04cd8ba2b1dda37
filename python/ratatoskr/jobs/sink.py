"""Formats of the output: a part for each window, and the file that is assembled from all of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import msgspec

from ratatoskr._files import write_error
from ratatoskr.jobs.job import SinkFormat
from ratatoskr.jobs.origin import VectorOrigin
from ratatoskr.jobs.rows import Source
from ratatoskr.jobs.windows import Stopped

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["SINKS", "Sink", "shorten_floats"]

_BUFFER: Final = 1024 * 1024
_GROUP_ROWS: Final = 16384
_GROUP_BYTES: Final = 64 * 1024 * 1024
"""A row group of Parquet ends with the part that reaches either."""


class Sink(Protocol):
    """A format of the output."""

    suffix: str

    def write(self, path: Path, source: Source, rows: Any, vectors: Floats, column: str) -> int:
        """Write a part with the vectors in a column, flush it, and return its size in bytes.

        Raises:
            ConfigurationError: the disk is full, or the folder cannot be written.
        """
        ...

    def join(
        self, path: Path, parts: Sequence[Path], shape: tuple[int, int], origin: VectorOrigin, stop: Event
    ) -> None:
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

    def write(self, path: Path, source: Source, rows: Any, vectors: Floats, column: str) -> int:
        with _open_synced(path) as file:
            return file.write(vectors.astype("<f4", copy=False).tobytes())

    def join(
        self, path: Path, parts: Sequence[Path], shape: tuple[int, int], origin: VectorOrigin, stop: Event
    ) -> None:
        import numpy as np

        with _open_synced(path) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            _append(parts, file, stop)


class _JsonLines:
    """Each row as an object with its vector."""

    suffix = "jsonl"

    def write(self, path: Path, source: Source, rows: Any, vectors: Floats, column: str) -> int:
        size = 0
        key = b"," + msgspec.json.encode(column) + b":"
        with _open_synced(path) as file:
            for text, numbers in zip(source.objects(rows), shorten_floats(vectors), strict=True):
                size += file.write(b"".join((text[:-1], key, msgspec.json.encode(numbers.tolist()), b"}\n")))
        return size

    def join(
        self, path: Path, parts: Sequence[Path], shape: tuple[int, int], origin: VectorOrigin, stop: Event
    ) -> None:
        with _open_synced(path) as file:
            _append(parts, file, stop)


class _Parquet:
    """All columns, and the vectors as a fixed-size list of float32; the metadata say where they come from."""

    suffix = "arrows"

    def write(self, path: Path, source: Source, rows: Any, vectors: Floats, column: str) -> int:
        from ratatoskr.jobs.arrow import pyarrow

        pa = pyarrow()
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
        table = source.table(rows).append_column(column, lists)
        with _open_synced(path) as file:
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
            return file.tell()

    def join(
        self, path: Path, parts: Sequence[Path], shape: tuple[int, int], origin: VectorOrigin, stop: Event
    ) -> None:
        from ratatoskr.jobs.arrow import pyarrow

        parquet = pyarrow("parquet")
        groups = self._groups(parts, stop)
        first = next(groups)
        others = first.schema.names[:-1]
        schema = first.schema.with_metadata(origin.to_metadata())
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


SINKS: dict[SinkFormat, Sink] = {"npy": _Npy(), "jsonl": _JsonLines(), "parquet": _Parquet()}


def shorten_floats(vectors: Floats) -> Any:
    """Return float64 numbers whose shortest decimal form is about nine digits and gives the same float32 again.

    A float32 widened to float64 would be written with all seventeen digits.
    """
    import numpy as np

    wide = vectors.astype(np.float64)
    size = np.abs(wide, where=wide != 0, out=np.ones_like(wide))
    # A quotient of an integer below 2**53 and a power of ten below 10**23 is rounded once, so it is the float64 that is
    # nearest to the decimal number.
    scale = 10.0 ** np.clip(8 - np.floor(np.log10(size)), 0, 22)
    short = np.round(wide * scale) / scale
    return np.where(short.astype(np.float32) == vectors, short, wide)
