"""What a terminal shows for what is written to it: as much of one as `rat` uses."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(r"\x1b\[(\d*)(?:;\d+)*([A-Za-z])|\x1b\][^\x07]*\x07|(.)", re.DOTALL)


class TerminalScreen:
    """A terminal of some columns and lines.

    Attributes:
        rows: every line that was ever shown, those that have scrolled away too.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self.rows: list[list[str]] = [[]]
        self._columns, self._lines = columns, lines
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Show text."""
        for match in _SEQUENCE.finditer(text):
            count, command, character = match.groups()
            if character is not None:
                self._put(character)
            elif command == "A":
                self._row = max(self._row - int(count or 1), max(0, len(self.rows) - self._lines))
            elif command in ("K", "J"):
                del self.rows[self._row][self._column :]
                if command == "J":
                    del self.rows[self._row + 1 :]
            else:
                assert command in ("m", None), match[0]

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n" or self._column == self._columns:
            self._column, self._row = 0, self._row + 1
            if self._row == len(self.rows):
                self.rows.append([])
        if character not in "\r\n":
            row = self.rows[self._row]
            row += " " * (self._column - len(row))
            row[self._column : self._column + 1] = character
            self._column += 1

    def text(self) -> str:
        """Return all lines, without blanks at their ends."""
        return "\n".join("".join(row).rstrip() for row in self.rows)
