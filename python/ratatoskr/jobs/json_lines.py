"""JSON lines: one object a line. In JSON lines output a row is copied byte for byte."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.files import open_input
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.json_types import ColumnType, arrow_type, decode_value, is_large, merge_types, type_of
from ratatoskr.jobs.rows import MAX_ROW, RowBlock, check_columns_of_job, row_error

__all__ = ["JsonLines", "read_lines"]

_BLOCK: Final = 256
_OTHER_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NAMES: Final = {int: "a number", float: "a number", bool: "a boolean", list: "a list", dict: "an object"}
_HINTS: Final = (
    (re.compile(rb"NaN|Infinity"), "JSON has no NaN and no Infinity"),
    (re.compile(rb"\\u[dD][89a-fA-F]"), "half of a surrogate pair is not a character"),
    (re.compile(rb"^\["), "each line must be an object of its own"),
)
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class JsonLines:
    """A file of JSON lines; blank lines are skipped."""

    def __init__(self, path: Path, job: Job) -> None:
        self._path, self._texts = path, tuple(job.text_columns.values())
        self._added, self._renaming = job.added_columns, job.renaming
        self._typed = job.sink_format in {"parquet", "csv"}
        self.columns: dict[str, ColumnType] = {}
        first = next(iter(read_lines(self._path)), None)
        if first is not None:
            check_columns_of_job(path, [*self._object(1, first)], job)

    def check_same_columns(self, other: JsonLines) -> None:
        """Do nothing: each row has its own names."""

    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows."""
        texts: dict[str, list[str | None]] = {name: [] for name in self._texts}
        lines: list[bytes] = []
        size, first = 0, 1
        for row, line in enumerate(read_lines(self._path), 1):
            values = self._values(row, line)
            for name, column in texts.items():
                column.append(self._text(row, values, name))
            lines.append(line)
            size += len(line)
            if len(lines) == _BLOCK or size > 1 << 20:
                yield RowBlock.of(self._path, first, texts, [len(line) for line in lines], lines)
                texts, lines, size, first = {name: [] for name in self._texts}, [], 0, row + 1
        if lines:
            yield RowBlock.of(self._path, first, texts, [len(line) for line in lines], lines)

    @property
    def names(self) -> list[str]:
        """The names that the scan found."""
        return [*(self.columns or self._texts)]

    def scan_block(self, block: RowBlock) -> None:
        """Note the columns and their types.

        Raises:
            InvalidInput: a value cannot be read, or an object has a name twice, of which Parquet holds one. In other
                formats the rows are copied, and only the names beside the text count.
        """
        for row, line in enumerate(block.rows, block.first):
            try:
                _check_names(line.decode(), nested=self._typed)
                values = msgspec.json.decode(line) if self._typed else {}
            except _NamedTwiceError as error:
                raise row_error(block.path, row, f"an object has {error.args[0]!r} twice") from None
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                what = f"a value cannot be parsed: {_find_faulty(line)}{error}"
                raise row_error(block.path, row, what) from None
            for name, value in values.items():
                self._note_type(name, value)

    def gather(self, pieces: Sequence[tuple[RowBlock, Sequence[int]]]) -> list[bytes]:
        """Return the lines at these places."""
        return [block.rows[place] for block, places in pieces for place in places]

    def objects(self, rows: list[bytes]) -> Iterator[bytes]:
        """Yield the lines unchanged."""
        return iter(rows)

    def table(self, rows: list[bytes]) -> Any:
        """Return the rows as a table with the columns of the scan."""
        from ratatoskr.jobs.arrow import pyarrow

        pa = pyarrow()
        decoded = [_RAW.decode(line) for line in rows]
        kinds: dict[str, ColumnType] = self.columns or dict.fromkeys(self._texts, "str")
        columns = {name: [decode_value(kind, row.get(name)) for row in decoded] for name, kind in kinds.items()}
        return pa.table(columns, schema=pa.schema([(name, arrow_type(pa, kind)) for name, kind in kinds.items()]))

    def _object(self, row: int, line: bytes) -> dict[str, msgspec.Raw]:
        try:
            line.decode()  # the decoder does not check values that it skips
            return _RAW.decode(line)
        except UnicodeDecodeError as error:
            what = f"not UTF-8: byte {error.start + 1} of the line is 0x{line[error.start]:02x}"
            raise row_error(self._path, row, what) from None
        except (msgspec.DecodeError, RecursionError) as error:
            hint = next((f"; {hint}" for pattern, hint in _HINTS if pattern.search(line)), "")
            raise row_error(self._path, row, f"not a JSON object: {error}{hint}") from None

    def _values(self, row: int, line: bytes) -> dict[str, msgspec.Raw]:
        values = self._object(row, line)
        for name in self._added:
            if name in values:
                raise row_error(self._path, row, f"already has {name!r}; give another {self._renaming}")
        return values

    def _text(self, row: int, values: dict[str, msgspec.Raw], name: str) -> str | None:
        try:
            raw = values[name]
        except KeyError:
            raise row_error(self._path, row, f"has no {name!r}") from None
        try:
            text = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise row_error(self._path, row, f"{name!r} is not a text: {error}") from None
        if text is not None and not isinstance(text, str):
            raise row_error(self._path, row, f"{name!r} is {_NAMES[type(text)]}, not a text")
        return text

    def _note_type(self, name: str, value: Any) -> None:
        before = self.columns.get(name, "null")
        kind = merge_types(before, type_of(value))
        if name not in self.columns or kind != before:
            self.columns[name] = "json" if is_large(kind) else kind


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not blank, without surrounding white space.

    Raises:
        InvalidInput: the file is in UTF-16, is compressed otherwise than its name says, or a line is too long.
        ConfigurationError: it cannot be read.
    """
    row = 0
    with open_input(path) as file:
        if (head := file.peek(3)[:3]) == codecs.BOM_UTF8:
            file.read(3)
        elif head.startswith(_OTHER_MARKS):
            what = "has the byte order mark of UTF-16, but JSON lines are UTF-8; convert it"
            raise InvalidInput(f"{path.name} {what}", field="source")
        while line := file.readline(MAX_ROW + 1):
            if len(line) > MAX_ROW:
                raise row_error(path, row + 1, f"longer than {MAX_ROW} bytes")
            if stripped := line.strip():
                row += 1
                yield stripped


def _find_faulty(line: bytes) -> str:
    """Return the name of the first value that cannot be decoded."""
    for name, raw in _RAW.decode(line).items():
        try:
            msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return f"that of {name!r}, "
    return ""


class _NamedTwiceError(Exception):
    """An object has a name twice."""


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NamedTwiceError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return members


def _check_names(row: str, *, nested: bool) -> None:
    """Check that an object has no name twice, and likewise the objects in it."""
    pairs = (_NESTED if nested else _ALONE).decode(row)
    if not nested:
        _object_of(pairs)


_ALONE: Final = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str, strict=False)
_NESTED: Final = json.JSONDecoder(object_pairs_hook=_object_of, parse_int=str, parse_float=str, strict=False)
