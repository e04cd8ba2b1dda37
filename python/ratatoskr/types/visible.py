"""Makes the characters of other people's text visible that a log or a terminal would obey or hide."""

from __future__ import annotations

import reprlib

INVISIBLE = (0x180E, 0x200B, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
"""Line separators, and characters that have no width or change the direction of text."""

_MARKS = (0xAD, 0x61C, *range(0x200C, 0x2010), *range(0xE0000, 0xE0080))
"""Characters that are as invisible, but that emoji and some languages need in ordinary text."""

_CODES = (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), *INVISIBLE, *_MARKS)
_ESCAPES = {code: f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}" for code in _CODES}
_ESCAPES |= {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}


def escape_hidden(text: str, limit: int) -> str:
    """Return text as one line of at most `limit` characters, with every character escaped that would not be seen."""
    if len(text) <= limit and text.isprintable():
        return text
    line = text[: limit + 1].translate(_ESCAPES)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def quote(value: object, limit: int = 80) -> str:
    """Return the `repr` of any value for a message, at most about `limit` characters of it.

    Long, deeply nested and self-containing values are cut, and a value whose `repr` fails is named by its type.
    """
    if isinstance(value, str):
        text = repr(str.__getitem__(value, slice(limit)))
    else:
        try:
            text = _SHORT.repr(value)
        except Exception:  # of the value's own methods, or a whole number with more digits than Python writes
            text = f"a value of type {type(value).__name__}"
    return text if len(text) <= limit + 2 else text[:limit] + "…"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
