"""Lines of TOML text: where a value is, and how to set or remove one without touching the rest.

`tomllib` reads values without their places and writes nothing. These functions know the lines `[table]` and
`name = value`. What else TOML allows (inline tables, dotted names, values over several lines) is found by the line of
what holds it, and is never changed wrongly: each result is parsed again, and refused if it is not as wanted.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ratatoskr.errors import ConfigurationError
from ratatoskr.types.toml import has_long_name

__all__ = ["find_line", "find_lines", "format_value", "remove_value", "set_value"]

_HEADER = re.compile(r"""\s*\[\[?\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\]"'])+?)\s*\]\]?\s*(#.*)?$""")
_NAME = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_.-]+)\s*=""")
_BARE_NAMES = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def find_line(text: str, path: Sequence[str]) -> int | None:
    """Return the number of the line that holds a value or the header of a table; `None` if it is not found.

    For a value inside another (an item of a list, a member of an inline table) it is the line of the outer one. The
    tables of an array are counted from 0: `("listeners", "1", "address")`.
    """
    return find_lines(text, [path])[0]


def find_lines(text: str, paths: Sequence[Sequence[str]]) -> list[int | None]:
    """Return for each path what `find_line` returns, in one pass over the text."""
    places: dict[tuple[str, ...], int] = {}
    here: list[str] = []
    counts: Counter[tuple[str, ...]] = Counter()
    for number, line in enumerate(_lines(text), 1):
        if header := _HEADER.match(line):
            here = _split(header[1])
            places.setdefault(tuple(here), number)
            if line.lstrip().startswith("[["):
                counts[tuple(here)] += 1
                here = [*here, str(counts[tuple(here)] - 1)]
                places.setdefault(tuple(here), number)
        elif name := _NAME.match(line):
            places.setdefault((*here, *_split(name[1])), number)
    prefixes = ([tuple(path[:length]) for length in range(len(path), 0, -1)] for path in paths)
    return [next((places[prefix] for prefix in some if prefix in places), None) for some in prefixes]


def set_value(text: str, path: Sequence[str], value: str | Sequence[str]) -> str:
    """Return the text with one value set; its table is added at the end if it is not there.

    Raises:
        ConfigurationError: the text cannot be changed line by line; the message says to edit it by hand.
    """
    *table, name = path
    line = f"{_quote(name)} = {format_value(value)}"
    lines = _lines(text)
    start, end = _table(lines, table)
    if start is None:
        lines += [*([""] if lines and lines[-1].strip() else []), f"[{'.'.join(map(_quote, table))}]", line]
    elif (place := _place(lines[start:end], name)) is not None:
        lines[start + place] = line
    else:
        while end > start and not lines[end - 1].strip():
            end -= 1
        lines.insert(end, line)
    return _check_change(text, "\n".join(lines) + "\n", path, value)


def remove_value(text: str, path: Sequence[str]) -> str:
    """Return the text without one value, and without its table's header if no other value is in it.

    Raises:
        ConfigurationError: the text cannot be changed line by line; the message says to edit it by hand.
    """
    *table, name = path
    lines = _lines(text)
    start, end = _table(lines, table)
    if start is not None and (place := _place(lines[start:end], name)) is not None:
        del lines[start + place]
        rest = [line for line in lines[start : end - 1] if line.strip()]
        if all(line.lstrip().startswith("#") for line in rest):
            lines[start - 1 : end - 1] = rest
    return _check_change(text, "\n".join(lines).rstrip("\n") + "\n" if any(lines) else "", path, None)


def format_value(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts as TOML."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(format_value(item) for item in value)}]"


def _lines(text: str) -> list[str]:
    """Return the lines; other characters at which `splitlines` would split may be inside a text."""
    lines = text.split("\n")
    return lines[:-1] if not lines[-1] else lines


def _table(lines: Sequence[str], table: Sequence[str]) -> tuple[int | None, int]:
    """Return the first line after a table's header, and the line after its last."""
    headers = [(i, _split(header[1])) for i, line in enumerate(lines) if (header := _HEADER.match(line))]
    for place, (i, name) in enumerate(headers):
        if name == list(table):
            return i + 1, headers[place + 1][0] if place + 1 < len(headers) else len(lines)
    return None, len(lines)


def _place(lines: Sequence[str], name: str) -> int | None:
    return next((i for i, line in enumerate(lines) if (at := _NAME.match(line)) and _split(at[1]) == [name]), None)


def _split(dotted: str) -> list[str]:
    """Return the names of a dotted key; an invalid one is returned whole, and equals no path."""
    if _BARE_NAMES.fullmatch(dotted):
        return dotted.split(".")
    try:
        document: Any = tomllib.loads(f"{dotted} = 0") if not has_long_name(dotted) else {}
    except (ValueError, RecursionError):
        return [dotted]
    names = []
    while isinstance(document, dict):
        if len(document) != 1:  # a comment
            return [dotted]
        [(name, document)] = document.items()
        names.append(name)
    return names


def _quote(name: str) -> str:
    return name if _BARE.fullmatch(name) else format_value(name)


def _check_change(before: str, after: str, path: Sequence[str], value: str | Sequence[str] | None) -> str:
    """Return the new text if it differs from the old one in exactly one value."""
    *table, name = path
    try:
        if has_long_name(before):
            raise ValueError("not read")  # noqa: TRY301  # as any other text that cannot be changed
        inner = expected = tomllib.loads(before)
        for part in table:
            inner = inner.setdefault(part, {})
        if value is None:
            inner.pop(name, None)
        else:
            inner[name] = value if isinstance(value, str) else list(value)
        same = _without_empty(tomllib.loads(after)) == _without_empty(expected)
    except (ValueError, RecursionError, AttributeError, TypeError):  # not TOML, or no table where one is needed
        same = False
    if not same:
        raise ConfigurationError(f"{'.'.join(path)} is written in a form that cannot be changed here: edit it by hand")
    return after


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    tables = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in document.items()}
    return {name: value for name, value in tables.items() if value != {}}
