"""Output: answers go to standard output, everything else to standard error.

A terminal gets colours (unless `NO_COLOR` is set or it is dumb) and thinking, and control characters made visible. A
pipe gets the text unchanged.
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

from ratatoskr.types.visible import INVISIBLE

if TYPE_CHECKING:
    from ratatoskr.cli.markdown import MarkdownWriter
    from ratatoskr.types.chat import ChatResponse
    from ratatoskr.types.event import ChatEvent
    from ratatoskr.types.generate import GenerateResponse

Style = Literal["dim", "bold", "red"]
_STYLES: dict[Style, str] = {"dim": "\x1b[2m", "bold": "\x1b[1m", "red": "\x1b[31m"}
_PLAIN = "\x1b[0m"

_PICTURES: dict[int, int | None] = {code: 0x2400 + code for code in range(32)}
_PICTURES |= dict.fromkeys((*range(0x80, 0xA0), *INVISIBLE), 0xFFFD)
_PICTURES |= {0x7F: 0x2421, 0x0A: 0x0A, 0x09: 0x09, 0x0D: None}
"""Control and invisible characters as visible symbols; a carriage return is left out."""
_UNESCAPED = re.compile("[\x7f-\x9f" + "".join(map(chr, INVISIBLE)) + "]")

_FENCED = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[^\n]*\n(.*?)^[ ]{0,3}\1[`~]*[ \t]*$", re.DOTALL | re.MULTILINE)
"""A code block: https://spec.commonmark.org/0.31.2/#fenced-code-blocks"""

MAX_LINE = 1000  # characters of a message that are shown


def replace_controls(text: str) -> str:
    """Return text with its control characters, and those that hide or reorder others, made visible."""
    return text.translate(_PICTURES)


def collapse_lines(text: str) -> str:
    """Return text as one line of at most `MAX_LINE` characters with its control characters made visible."""
    line = replace_controls(" ".join(text.split()))
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def escape_json(text: str) -> str:
    """Return JSON text with control and invisible characters escaped, which JSON allows unescaped inside strings."""
    return _UNESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class Screen:
    """Standard output and standard error, and what they are: terminals or not, coloured or not."""

    def __init__(self) -> None:
        self._out: TextIO = sys.stdout or io.StringIO()  # may be closed by the parent process
        self._err: TextIO = sys.stderr or io.StringIO()
        self.out_is_terminal = self._out.isatty()
        self.err_is_terminal = self._err.isatty()
        self._coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._out_is_utf8 = (self._out.encoding or "").lower().replace("-", "") == "utf8"

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 where there is none."""
        return max(20, shutil.get_terminal_size().columns)

    @property
    def height(self) -> int:
        """Lines of the terminal; 24 where there is none."""
        return max(2, shutil.get_terminal_size().lines)

    @property
    def renders(self) -> bool:
        """Whether standard output is a terminal with colours, which gets Markdown rendered."""
        return self.out_is_terminal and self._coloured

    @property
    def err_renders(self) -> bool:
        """Whether standard error is a terminal with colours."""
        return self.err_is_terminal and self._coloured

    def write_rendered(self, text: str) -> None:
        """Write text with control sequences of our own."""
        self._out.write(text)
        self._out.flush()

    def style(self, text: str, style: Style, *, err: bool = False) -> str:
        """Return text with a style, if it goes to a terminal with colours."""
        terminal = self.err_is_terminal if err else self.out_is_terminal
        return f"{_STYLES[style]}{text}{_PLAIN}" if terminal and self._coloured and text else text

    def write(self, text: str) -> None:
        """Write a piece of an answer and flush it."""
        self._out.write(replace_controls(text) if self.out_is_terminal else text)
        self._out.flush()

    def line(self, text: str = "") -> None:
        """Write a line of our own, which may hold styles."""
        self._out.write(f"{text}\n")

    def json(self, value: Any, *, indent: int | None = None) -> None:
        """Write a JSON value on a line, or indented on a terminal, with control characters escaped."""
        if indent is None or not self.out_is_terminal:
            text = json.dumps(value, ensure_ascii=not self._out_is_utf8, separators=(",", ":"), allow_nan=False)
        else:
            text = json.dumps(value, ensure_ascii=not self._out_is_utf8, indent=indent, allow_nan=False)
        self._out.write(f"{escape_json(text)}\n")
        self._out.flush()

    def aside(self, text: str, *, dim: bool = True) -> None:
        """Write text to standard error."""
        self._out.flush()
        safe = replace_controls(text)
        self._err.write(self.style(safe, "dim", err=True) if dim else safe)
        self._err.flush()

    def note(self, text: str) -> None:
        """Write a line to standard error."""
        self.aside(collapse_lines(text))
        self._err.write("\n")
        self._err.flush()

    def status(self, text: str) -> None:
        """Replace the status line of a terminal on standard error; an empty text clears it."""
        self._out.flush()
        self._err.write(f"\r\x1b[K{self.style(collapse_lines(text)[: self.width - 1], 'dim', err=True)}")
        self._err.flush()

    def table(self, rows: Iterable[tuple[str, str]], *, indent: str = "  ") -> None:
        """Write names and values, side by side where they fit."""
        lines = [(name, collapse_lines(value)) for name, value in rows]
        column = max((len(name) for name, _ in lines), default=0) + 2
        for name, value in lines:
            room = self.width - len(indent) - column
            if not self.out_is_terminal or len(value) <= room:
                self.line(f"{indent}{self.style(name, 'dim')}{' ' * (column - len(name))}{value}")
                continue
            self.line(f"{indent}{self.style(name, 'dim')}")
            for piece in _wrap(value, self.width - len(indent) - 2):
                self.line(f"{indent}  {piece}")


class StatusLine:
    """A line of progress on a terminal's standard error; a pipe gets none."""

    def __init__(self, screen: Screen, *, quiet: bool = False) -> None:
        self._screen = screen
        self._quiet = quiet
        self._open = False

    def update(self, text: str) -> None:
        """Show text in place of the previous one."""
        if self._screen.err_is_terminal and not self._quiet:
            self._screen.status(text)
            self._open = True

    def clear(self) -> None:
        """Remove the line."""
        if self._open:
            self._screen.status("")
            self._open = False


