"""CSV and TSV: every field stays text, the only type of the format; 007 stays 007.

Without quoting, as TSV is, each line is split at tabs, and `"` and a backslash are characters like any other.
Python's own reader, strict: quoted fields of CSV may contain line ends, and rows may be longer than a block, at which
pyarrow's reader fails.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.files import open_input
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.rows import MAX_ROW, RowBlock, check_columns_of_job, row_error

__all__ = ["Delimited"]

_BLOCK: Final = 256
_DIALECTS: Final = {"csv": (",", "minimal"), "tsv": ("\t", "none")}
_QUOTING: Final[dict[str, Any]] = {"minimal": csv.QUOTE_MINIMAL, "none": csv.QUOTE_NONE}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # it begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _detect_encoding(path: Path) -> str:
    with open_input(path) as file:
        head = file.read(4)
    if (encoding := next((name for mark, name in _MARKS if head.startswith(mark)), None)) is not None:
        return encoding
    if b"\0" in head:
        what = "has NUL characters at once, as UTF-16 without a byte order mark has; give its encoding"
        raise InvalidInput(f"{path.name} {what}, such as encoding='utf-16-le'", field="encoding")
    return "utf-8"


class Delimited:
    """A file of fields whose first row names the columns. An empty field is the empty text."""

    columns: Any = None

    def __init__(self, path: Path, job: Job) -> None:
        self._path = path
        delimiter, quoting = _DIALECTS[job.source_format]
        self._delimiter, self._quoting = job.delimiter or delimiter, job.quoting or quoting
        self._encoding = job.encoding or _detect_encoding(path)
        self.names = next((fields for _, fields in self._records()), [])
        if not self.names:
            raise InvalidInput(f"{path.name} is empty: it has no header", field="source")
        check_columns_of_job(path, self.names, job)
        self._places = {name: self.names.index(name) for name in job.text_columns.values()}

    def check_same_columns(self, other: Delimited) -> None:
        """Check that another file has the same columns.

        Raises:
            InvalidInput: it does not.
        """
        for number, (name, found) in enumerate(zip_longest(self.names, other.names), 1):
            if name != found:
                what = f"column {number} of {other._path.name} is {found!r}, but {name!r} in {self._path.name}"
                raise InvalidInput(what, field="source")

    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows but the first."""
        rows: list[list[str]] = []
        sizes: list[int] = []
        first = 1
        records = self._records()
        next(records)
        for _, row in records:
            rows.append(row)
            sizes.append(sum(map(len, row)))
            if len(rows) == _BLOCK or sizes[-1] > 1 << 16:
                yield self._block(first, rows, sizes)
                first += len(rows)
                rows, sizes = [], []
        if rows:
            yield self._block(first, rows, sizes)

    def scan_block(self, block: RowBlock) -> None:
        """Do nothing: all columns are text."""

    def gather(self, pieces: Sequence[tuple[RowBlock, Sequence[int]]]) -> list[list[str]]:
        """Return the rows at these places."""
        return [block.rows[place] for block, places in pieces for place in places]

    def objects(self, rows: list[list[str]]) -> Iterator[bytes]:
        """Yield each row as an object of strings."""
        for row in rows:
            yield msgspec.json.encode(dict(zip(self.names, row, strict=True)))

    def table(self, rows: list[list[str]]) -> Any:
        """Return the rows as a table of strings."""
        from ratatoskr.jobs.arrow import pyarrow

        pa = pyarrow()
        columns = {name: [row[place] for row in rows] for place, name in enumerate(self.names)}
        return pa.table(columns, schema=pa.schema([(name, pa.string()) for name in self.names]))

    def _block(self, first: int, rows: list[list[str]], sizes: list[int]) -> RowBlock:
        columns = {name: [row[place] if row else None for row in rows] for name, place in self._places.items()}
        return RowBlock.of(self._path, first, columns, sizes, rows)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the names, then the rows, each with the line where it begins.

        A blank line is a row without fields where there is one column, whose null it is; otherwise it is skipped.
        """
        number, width = 0, 0
        csv.field_size_limit(max(MAX_ROW, csv.field_size_limit()))  # global to the process, so only ever raised
        with open_input(self._path) as file:
            text = io.TextIOWrapper(file, self._encoding, newline="")
            reader = csv.reader(
                self._lines(text), delimiter=self._delimiter, quoting=_QUOTING[self._quoting], strict=True
            )
            line = 1
            try:
                for row in reader:
                    if row or width == 1:
                        width = width or len(row)
                        if row and len(row) != width:
                            what = f"{len(row)} fields, but the header has {width}"
                            raise row_error(self._path, number, what, line=line)
                        yield line, row
                        number += 1
                    line = reader.line_num + 1
            except csv.Error as error:
                hint = "; quoting='none' reads a quote as a character" if self._quoting == "minimal" else ""
                raise row_error(self._path, number, f"cannot be parsed: {error}{hint}", line=line) from None
            except UnicodeError as error:
                raise self._undecodable(error) from None

    def _lines(self, text: IO[str]) -> Iterator[str]:
        number = 0
        while line := text.readline(MAX_ROW + 1):
            number += 1
            if len(line) > MAX_ROW:
                raise InvalidInput(
                    f"line {number} of {self._path.name} is longer than {MAX_ROW} characters", field="source"
                )
            yield line if number > 1 else line.removeprefix("\ufeff")  # a byte order mark

    def _undecodable(self, error: UnicodeError) -> InvalidInput:
        """Return the error for bytes that are not of the encoding; reads the file again to name their place."""
        decoder, offset, line, fault = codecs.getincrementaldecoder(self._encoding)(), 0, 1, b""
        with open_input(self._path) as file:
            while block := file.read(1 << 16):
                state = decoder.getstate()
                try:
                    line += decoder.decode(block).count("\n")
                    offset += len(block)
                    fault = decoder.getstate()[0]  # of a character that the file may end in
                except UnicodeError:
                    decoder.setstate(state)
                    break
            for octet in block:
                fault = decoder.getstate()[0] + bytes([octet])
                offset += 1
                try:
                    line += decoder.decode(fault[-1:]).count("\n")
                except UnicodeError:
                    break
        what = f"byte {offset - len(fault) + 1} of the file is 0x{fault[0]:02x}" if fault else str(error)
        name = self._encoding.upper()
        hint = "; give its encoding, such as encoding='latin-1'" if name == "UTF-8" else ""
        return InvalidInput(f"{self._path.name} is not {name} in line {line}: {what}{hint}", field="source")
