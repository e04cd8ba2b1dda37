"""Short text forms of values: what a terminal or a notebook shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LENGTH = 80
_ITEMS = 8


def represent(value: Any) -> str:
    """Return the `repr` of a value; long texts, sequences and mappings are cut, and say so.

    A value that has no `repr`, because it fails or because the value holds itself, is named by its type.
    """
    try:
        return _represent(value)
    except Exception:  # of the value's own methods
        return f"<{type(value).__name__}>"


def _represent(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return repr(value) if len(value) <= _LENGTH else f"{value[:_LENGTH]!r}… ({len(value)} in all)"
    if type(value) in (tuple, list):
        items = [_represent(item) for item in value[:_ITEMS]]
        if len(value) > _ITEMS:
            items.append(f"… ({len(value)} in all)")
        inner = ", ".join(items)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Mapping):
        text = repr(dict(value))
        return text if len(text) <= 2 * _LENGTH else f"{text[: 2 * _LENGTH]}… ({len(value)} keys)"
    return repr(value)
