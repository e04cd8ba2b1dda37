"""CSV and TSV: every field stays text, the only type of the format; 007 stays 007.

TSV has no quoting: each line is split at tabs, and a `"` is a character like any other.
Python's own reader, strict: quoted fields of CSV may contain line ends, and rows may be longer than a block, at which
pyarrow's reader fails.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.rows import MAX_ROW, RowBlock, check_columns, row_error

__all__ = ["Delimited"]

_BLOCK: Final = 256


class Delimited:
    """A file of fields in UTF-8 whose first row names the columns. An empty field is the empty text."""

    columns: Any = None

    def __init__(self, path: Path, column: str, delimiter: str) -> None:
        self._path, self._delimiter = path, delimiter
        self._names = next(self._rows(), [])
        check_columns(path, self._names, column)
        self._place = self._names.index(column)

    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows but the first."""
        rows: list[list[str]] = []
        sizes: list[int] = []
        reader = self._rows()
        next(reader)
        for row in reader:
            rows.append(row)
            sizes.append(sum(map(len, row)))
            if len(rows) == _BLOCK or sizes[-1] > 1 << 16:
                yield self._block(rows, sizes)
                rows, sizes = [], []
        if rows:
            yield self._block(rows, sizes)

    def scan_block(self, block: RowBlock) -> None:
        """Do nothing: all columns are text."""

    def gather(self, pieces: Sequence[tuple[RowBlock, Sequence[int]]]) -> list[list[str]]:
        """Return the rows at these places."""
        return [block.rows[place] for block, places in pieces for place in places]

    def objects(self, rows: list[list[str]]) -> Iterator[bytes]:
        """Yield each row as an object of strings."""
        for row in rows:
            yield msgspec.json.encode(dict(zip(self._names, row, strict=True)))

    def table(self, rows: list[list[str]]) -> Any:
        """Return the rows as a table of strings."""
        from ratatoskr.jobs.arrow import pyarrow

        pa = pyarrow()
        columns = {name: [row[place] for row in rows] for place, name in enumerate(self._names)}
        return pa.table(columns, schema=pa.schema([(name, pa.string()) for name in self._names]))

    def _block(self, rows: list[list[str]], sizes: list[int]) -> RowBlock:
        return RowBlock([row[self._place] for row in rows], sizes, rows)

    def _rows(self) -> Iterator[list[str]]:
        """Yield the names, then the rows; blank lines are skipped, a single empty field of CSV is written `""`."""
        number, width = 0, 0
        csv.field_size_limit(max(MAX_ROW, csv.field_size_limit()))  # global to the process, so only ever raised
        quoting: Any = csv.QUOTE_NONE if self._delimiter == "\t" else csv.QUOTE_MINIMAL
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter, quoting=quoting, strict=True)
            try:
                for row in reader:
                    if not row:
                        continue
                    width = width or len(row)
                    if len(row) != width:
                        raise row_error(self._path, number, f"{len(row)} fields, but the header has {width}")
                    yield row
                    number += 1
            except csv.Error as error:
                raise row_error(self._path, number, f"cannot be parsed: {error}") from None
            except UnicodeDecodeError as error:
                where = f"after row {number}" if number else "in its header"
                raise InvalidInput(f"{self._path.name} is not UTF-8 {where}: {error.reason}", field="source") from None