def _wrap(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(width, 10), break_on_hyphens=False, break_long_words=False)


class AnswerView:
    """One answer on the screen, complete or streamed.

    Attributes:
        text: the answer's text so far, without thinking and calls.
        interrupted: Ctrl-C ended it; the terminal's line, which shows `^C`, is then left open for the handler to end.
    """

    def __init__(self, screen: Screen, *, as_json: bool = False, rendered: bool = False, calls: bool = True) -> None:
        self._screen = screen
        self._json = as_json
        self._rendered = rendered and not as_json and screen.renders
        self._markdown: MarkdownWriter | None = None
        self._calls = calls
        self._thinking = False
        self._line_is_open = False
        self._pieces: list[str] = []
        self.interrupted = False

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self._pieces)

    def show_event(self, event: ChatEvent) -> None:
        """Show an event of a stream."""
        if event.type == "content_delta":
            self._pieces.append(event.text)
        if self._json:
            self._screen.json(event.to_dict())
        elif event.type == "content_delta":
            self._write_text(event.text)
        elif event.type == "reasoning_delta":
            self._write_reasoning(event.text)
        elif event.type == "tool_call_end":
            self._write_call(event.call.name, event.call.arguments)

    def show_response(self, response: ChatResponse[Any] | GenerateResponse, *, extract: bool = False) -> None:
        """Show a complete response; with `extract` its first code block alone, where it has one."""
        text = response.text
        if extract and (block := _FENCED.search(text)):
            self._write_text(block[2])
        elif self._json:
            self._screen.json(response.to_dict(), indent=2)
        elif response.type == "generate_response":
            self._write_reasoning(response.reasoning)
            self._write_text(response.text)
        else:
            for part in response.message.content:
                if part.type == "text_part":
                    self._write_text(part.text)
                elif part.type == "reasoning_part":
                    self._write_reasoning(part.text)
                elif part.type == "tool_call":
                    self._write_call(part.name, part.arguments)
        self._pieces.append(text)

    def finish_line(self) -> None:
        """End the line that is open, after the last event or an interruption."""
        self._end_thinking()
        if self._markdown is not None:
            if not self.interrupted:
                self._markdown.finish()
            self._line_is_open = self._markdown.is_open
            self._markdown = None
        if self._line_is_open:
            self._line_is_open = False
            if not (self.interrupted and self._screen.out_is_terminal):
                self._screen.write("\n")

    def _write_text(self, text: str) -> None:
        self._end_thinking()
        if self._rendered and text:
            self._write_markdown(text)
            return
        self._screen.write(text)
        self._line_is_open = not text.endswith("\n") if text else self._line_is_open

    def _write_markdown(self, text: str) -> None:
        """Render text by rich; where that is not installed, write it as it is."""
        if self._markdown is None:
            try:
                from ratatoskr.cli.markdown import MarkdownWriter
            except ImportError:
                self._rendered = False
                self._write_text(text)
                return
            self._markdown = MarkdownWriter(self._screen.write_rendered, self._screen.width, self._screen.height)
        self._markdown.add(replace_controls(text))

    def _write_reasoning(self, text: str) -> None:
        if self._screen.err_is_terminal and text:
            if not self._thinking:
                self.finish_line()
                self._thinking = True
            self._screen.aside(text)

    def _end_thinking(self) -> None:
        if self._thinking:
            self._thinking = False
            if not self.interrupted:
                self._screen.aside("\n\n", dim=False)

    def _write_call(self, name: str, arguments: str) -> None:
        if not self._calls:
            return
        self.finish_line()
        self._screen.write(f"{name}({arguments or '{}'})\n")
