"""JSON lines: an object a line. A row goes to JSON lines again as it stands, to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ratatoskr.jobs.job import EMBEDDING
from ratatoskr.jobs.source import MAX_ROW, Block, broken, check_columns

__all__ = ["JsonLines"]

_BLOCK: Final = 256
_BOM: Final = b"\xef\xbb\xbf"
_NAMES: Final = {int: "a number", float: "a number", bool: "a boolean", list: "a list", dict: "an object"}
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EXACT: Final = 2**53
"""Integers up to here are also floats."""

Kinds = dict[str, str]
"""Column to `null`, `bool`, `int`, `float`, `str`, or `json`: its values as JSON text, where they are of several kinds
or have parts."""


class JsonLines:
    """A file of JSON lines; blank ones are no rows.

    Args:
        path: of the file.
        column: that holds the texts.
        typed: whether `table` will be asked for, for which every value's type has to be known.
    """

    def __init__(self, path: Path, column: str, *, typed: bool) -> None:
        self._path, self._column, self._typed = path, column, typed
        self.learnt: Kinds = {}
        self._wide: set[str] = set()
        self._looked = 0
        first = next(iter(self._lines()), None)
        if first is not None:
            check_columns(path, [*self._object(1, first)], column)

    def blocks(self) -> Iterator[Block]:
        """Yield all rows."""
        texts: list[str | None] = []
        lines: list[bytes] = []
        size = 0
        for row, line in enumerate(self._lines(), 1):
            texts.append(self._text(row, line))
            lines.append(line)
            size += len(line)
            if len(lines) == _BLOCK or size > 1 << 20:
                yield Block(texts, [len(line) for line in lines], lines)
                texts, lines, size = [], [], 0
        if lines:
            yield Block(texts, [len(line) for line in lines], lines)

    def look(self, block: Block) -> None:
        """Learn which columns there are and of which type.

        Raises:
            InvalidInput: a value cannot be read.
        """
        if self._typed:
            for row, line in enumerate(block.rows, self._looked + 1):
                try:
                    values = msgspec.json.decode(line)
                except (msgspec.DecodeError, RecursionError) as error:
                    raise broken(self._path, row, f"a value cannot be read: {error}") from None
                for name, value in values.items():
                    self._see(name, value)
            self._looked += len(block.rows)

    def gather(self, pieces: Sequence[tuple[Block, Sequence[int]]]) -> list[bytes]:
        """Return the lines of these places."""
        return [block.rows[place] for block, places in pieces for place in places]

    def objects(self, rows: list[bytes]) -> Iterator[bytes]:
        """Yield the lines as they are."""
        return iter(rows)

    def table(self, rows: list[bytes]) -> Any:
        """Return the rows as a table with the columns that were learnt."""
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
        columns = {name: [_value(kind, row.get(name)) for row in decoded] for name, kind in self.learnt.items()}
        schema = pa.schema([(name, types[kind]) for name, kind in self.learnt.items()])
        return pa.table(columns, schema=schema)

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines without the white space around them."""
        row = 0
        with self._path.open("rb") as file:
            if file.read(3) != _BOM:
                file.seek(0)
            while line := file.readline(MAX_ROW + 1):
                if len(line) > MAX_ROW:
                    raise broken(self._path, row + 1, f"it is longer than {MAX_ROW} bytes")
                if stripped := line.strip():
                    row += 1
                    yield stripped

    def _object(self, row: int, line: bytes) -> dict[str, msgspec.Raw]:
        try:
            line.decode()  # of what it skips, the decoder asks nothing
            return _RAW.decode(line)
        except UnicodeDecodeError as error:
            raise broken(self._path, row, f"it is not UTF-8: {error.reason}") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise broken(self._path, row, f"it is no JSON object: {error}") from None

    def _text(self, row: int, line: bytes) -> str | None:
        found = self._object(row, line)
        if EMBEDDING in found:
            raise broken(self._path, row, f"it already has {EMBEDDING!r}")
        try:
            raw = found[self._column]
        except KeyError:
            raise broken(self._path, row, f"it has no {self._column!r}") from None
        try:
            text = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise broken(self._path, row, f"{self._column!r} is no text: {error}") from None
        if text is not None and not isinstance(text, str):
            raise broken(self._path, row, f"{self._column!r} is {_NAMES[type(text)]}, not a text")
        return text

    def _see(self, name: str, value: Any) -> None:
        kind = "null" if value is None else type(value).__name__
        if kind in {"list", "dict"} or (kind == "int" and not -(2**63) <= value < 2**63):
            kind = "json"
        if kind == "int" and abs(value) > _EXACT:
            self._wide.add(name)
        known = self.learnt.setdefault(name, kind)
        if kind not in {known, "null"}:
            self.learnt[name] = kind if known == "null" else _widest(known, kind)
        if self.learnt[name] == "float" and name in self._wide:
            self.learnt[name] = "json"


def _widest(one: str, other: str) -> str:
    return "float" if {one, other} == {"int", "float"} else "json"


def _value(kind: str, raw: msgspec.Raw | None) -> Any:
    if raw is None or bytes(raw) == b"null":
        return None
    if kind == "json":
        return bytes(raw).decode()
    return msgspec.json.decode(raw, type=float) if kind == "float" else msgspec.json.decode(raw)
