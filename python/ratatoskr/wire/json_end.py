"""Finds the end of a JSON text that comes in pieces."""

from __future__ import annotations

import re
from typing import Literal

_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING = re.compile(r'["\\]')


class JsonEnd:
    """Follows an array or object by its brackets; every piece is read once, so that the work is linear.

    Attributes:
        state: `empty` up to the first bracket, `closed` once the last one has come, `other` for any other text.
    """

    __slots__ = ("_depth", "_escaped", "_in_string", "state")

    def __init__(self) -> None:
        self.state: Literal["empty", "open", "closed", "other"] = "empty"
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def read(self, piece: str) -> None:
        """Read the next piece."""
        at = 0
        if self.state in ("empty", "closed") and (text := piece.lstrip()):
            self.state = "open" if self.state == "empty" and text[0] in "{[" else "other"
            at = len(piece) - len(text)
        if self.state != "open":
            return
        if self._escaped and piece:
            self._escaped, at = False, at + 1
        while match := (_STRING if self._in_string else _STRUCTURE).search(piece, at):
            character, at = match[0], match.end()
            if character == "\\":
                self._escaped = at == len(piece)
                at += 1
            elif character == '"':
                self._in_string = not self._in_string
            elif character in "{[":
                self._depth += 1
            elif (depth := self._depth - 1) > 0:
                self._depth = depth
            else:
                self.state = "other" if piece[at:].strip() else "closed"
                return
