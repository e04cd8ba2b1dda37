"""A file of vectors that can be searched: exact, in bounded memory, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from ratatoskr._core import Search
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.jobs.vector_formats import JsonVectors, NpyVectors, ParquetVectors, Piece, VectorFormat
from ratatoskr.local.engine.machine import count_cpus
from ratatoskr.types.frozen import dataclass

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["Match", "Metric", "VectorFile"]

Metric: TypeAlias = Literal["cosine", "dot"]
"""How vectors are compared: by the angle between them, or by their dot product."""

_FORMATS: Final[dict[str, Callable[[Path, str | None, str | None], VectorFormat]]] = {
    ".npy": NpyVectors,
    ".parquet": ParquetVectors,
    ".pq": ParquetVectors,
    ".jsonl": JsonVectors,
    ".ndjson": JsonVectors,
}


@dataclass(frozen=True, slots=True)
class Match:
    """A row that was found.

    Attributes:
        index: its number in the file, from 0.
        score: its cosine, or its dot product with the query; NaN if the file has NaN in the row.
        text: its text; `None` if the file has none.
    """

    index: int
    score: float
    text: str | None = None


class VectorFile:
    """Vectors in a file, and the texts beside them. Its header is checked at once, its rows when they are read.

    Args:
        path: Parquet with a fixed-size list of float32 or float16, `.npy` of such numbers, or JSON lines with a list of
            numbers, as `EmbedJob` writes them. It must not be changed during a search: a `.npy` file is mapped into
            memory, and if another program makes it shorter meanwhile, the system ends this process.
        column: the column of the texts; otherwise that which the file records, or the first with texts.
        output_column: the column of the vectors; otherwise that which the file records, `embedding`, or the only one.

    Raises:
        InvalidInput: it is not such a file, is empty or truncated, or has no such column.
        ConfigurationError: it cannot be read, or needs a package that is not installed.
    """

    def __init__(self, path: str | Path, *, column: str | None = None, output_column: str | None = None) -> None:
        if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
            raise InvalidInput(f"source must be the path of a file, not {path!r}", field="source")
        self.path = Path(path).expanduser()
        suffix = self.path.suffix.lower()
        if suffix not in _FORMATS:
            known = ", ".join(_FORMATS)
            raise InvalidInput(f"{self.path.name}: the suffix must be one of {known}", field="source")
        try:
            if not self.path.is_file():
                raise InvalidInput(f"there is no file {self.path}", field="source")
            self._format = _FORMATS[suffix](self.path, column, output_column)
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}", field="source") from None

    @property
    def dimensions(self) -> int:
        """The numbers in each vector."""
        return self._format.dimensions

    @property
    def model(self) -> str | None:
        """The model that made the vectors, if the file records it."""
        return self._format.origin.model if self._format.origin else None

    @property
    def column(self) -> str | None:
        """The column of the texts; `None` if the file has none."""
        return self._format.column

    def nearest(
        self,
        queries: Floats | Sequence[Sequence[float]],
        top: int = 10,
        *,
        metric: Metric = "cosine",
        threads: int | None = None,
        stop: Event | None = None,
    ) -> list[list[Match]]:
        """Return the `top` rows nearest to each query: the highest score first, equal ones in the order of the file.

        Every row is compared, in one pass over the file for all queries.

        Args:
            queries: an array with a query in each row.
            top: the number of rows to find; fewer are found where the file has fewer.
            metric: `cosine`, for which the vectors need not be normalised, or `dot`.
            threads: that read and compare; by default as many as this process may use CPUs.
            stop: ends the search early when another thread sets it; the result is then incomplete.

        Raises:
            InvalidInput: an argument is invalid, the queries have other dimensions than the vectors, or a row of the
                file is malformed.
        """
        check_options(top, metric)
        count = _check_count("threads", count_cpus() if threads is None else threads)
        searches = self._run(self._check_queries(queries), top, metric, count, stop or Event())
        for other in searches[1:]:
            searches[0].merge(other)
        best = searches[0].best()
        texts = self._format.texts(sorted({int(row) for rows, _ in best for row in rows}))
        return [
            [Match(int(row), float(score), texts.get(int(row))) for row, score in zip(rows, scores, strict=True)]
            for rows, scores in best
        ]

    def _run(self, queries: Floats, top: int, metric: Metric, threads: int, stop: Event) -> list[Search]:
        pieces, lock = self._format.pieces(), Lock()

        def take() -> Piece | None:
            with lock:
                return next(pieces, None)

        def compare() -> Search:
            search = Search(queries, top, metric)
            try:
                while not stop.is_set() and (piece := take()) is not None:
                    for first, rows in _until(stop, piece()):
                        if rows.dtype.itemsize == 2:
                            search.add_halves(rows.view("<u2"), first)
                        else:
                            search.add(rows, first)
            except BaseException:
                stop.set()
                raise
            return search

        with ThreadPoolExecutor(threads, thread_name_prefix="ratatoskr-search") as pool:
            try:
                others = [pool.submit(compare) for _ in range(threads - 1)]
                return [compare(), *(other.result() for other in others)]
            finally:
                stop.set()  # which ends the threads soon after an interrupt

    def _check_queries(self, queries: Any) -> Floats:
        import numpy as np

        try:
            array: Floats = np.ascontiguousarray(queries, np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"queries must be an array of numbers: {error}", field="queries") from None
        if array.ndim != 2 or not len(array):
            raise InvalidInput(f"queries must have a query in each row, not the shape {array.shape}", field="queries")
        if array.shape[1] != self.dimensions:
            what = f"the queries have {array.shape[1]} dimensions, and the vectors of {self.path.name} have"
            raise InvalidInput(f"{what} {self.dimensions}", field="queries")
        if not np.isfinite(array).all():
            raise InvalidInput("queries must be finite numbers", field="queries")
        return array


def _until(stop: Event, rows: Any) -> Iterator[tuple[int, Any]]:
    for first, array in rows:
        if stop.is_set():
            return
        yield first, array


def check_options(top: int, metric: Metric) -> None:
    """Raise `InvalidInput` if an option of a search is invalid."""
    _check_count("top", top)
    if metric not in get_args(Metric):
        raise InvalidInput(f"metric must be cosine or dot, not {metric!r}", field="metric")


def _check_count(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 32:
        raise InvalidInput(f"{field} must be an integer above 0, not {value!r}", field=field)
    return value
