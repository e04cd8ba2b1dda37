"""JSON lines: one object a line. In JSON lines output a row is copied byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from ratatoskr.jobs.job import EMBEDDING
from ratatoskr.jobs.rows import MAX_ROW, RowBlock, check_columns, row_error

__all__ = ["JsonLines"]

_BLOCK: Final = 256
_BOM: Final = b"\xef\xbb\xbf"
_NAMES: Final = {int: "a number", float: "a number", bool: "a boolean", list: "a list", dict: "an object"}
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EXACT: Final = 2**53
"""Integers up to this are exact as floats."""

ColumnTypes: TypeAlias = dict[str, str]
"""Column to `null`, `bool`, `int`, `float`, `str`, or `json`: values as JSON text, where they are of several types or
nested."""


class JsonLines:
    """A file of JSON lines; blank lines are skipped.

    Args:
        path: the file.
        column: the column that holds the texts.
        typed: whether `table` will be called, which needs the type of every column.
    """

    def __init__(self, path: Path, column: str, *, typed: bool) -> None:
        self._path, self._column, self._typed = path, column, typed
        self.columns: ColumnTypes = {}
        self._large_integers: set[str] = set()
        self._scanned = 0
        first = next(iter(self._lines()), None)
        if first is not None:
            check_columns(path, [*self._object(1, first)], column)

    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows."""
        texts: list[str | None] = []
        lines: list[bytes] = []
        size = 0
        for row, line in enumerate(self._lines(), 1):
            texts.append(self._text(row, line))
            lines.append(line)
            size += len(line)
            if len(lines) == _BLOCK or size > 1 << 20:
                yield RowBlock(texts, [len(line) for line in lines], lines)
                texts, lines, size = [], [], 0
        if lines:
            yield RowBlock(texts, [len(line) for line in lines], lines)

    def scan_block(self, block: RowBlock) -> None:
        """Note the columns and their types.

        Raises:
            InvalidInput: a value cannot be read.
        """
        if self._typed:
            for row, line in enumerate(block.rows, self._scanned + 1):
                try:
                    values = msgspec.json.decode(line)
                except (msgspec.DecodeError, RecursionError) as error:
                    raise row_error(self._path, row, f"a value cannot be parsed: {error}") from None
                for name, value in values.items():
                    self._note_type(name, value)
            self._scanned += len(block.rows)

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
        types = {
            "null": pa.null(),
            "bool": pa.bool_(),
            "int": pa.int64(),
            "float": pa.float64(),
            "str": pa.string(),
            "json": pa.string(),
        }
        decoded = [_RAW.decode(line) for line in rows]
        columns = {name: [_decode_value(kind, row.get(name)) for row in decoded] for name, kind in self.columns.items()}
        schema = pa.schema([(name, types[kind]) for name, kind in self.columns.items()])
        return pa.table(columns, schema=schema)

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines without surrounding white space."""
        row = 0
        with self._path.open("rb") as file:
            if file.read(3) != _BOM:
                file.seek(0)
            while line := file.readline(MAX_ROW + 1):
                if len(line) > MAX_ROW:
                    raise row_error(self._path, row + 1, f"longer than {MAX_ROW} bytes")
                if stripped := line.strip():
                    row += 1
                    yield stripped

    def _object(self, row: int, line: bytes) -> dict[str, msgspec.Raw]:
        try:
            line.decode()  # the decoder does not check values that it skips
            return _RAW.decode(line)
        except UnicodeDecodeError as error:
            raise row_error(self._path, row, f"not UTF-8: {error.reason}") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise row_error(self._path, row, f"not a JSON object: {error}") from None

    def _text(self, row: int, line: bytes) -> str | None:
        values = self._object(row, line)
        if EMBEDDING in values:
            raise row_error(self._path, row, f"already has {EMBEDDING!r}")
        try:
            raw = values[self._column]
        except KeyError:
            raise row_error(self._path, row, f"has no {self._column!r}") from None
        try:
            text = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise row_error(self._path, row, f"{self._column!r} is not a text: {error}") from None
        if text is not None and not isinstance(text, str):
            raise row_error(self._path, row, f"{self._column!r} is {_NAMES[type(text)]}, not a text")
        return text

    def _note_type(self, name: str, value: Any) -> None:
        kind = "null" if value is None else type(value).__name__
        if kind in {"list", "dict"} or (kind == "int" and not -(2**63) <= value < 2**63):
            kind = "json"
        if kind == "int" and abs(value) > _EXACT:
            self._large_integers.add(name)
        before = self.columns.setdefault(name, kind)
        if kind not in {before, "null"}:
            self.columns[name] = kind if before == "null" else _common_type(before, kind)
        if self.columns[name] == "float" and name in self._large_integers:
            self.columns[name] = "json"


def _common_type(one: str, other: str) -> str:
    return "float" if {one, other} == {"int", "float"} else "json"


def _decode_value(kind: str, raw: msgspec.Raw | None) -> Any:
    if raw is None or bytes(raw) == b"null":
        return None
    if kind == "json":
        return bytes(raw).decode()
    return msgspec.json.decode(raw, type=float) if kind == "float" else msgspec.json.decode(raw)
