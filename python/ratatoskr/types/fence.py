"""Finds the JSON value that an answer holds in a fenced block of Markdown, as models write it between sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice

_OPENING = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+.-]*)\s*")
_SPACE = re.compile(r"\s*")
_LABELS = frozenset({"json", "jsonc", "json5"})
_MAX_BLOCKS = 100
"""An answer of so many is not searched: the time for each block that is not JSON grows with the text before it."""
_DECODER = json.JSONDecoder()


def fenced_json(text: str) -> str | None:
    """Return the only JSON value in a fenced block, or `None` if there is none or more than one.

    Blocks labelled `json` count; where there is none, those without a label that hold JSON. A text that is JSON itself
    holds no block.
    """
    if not _OPENING.search(text) or _is_json(text):
        return None
    blocks = list(islice(_blocks(text), _MAX_BLOCKS))
    if len(blocks) == _MAX_BLOCKS:
        return None
    labelled = [value for label, value in blocks if label in _LABELS]
    found = dict.fromkeys(labelled or [value for label, value in blocks if not label and value is not None])
    return next(iter(found)) if len(found) == 1 else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _blocks(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the label of each block and its text, `None` if that is not one JSON value.

    A value ends where its JSON does, so that fences inside its strings do not end the block.
    """
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        fence, label = opening[1], opening[2].lower()
        value, end = None, opening.end()
        if label in _LABELS or not label:
            try:
                _, after = _DECODER.raw_decode(text, end)
            except (ValueError, RecursionError):
                pass
            else:
                rest = _SPACE.match(text, after).end()  # type: ignore[union-attr]  # matches everywhere
                if rest == len(text) or text.startswith(fence, rest):  # an answer may end before its fence does
                    value, end = text[end:after], after
        yield label, value
        closing = text.find(fence, end)
        if closing == -1:
            return
        position = closing + len(fence)
