"""Markdown on a terminal, rendered by rich while it is streamed.

The text is cut into its blocks. A complete block is never written again. Of the block that is being streamed, only the
lines that differ are written again, each over its old text and all in one write, so that nothing flickers.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.text import Text

__all__ = ["MarkdownWriter"]

_NUMBER = re.compile(r"\s*\d{1,9}\s*")
_REST = 3
"""Rendering may take one part of the time in `_REST` + 1: a long block is not rendered for every word."""


class _Heading(Heading):
    """A heading at the left; rich centres it, the first level in a frame."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the text."""
        self.text.justify = "left"
        yield Text("#" * int(self.tag[1:]) + " ", style="dim") + self.text


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "heading_open": _Heading}

    def __init__(self, text: str) -> None:
        super().__init__(text, code_theme="ansi_dark", hyperlinks=False)
        for token in self.parsed:
            for child in token.children or ():
                if child.type == "softbreak":  # models end lines of verse so
                    child.type = "hardbreak"


class MarkdownWriter:
    """Writes one text.

    Attributes:
        is_open: whether the terminal's cursor is behind a line of the text.
    """

    def __init__(self, write: Callable[[str], None], width: int, height: int) -> None:
        self._write = write
        self._height = height
        # One column stays free: behind the last one, terminals differ in where the cursor is.
        self._console = Console(file=io.StringIO(), force_terminal=True, width=width - 1, legacy_windows=False)
        self._parser = MarkdownIt().enable(["strikethrough", "table"])
        self._pending = ""
        self._shown: list[str] = []
        self._began = False
        self._not_before = 0.0
        self.is_open = False

    def add(self, text: str) -> None:
        """Add a piece of the text."""
        self._pending += text
        began = time.monotonic()
        if began < self._not_before:
            return
        self._render()
        ended = time.monotonic()
        self._not_before = ended + _REST * (ended - began)

    def finish(self) -> None:
        """Write what is left."""
        self._render()

    def _render(self) -> None:
        """Write the complete blocks for good, and the last one as it is so far."""
        starts = [
            token.map[0]
            for token in self._parser.parse(self._pending)
            if token.map and not token.level and token.nesting >= 0
        ]
        lines = self._pending.split("\n")
        if len(starts) > 1 and _NUMBER.fullmatch("\n".join(lines[starts[-1] :])):
            starts.pop()  # the beginning of a list's next item, perhaps
        for start, end in pairwise(starts):
            self._draw("\n".join(lines[start:end]))
            self._shown = []
        if len(starts) > 1:
            self._pending = "\n".join(lines[starts[-1] :])
        self._draw(self._pending)

    def _draw(self, block: str) -> None:
        """Show a block in the place of what is shown of it."""
        shown = self._shown
        new = self._lines(block) or ([""] if shown else [])
        if not new:
            return
        if not shown:
            self._write(("\n\n" if self._began else "") + "\n".join(new))
        elif new != shown:
            # Lines that have left the screen cannot be changed any more.
            same = next(
                (i for i, (a, b) in enumerate(zip(shown, new, strict=False)) if a != b), min(len(shown), len(new))
            )
            first = min(max(same, len(shown) - self._height), len(new) - 1)
            self._write(_replace(shown, new, first))
        self._shown = new
        self._began = self.is_open = True

    def _lines(self, block: str) -> list[str]:
        with self._console.capture() as captured:
            self._console.print(_Markdown(block))
        lines = [line.rstrip() for line in captured.get().split("\n")]
        while lines and not lines[0]:
            del lines[0]
        while lines and not lines[-1]:
            del lines[-1]
        return lines


def _replace(shown: list[str], new: list[str], first: int) -> str:
    """Return what turns the shown lines into others, from a line on; the cursor is behind the last one of either."""
    if first == len(shown):
        return "\n" + "\n".join(new[first:])
    if first == len(shown) - 1 == len(new) - 1 and new[-1].startswith(shown[-1]):
        return new[-1][len(shown[-1]) :]
    up = len(shown) - 1 - first
    back = f"\x1b[{up}A\r" if up else "\r"
    return back + "\n".join(f"{line}\x1b[K" for line in new[first:]) + ("\x1b[J" if len(new) < len(shown) else "")
