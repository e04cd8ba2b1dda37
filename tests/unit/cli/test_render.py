"""Output to terminals and pipes: colours, thinking and control characters."""

from __future__ import annotations

import json
import os

import pytest

from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, fault
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.pty_session import TerminalRat

DIM, PLAIN = "\x1b[2m", "\x1b[0m"


def test_thinking_is_shown_dimmed_and_apart_from_the_answer(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(ScriptedTurn("Up.", reasoning="Hm.", deltas=1))
    with terminal_rat.chat("Hi") as terminal:
        assert terminal.end() == (0, f"{DIM}Hm.{PLAIN}\r\n\r\nUp.\r\n")


def test_a_pipe_gets_the_answer_while_the_terminal_gets_the_thinking(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(ScriptedTurn("Up.", reasoning="Hm.", deltas=1))
    read, write = os.pipe()
    with terminal_rat.chat("Hi", out=write) as terminal:
        os.close(write)
        assert terminal.end() == (0, f"{DIM}Hm.{PLAIN}\r\n\r\n")
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"Up.\n"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_colours_can_be_disabled(terminal_rat: TerminalRat, upstream: ThreadedUpstream, env: dict[str, str]) -> None:
    upstream.use([ScriptedTurn("Up.", reasoning="Hm.", deltas=1), fault("bad_key")])
    with terminal_rat.chat("Hi", env=env) as terminal:
        assert terminal.end() == (0, "Hm.\r\n\r\nUp.\r\n")
    with terminal_rat.chat("Hi", env=env) as terminal:
        code, shown = terminal.end()
        assert code == 3
        assert "\x1b" not in shown


def test_characters_that_hide_or_reorder_text_are_made_visible_and_emoji_stay_whole(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    hiding = "a\u202e\u2066\u200b\ufeffb 👩\u200d💻"
    upstream.use([ScriptedTurn(hiding, deltas=1), ScriptedTurn(hiding, deltas=1)])
    with terminal_rat.chat("Hi", "--no-stream", "--no-save") as terminal:
        assert terminal.end() == (0, f"a{4 * chr(0xFFFD)}b 👩\u200d💻\r\n")
    with terminal_rat.chat("Hi", "--json") as terminal:
        _, shown = terminal.end()
    assert json.loads(shown.splitlines()[0])["text"] == hiding
    assert not set("\u202e\u2066\u200b\ufeff") & set(shown)


def test_control_characters_of_models_and_providers_are_made_visible(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    nasty = "a\x1b]0;title\x07b\x9b31mc\r\nd\te"
    upstream.use(
        [ScriptedTurn(nasty, reasoning="\x1b[2J", deltas=1, tool_calls=(ScriptedToolCall("f", {"x": "\x9b2J"}),))]
    )
    with terminal_rat.chat("Hi", "--no-stream", "--no-save", "--plain") as terminal:
        code, shown = terminal.end()
    assert code == 0
    assert "a␛]0;title␇b\ufffd31mc\r\nd\te" in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown
    assert shown.replace(DIM, "").replace(PLAIN, "").count("\x1b") == 0
    upstream.use([ScriptedTurn(nasty, deltas=1), fault("bad_request", message="no\x1b[31m\r\nway")])
    with terminal_rat.chat("Hi", "--json") as terminal:
        code, shown = terminal.end()
    assert json.loads(shown.splitlines()[0])["text"] == nasty
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    with terminal_rat.chat("Hi") as terminal:
        code, shown = terminal.end()
    assert code == 2
    assert "\x1b" not in shown
    assert shown.startswith("rat: anthropic, claude-sonnet-5: no")
    assert shown.count("\n") == 1


def test_a_pipe_gets_the_text_unchanged(terminal_rat: TerminalRat, upstream: ThreadedUpstream) -> None:
    upstream.use(ScriptedTurn("a\x1b[31mb\r\nc", deltas=1))
    read, write = os.pipe()
    with terminal_rat.chat("Hi", out=write) as terminal:
        os.close(write)
        assert terminal.end()[0] == 0
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"a\x1b[31mb\r\nc\n"
