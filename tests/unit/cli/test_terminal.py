"""`rat` at a terminal: thinking and colours, nothing that a model sends is obeyed, conversations, Ctrl-C and Ctrl-D."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.cli.rat import COMMANDS
from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, fault
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.pty_session import AtTerminal

MODEL = "anthropic:claude-sonnet-5"
DIM, PLAIN = "\x1b[2m", "\x1b[0m"


@pytest.fixture
def upstream() -> Iterator[ThreadedUpstream]:
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream


class Seat:
    """Starts `rat` at a terminal, set up for the upstream."""

    def __init__(self, upstream: ThreadedUpstream) -> None:
        self.environment = {**os.environ, "ANTHROPIC_API_KEY": "key", "RATATOSKR_MODEL": MODEL}
        self._where = ("--base-url", f"anthropic={upstream.base_url('anthropic')}")

    def chat(self, *arguments: str, env: dict[str, str] | None = None, **options: Any) -> AtTerminal:
        return AtTerminal(("chat", *self._where, *arguments), {**self.environment, **(env or {})}, **options)


@pytest.fixture
def seat(upstream: ThreadedUpstream) -> Seat:
    return Seat(upstream)


def kept() -> list[Path]:
    return sorted(Path(os.environ["XDG_STATE_HOME"]).glob("ratatoskr/chats/*.json"))


def texts(path: Path) -> list[str]:
    messages = json.loads(path.read_text())["messages"]
    return ["".join(part.get("text", part["type"]) for part in message["content"]) for message in messages]


def test_thinking_is_shown_dimmed_and_apart_from_the_answer(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use(ScriptedTurn("Up.", reasoning="Hm.", deltas=1))
    with seat.chat("Hi") as terminal:
        assert terminal.end() == (0, f"{DIM}Hm.{PLAIN}\r\n\r\nUp.\r\n")


def test_a_pipe_gets_the_answer_while_the_terminal_gets_the_thinking(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use(ScriptedTurn("Up.", reasoning="Hm.", deltas=1))
    read, write = os.pipe()
    with seat.chat("Hi", out=write) as terminal:
        os.close(write)
        assert terminal.end() == (0, f"{DIM}Hm.{PLAIN}\r\n\r\n")
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"Up.\n"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_colours_are_left_out_where_they_are_not_wanted(
    seat: Seat, upstream: ThreadedUpstream, env: dict[str, str]
) -> None:
    upstream.use([ScriptedTurn("Up.", reasoning="Hm.", deltas=1), fault("bad_key")])
    with seat.chat("Hi", env=env) as terminal:
        assert terminal.end() == (0, "Hm.\r\n\r\nUp.\r\n")
    with seat.chat("Hi", env=env) as terminal:
        code, shown = terminal.end()
        assert code == 3
        assert "\x1b" not in shown


def test_nothing_that_a_model_or_a_provider_sends_is_obeyed(seat: Seat, upstream: ThreadedUpstream) -> None:
    nasty = "a\x1b]0;title\x07b\x9b31mc\r\nd\te"
    upstream.use(
        [ScriptedTurn(nasty, reasoning="\x1b[2J", deltas=1, tool_calls=(ScriptedToolCall("f", {"x": "\x9b2J"}),))]
    )
    with seat.chat("Hi", "--no-stream", "--no-save") as terminal:
        code, shown = terminal.end()
    assert code == 0
    assert "a␛]0;title␇b\ufffd31mc\r\nd\te" in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown
    assert shown.replace(DIM, "").replace(PLAIN, "").count("\x1b") == 0
    upstream.use([ScriptedTurn(nasty, deltas=1), fault("bad_request", message="no\x1b[31m\r\nway")])
    with seat.chat("Hi", "--json") as terminal:
        code, shown = terminal.end()
    assert json.loads(shown.splitlines()[0])["text"] == nasty
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    with seat.chat("Hi") as terminal:
        code, shown = terminal.end()
    assert code == 2
    assert "\x1b" not in shown
    assert shown.startswith("rat: anthropic, claude-sonnet-5: no")
    assert shown.count("\n") == 1


def test_a_pipe_gets_the_text_as_it_came(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use(ScriptedTurn("a\x1b[31mb\r\nc", deltas=1))
    read, write = os.pipe()
    with seat.chat("Hi", out=write) as terminal:
        os.close(write)
        assert terminal.end()[0] == 0
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"a\x1b[31mb\r\nc\n"


def test_ctrl_c_ends_a_stream_with_130_and_closes_the_upstream(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use(ScriptedTurn(("one ", "two ", "three"), gated=True))
    with seat.chat("Hi") as terminal:
        upstream.until(lambda: upstream.count == 1)
        upstream.release(4)
        terminal.until("one ")
        terminal.type("\x03")
        code, shown = terminal.end()
    assert code == 130
    assert shown.endswith("^C\r\n")
    assert "Traceback" not in shown
    upstream.until(lambda: upstream.open_connections == 0)
    assert upstream.last.closed_at is not None
    assert kept() == []


def test_ctrl_c_before_the_answer_begins_ends_it_too(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use(fault("stall_before_head"))
    with seat.chat("Hi") as terminal:
        upstream.until(lambda: upstream.count == 1)
        terminal.type("\x03")
        assert terminal.end() == (130, "^C\r\n")
    upstream.until(lambda: upstream.open_connections == 0)


def test_a_conversation_remembers_and_is_kept_for_the_next(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use(["First.", "Second.", "Third."])
    with seat.chat("-i", "-s", "Be kind.") as terminal:
        terminal.until(f"{MODEL}.*Ctrl-D ends.*> ")
        terminal.type("one\r")
        terminal.until("First.\r\n(.*)> ")
        terminal.type("two\r")
        terminal.until("Second.\r\n(.*)> ")
        terminal.type("\x04")
        code, shown = terminal.end()
    [path] = kept()
    assert code == 0
    assert f"--session {path.stem}" in shown
    assert texts(path) == ["Be kind.", "one", "First.", "two", "Second."]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with seat.chat("-i", "--session", path.stem, "three", env={"RATATOSKR_MODEL": ""}) as terminal:
        terminal.until(f"{MODEL}; 2 questions so far")  # the model that was asked before is asked again
        terminal.until("Third.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    assert [message["role"] for message in upstream.last.json["messages"]] == ["user", "assistant"] * 2 + ["user"]


def test_ctrl_c_in_a_conversation_stops_the_answer_and_keeps_what_came(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use([ScriptedTurn(("Up ", "and ", "down"), gated=True), "Again."])
    with seat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("one\r")
        upstream.until(lambda: upstream.count == 1)
        upstream.release(4)
        terminal.until("Up ")
        terminal.type("\x03")
        terminal.until("stopped\r\n(.*)> ")
        upstream.until(lambda: upstream.requests[0].closed_at is not None)
        terminal.type("half a line")
        terminal.until("half a line")
        terminal.until("\n(.*)> ", pressing="\x03")
        terminal.type("two\r")
        terminal.until("Again.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    said = [message["content"] for message in upstream.last.json["messages"]]
    assert "half a line" not in json.dumps(said)
    [path] = kept()
    assert texts(path)[0] == "one"
    assert texts(path)[1].startswith("Up ")
    assert texts(path)[2:] == ["two", "Again."]


def test_an_error_in_a_conversation_is_told_and_the_conversation_goes_on(
    seat: Seat, upstream: ThreadedUpstream
) -> None:
    upstream.use([fault("bad_key"), "Here."])
    with seat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("one\r")
        shown = terminal.until("\\(?status 401.*\r\n.*> ")
        assert "ANTHROPIC_API_KEY" in shown
        terminal.type("two\r")
        terminal.until("Here.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    [path] = kept()
    assert texts(path) == ["two", "Here."]


def test_what_was_typed_comes_back_in_the_next_conversation_unless_nothing_is_kept(
    seat: Seat, upstream: ThreadedUpstream
) -> None:
    upstream.use(["One.", "Two.", "Three."])
    with seat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("a question\r")
        terminal.until("One.\r\n.*> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    with seat.chat("-i", "--no-save") as terminal:
        terminal.until("> ")
        terminal.type("a secret\r")
        terminal.until("Two.\r\n.*> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    typed = kept()[0].parent.parent / "typed"
    assert typed.read_text() == "a question\n"
    assert typed.stat().st_mode & 0o777 == 0o600
    with seat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("\x1b[A\r")
        terminal.until("Three.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    assert upstream.last.json["messages"][0]["content"] == "a question"


def test_several_lines_that_are_pasted_are_one_question(seat: Seat, upstream: ThreadedUpstream) -> None:
    with seat.chat("-i", "--no-save") as terminal:
        terminal.until("> ")
        terminal.type("\x1b[200~one\rtwo\x1b[201~\r")
        terminal.until("tree(.|\n)*\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    assert upstream.count == 1
    assert upstream.last.json["messages"][0]["content"] == "one\ntwo"


def test_answers_that_are_piped_away_leave_the_prompt_at_the_terminal(seat: Seat, upstream: ThreadedUpstream) -> None:
    upstream.use(["One."])
    read, write = os.pipe()
    with seat.chat("-i", "--no-save", out=write) as terminal:
        os.close(write)
        terminal.until("> ")
        terminal.type("a\n")
        upstream.until(lambda: upstream.count == 1)
        terminal.until("> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"One.\n"


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("health",), *((name, "--help") for name in COMMANDS)],
    ids=" ".join,
)
def test_forty_columns_are_enough(seat: Seat, arguments: tuple[str, ...]) -> None:
    with AtTerminal(arguments, {**seat.environment, "NO_COLOR": "1"}, columns=40) as terminal:
        code, shown = terminal.end()
    assert code == 0
    whole = ("    rat ", "    git ", "https://", "~/")  # examples and addresses are not cut, for copying
    long = [line for line in shown.splitlines() if len(line) > 40 and not any(word in line for word in whole)]
    assert long == []


def test_forty_columns_are_enough_for_a_plan(seat: Seat) -> None:
    with AtTerminal(("explain", MODEL, "--reasoning", "high"), seat.environment, columns=40) as terminal:
        code, shown = terminal.end()
    assert code == 0
    lines = [line.replace(DIM, "").replace(PLAIN, "").replace("\x1b[1m", "") for line in shown.splitlines()]
    assert [line for line in lines if len(line) > 40 and "https://" not in line] == []
    assert "high" in shown


def test_a_conversation_wants_a_terminal(seat: Seat) -> None:
    from unit.cli.test_rat import RAT

    done = subprocess.run([*RAT, "chat", "-i"], input=b"Hi\n", capture_output=True, env=seat.environment, timeout=50)
    assert done.returncode == 2
    assert b"-i needs a terminal" in done.stderr
