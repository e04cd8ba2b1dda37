"""CSV and TSV: every field is kept as text, for the format knows nothing else; 007 stays 007.

Python's own reader, strict: quoted fields may hold line ends, and a row may be as long as memory allows; pyarrow's ends
at a row that is longer than its block.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.source import MAX_ROW, Block, broken, check_columns

__all__ = ["Delimited"]

_BLOCK: Final = 256


class Delimited:
    """A file of fields in UTF-8, the first row of which names the columns. An empty field is the empty text."""

    learnt: Any = None

    def __init__(self, path: Path, column: str, delimiter: str) -> None:
        self._path, self._delimiter = path, delimiter
        self._names = next(self._rows(), [])
        check_columns(path, self._names, column)
        self._place = self._names.index(column)

    def blocks(self) -> Iterator[Block]:
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

    def look(self, block: Block) -> None:
        """Learn nothing: all columns are text."""

    def gather(self, pieces: Sequence[tuple[Block, Sequence[int]]]) -> list[list[str]]:
        """Return the rows of these places."""
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

    def _block(self, rows: list[list[str]], sizes: list[int]) -> Block:
        return Block([row[self._place] for row in rows], sizes, rows)

    def _rows(self) -> Iterator[list[str]]:
        """Yield the names, then the rows; blank lines are none, an empty field that is alone is written `""`."""
        number, width = 0, 0
        csv.field_size_limit(max(MAX_ROW, csv.field_size_limit()))  # one for the process: never made smaller
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter, strict=True)
            try:
                for row in reader:
                    if not row:
                        continue
                    width = width or len(row)
                    if len(row) != width:
                        raise broken(self._path, number, f"it has {len(row)} fields, and the head {width}")
                    yield row
                    number += 1
            except csv.Error as error:
                raise broken(self._path, number, f"it cannot be read: {error}") from None
            except UnicodeDecodeError as error:
                what = f"after row {number}" if number else "in its head"
                raise InvalidInput(f"{self._path.name} is not UTF-8 {what}: {error.reason}", field="source") from None
