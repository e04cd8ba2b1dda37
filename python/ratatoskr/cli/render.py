"""What is shown, and where: answers on standard output, everything else on standard error.

A terminal gets colours (unless `NO_COLOR` is set or it is dumb) and thinking, and none of the control characters that a
model or a provider may send. A pipe gets the text as it came.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatResponse
    from ratatoskr.types.event import ChatEvent
    from ratatoskr.types.generate import GenerateResponse

Style = Literal["dim", "bold", "red"]
_STYLES: dict[Style, str] = {"dim": "\x1b[2m", "bold": "\x1b[1m", "red": "\x1b[31m"}
_PLAIN = "\x1b[0m"

_PICTURES: dict[int, int | None] = {code: 0x2400 + code for code in range(32)}
_PICTURES |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_PICTURES |= {0x7F: 0x2421, 0x0A: 0x0A, 0x09: 0x09, 0x0D: None}
"""What a terminal would obey, as something to see; a carriage return is left out."""

MAX_LINE = 1000  # characters of an error that are shown


def visible(text: str) -> str:
    """Return text for a terminal, which obeys none of it."""
    return text.translate(_PICTURES)


def one_line(text: str) -> str:
    """Return text as one line that no terminal obeys, cut where it gets too long to be read."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


class Screen:
    """Standard output and standard error as they are now: terminals or not, coloured or not."""

    def __init__(self) -> None:
        self._out: TextIO = sys.stdout or io.StringIO()  # closed by whoever started this
        self._err: TextIO = sys.stderr or io.StringIO()
        self.out_is_terminal = self._out.isatty()
        self.err_is_terminal = self._err.isatty()
        self._coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._out_is_utf8 = (self._out.encoding or "").lower().replace("-", "") == "utf8"

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 where there is none."""
        return max(20, shutil.get_terminal_size().columns)

    def styled(self, text: str, style: Style, *, err: bool = False) -> str:
        """Return text with a style, if what it is for is a terminal that takes one."""
        terminal = self.err_is_terminal if err else self.out_is_terminal
        return f"{_STYLES[style]}{text}{_PLAIN}" if terminal and self._coloured and text else text

    def write(self, text: str) -> None:
        """Show a piece of an answer at once."""
        self._out.write(visible(text) if self.out_is_terminal else text)
        self._out.flush()

    def line(self, text: str = "") -> None:
        """Show a line of our own making, in which styles are kept."""
        self._out.write(f"{text}\n")

    def json(self, value: Any, *, indent: int | None = None) -> None:
        """Show a JSON value on a line, or indented on a terminal; nothing in it is obeyed by one."""
        if indent is None or not self.out_is_terminal:
            text = json.dumps(value, ensure_ascii=not self._out_is_utf8, separators=(",", ":"), allow_nan=False)
        else:
            text = json.dumps(value, ensure_ascii=not self._out_is_utf8, indent=indent, allow_nan=False)
        # Beyond ASCII there are further control characters, which JSON lets pass; they only occur inside strings.
        text = re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text)
        self._out.write(f"{text}\n")
        self._out.flush()

    def aside(self, text: str, *, dim: bool = True) -> None:
        """Show text beside the answer, on standard error."""
        self._out.flush()
        shown = visible(text)
        self._err.write(self.styled(shown, "dim", err=True) if dim else shown)
        self._err.flush()

    def note(self, text: str) -> None:
        """Show a line beside the answer, on standard error."""
        self.aside(one_line(text))
        self._err.write("\n")
        self._err.flush()

    def status(self, text: str) -> None:
        """Show a line on a terminal's standard error in place of the one before; an empty one takes it away."""
        self._out.flush()
        self._err.write(f"\r\x1b[K{self.styled(one_line(text)[: self.width - 1], 'dim', err=True)}")
        self._err.flush()

    def table(self, rows: Iterable[tuple[str, str]], *, indent: str = "  ") -> None:
        """Show names and values, side by side where there is room for that."""
        shown = [(name, one_line(value)) for name, value in rows]
        column = max((len(name) for name, _ in shown), default=0) + 2
        for name, value in shown:
            room = self.width - len(indent) - column
            if not self.out_is_terminal or len(value) <= room:
                self.line(f"{indent}{self.styled(name, 'dim')}{' ' * (column - len(name))}{value}")
                continue
            self.line(f"{indent}{self.styled(name, 'dim')}")
            for piece in _wrapped(value, self.width - len(indent) - 2):
                self.line(f"{indent}  {piece}")


class StatusLine:
    """The one line on a terminal's standard error that tells how far something is; a pipe gets none."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._open = False

    def tell(self, text: str) -> None:
        """Show text in place of what was shown before."""
        if self._screen.err_is_terminal:
            self._screen.status(text)
            self._open = True

    def end(self) -> None:
        """Take the line away."""
        if self._open:
            self._screen.status("")
            self._open = False


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(width, 10), break_on_hyphens=False, break_long_words=False)


class Shown:
    """One answer on the screen, whole or as it comes.

    Attributes:
        text: what was shown of the answer so far, without thinking and calls.
        interrupted: Ctrl-C ended it; the terminal's line, which shows that, is then left to who catches it.
    """

    def __init__(self, screen: Screen, *, as_json: bool = False) -> None:
        self._screen = screen
        self._json = as_json
        self._thinking = False
        self._line_is_open = False
        self._pieces: list[str] = []
        self.interrupted = False

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self._pieces)

    def event(self, event: ChatEvent) -> None:
        """Show what an event brings."""
        if event.type == "content_delta":
            self._pieces.append(event.text)
        if self._json:
            self._screen.json(event.to_dict())
        elif event.type == "content_delta":
            self._words(event.text)
        elif event.type == "reasoning_delta":
            self._thought(event.text)
        elif event.type == "tool_call_end":
            self._call(event.call.name, event.call.arguments)

    def whole(self, response: ChatResponse[Any] | GenerateResponse) -> None:
        """Show an answer that came in one piece."""
        if self._json:
            self._screen.json(response.to_dict(), indent=2)
        elif response.type == "generate_response":
            self._thought(response.reasoning)
            self._words(response.text)
        else:
            for part in response.message.content:
                if part.type == "text_part":
                    self._words(part.text)
                elif part.type == "reasoning_part":
                    self._thought(part.text)
                elif part.type == "tool_call":
                    self._call(part.name, part.arguments)
        self._pieces.append(response.text if response.type == "generate_response" else response.content)

    def end(self) -> None:
        """End the line that is open, after the last event or whatever broke the answer off."""
        self._end_thinking()
        if self._line_is_open:
            self._line_is_open = False
            if not (self.interrupted and self._screen.out_is_terminal):
                self._screen.write("\n")

    def _words(self, text: str) -> None:
        self._end_thinking()
        self._screen.write(text)
        self._line_is_open = not text.endswith("\n") if text else self._line_is_open

    def _thought(self, text: str) -> None:
        if self._screen.err_is_terminal and text:
            if not self._thinking:
                self.end()
                self._thinking = True
            self._screen.aside(text)

    def _end_thinking(self) -> None:
        if self._thinking:
            self._thinking = False
            if not self.interrupted:
                self._screen.aside("\n\n", dim=False)

    def _call(self, name: str, arguments: str) -> None:
        self.end()
        self._screen.write(f"{name}({arguments or '{}'})\n")
