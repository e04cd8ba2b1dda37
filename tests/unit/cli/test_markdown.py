"""Markdown on a terminal: what is shown does not depend on how it was streamed, and complete lines are left alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.cli.markdown import MarkdownWriter
from ratatoskr.testing import ScriptedTurn, fault
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import HI, run
from unit.cli.pty_session import TerminalRat
from unit.cli.terminal_screen import TerminalScreen

WHOLE = """\
# A title

Some *emphasis*, **weight** and `code` with a [link](https://example.com/x) in a paragraph that has to wrap.

- one
- two
  - nested

1. first
2. second

```python
def f(x):
    return [i for i in range(x)]
```

| a | b |
|---|---|
| 1 | a long cell |
| 22222 | x |

> a quotation

The end of it, [red]not markup[/red] :smile:.
"""
BLOCKS = [
    *WHOLE.split("\n\n"),
    "Setext\n---",
    "```\nnever closed",
    "***",
    "[a]: http://b",
    "    indented",
    "a\n\n\n\nb",
]


def show(pieces: list[str], columns: int = 50, lines: int = 24) -> tuple[str, list[str]]:
    """Return what the terminal shows in the end, and what was written to it."""
    screen, written = TerminalScreen(columns, lines), list[str]()

    def write(text: str) -> None:
        written.append(text)
        screen.feed(text)

    writer = MarkdownWriter(write, columns, lines)
    for piece in pieces:
        writer._not_before = 0.0  # every piece is rendered, however slow this machine is
        writer.add(piece)
    writer.finish()
    return screen.text(), written


def cut(text: str, size: int) -> list[str]:
    return [text[place : place + size] for place in range(0, len(text), size)]


def test_blocks_are_rendered() -> None:
    shown, _ = show([WHOLE])
    assert "*emphasis*" not in shown
    assert "# A title\n\nSome emphasis, weight and code with a link\n(https://example.com/x)" in shown
    assert " • one\n • two\n    • nested\n" in shown
    assert " def f(x):\n     return [i for i in range(x)]\n" in shown
    assert "▌ a quotation" in shown
    assert "[red]not markup[/red] :smile:." in shown


@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=5), st.integers(1, 9), st.integers(20, 90))
@settings(max_examples=40)
def test_what_is_shown_does_not_depend_on_the_pieces(blocks: list[str], size: int, columns: int) -> None:
    text = "\n\n".join(blocks)
    whole, _ = show([text], columns)
    assert show(cut(text, size), columns)[0].rstrip() == whole.rstrip()
    assert all(len(line) < columns for line in whole.splitlines())


def test_prose_is_only_ever_added_to() -> None:
    prose = "word " * 40 + "\n\n" + "more " * 40
    _, written = show(cut(prose, 3))
    assert not [text for text in written if "\x1b" in text and not text.endswith("\x1b[K")]
    rewritten = [text for text in written if "\x1b" in text]
    assert sum(map(len, written)) < 3 * len(prose)
    assert all(text.count("\n") <= 1 for text in rewritten)  # a word moves to the next line


def test_a_block_longer_than_the_screen_is_not_repeated() -> None:
    code = "```\n" + "".join(f"line {number}\n" for number in range(60)) + "```"
    shown, written = show(cut(code, 7), 40, 10)
    assert re.findall(r"line (\d+)", shown) == [str(number) for number in range(60)]
    assert max(text.count("\n") for text in written) <= 10


def test_a_terminal_gets_markdown_and_control_characters_visible(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(
        ScriptedTurn("Some **bold** text\x1b[2J\u202e and\n\n```sh\nls \x1b]0;x\x07\n```\n", reasoning="Hm.", deltas=9)
    )
    with terminal_rat.chat("Hi") as terminal:
        code, raw = terminal.end()
    screen = TerminalScreen(80, 24)
    screen.feed(raw.replace("\r\n", "\n"))
    assert code == 0
    assert "\x1b[1mbold" in raw
    assert "Hm.\n\nSome bold text␛[2J� and\n\n ls ␛]0;x␇\n" in screen.text()


@pytest.mark.parametrize("how", ["--plain", "--no-stream --plain", "NO_COLOR", "TERM", "--schema", "-x", "--json"])
def test_text_is_left_as_it_is(how: str, terminal_rat: TerminalRat, upstream: ThreadedUpstream) -> None:
    upstream.use(ScriptedTurn('{"a": "**b**"}', deltas=1))
    arguments = {"--schema": ["--schema", "a str, b int"]}.get(how, how.split() if how.startswith("-") else [])
    environment = {"TERM": "dumb"} if how == "TERM" else {how: "1"} if how.isupper() else {}
    with terminal_rat.chat(*arguments, "Hi", env=environment) as terminal:
        code, shown = terminal.end()
    assert (code, "**b**" in shown) == (0, True)


def test_a_pipe_gets_the_text_and_does_not_import_rich(upstream: ThreadedUpstream) -> None:
    upstream.use("**b**\n\n* c")
    assert run(*HI, upstream=upstream).stdout == "**b**\n\n* c\n"
    assert run("generate", *HI[1:], upstream=upstream).stdout == "**b**\n\n* c\n"
    code = "import sys; from ratatoskr.cli import ask, chat, render; print('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_without_rich_the_text_is_left_as_it_is(terminal_rat: TerminalRat, upstream: ThreadedUpstream) -> None:
    folder = terminal_rat.environment["HOME"]
    Path(folder, "rich.py").write_text("raise ImportError('not installed')\n")
    upstream.use("**b** text")
    with terminal_rat.chat("Hi", env={"PYTHONPATH": folder}) as terminal:
        assert terminal.end() == (0, "**b** text\r\n")


def test_what_came_before_a_failure_is_shown(terminal_rat: TerminalRat, upstream: ThreadedUpstream) -> None:
    upstream.use(fault("error_in_stream"))
    with terminal_rat.chat("Hi") as terminal:
        code, shown = terminal.end()
    assert code == 6
    assert "rat: " in shown.splitlines()[-1]
