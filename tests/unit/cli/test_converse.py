"""Conversations at a terminal: history, Ctrl-C and Ctrl-D."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from ratatoskr.testing import ScriptedTurn, fault
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.pty_session import TERMINAL_MODEL, TerminalRat, saved_files
from unit.cli.shell import RAT


def texts(path: Path) -> list[str]:
    messages = json.loads(path.read_text())["messages"]
    return ["".join(part.get("text", part["type"]) for part in message["content"]) for message in messages]


def test_ctrl_c_ends_a_stream_with_130_and_closes_the_upstream(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(ScriptedTurn(("one ", "two ", "three"), gated=True))
    with terminal_rat.chat("Hi") as terminal:
        upstream.until(lambda: upstream.count == 1)
        upstream.release(4)
        terminal.until("one")
        terminal.type("\x03")
        code, shown = terminal.end()
    assert code == 130
    assert shown.endswith("^C\r\n")
    assert "Traceback" not in shown
    upstream.until(lambda: upstream.open_connections == 0)
    assert upstream.last.closed_at is not None
    assert saved_files() == []


def test_ctrl_c_before_the_answer_begins_exits_with_130(terminal_rat: TerminalRat, upstream: ThreadedUpstream) -> None:
    upstream.use(fault("stall_before_head"))
    with terminal_rat.chat("Hi") as terminal:
        upstream.until(lambda: upstream.count == 1)
        terminal.type("\x03")
        assert terminal.end() == (130, "^C\r\n")
    upstream.until(lambda: upstream.open_connections == 0)


def test_a_conversation_has_its_history_and_can_be_continued(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(["First.", "Second.", "Third."])
    with terminal_rat.chat("-i", "-s", "Be kind.") as terminal:
        terminal.until(f"{TERMINAL_MODEL}.*Ctrl-D ends.*> ")
        terminal.type("one\r")
        terminal.until("First.\r\n(.*)> ")
        terminal.type("two\r")
        terminal.until("Second.\r\n(.*)> ")
        terminal.type("\x04")
        code, shown = terminal.end()
    [path] = saved_files()
    assert code == 0
    assert f"--session {path.stem}" in shown
    assert texts(path) == ["Be kind.", "one", "First.", "two", "Second."]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with terminal_rat.chat("-i", "--session", path.stem, "three", env={"RATATOSKR_MODEL": ""}) as terminal:
        terminal.until(f"{TERMINAL_MODEL}; 2 questions so far")  # the model of the last call is used again
        terminal.until("Third.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    assert [message["role"] for message in upstream.last.json["messages"]] == ["user", "assistant"] * 2 + ["user"]


def test_ctrl_c_in_a_conversation_stops_the_answer_and_saves_its_beginning(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use([ScriptedTurn(("Up ", "and ", "down"), gated=True), "Again."])
    with terminal_rat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("one\r")
        upstream.until(lambda: upstream.count == 1)
        upstream.release(4)
        terminal.until("Up")
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
    contents = [message["content"] for message in upstream.last.json["messages"]]
    assert "half a line" not in json.dumps(contents)
    [path] = saved_files()
    assert texts(path)[0] == "one"
    assert texts(path)[1].startswith("Up ")
    assert texts(path)[2:] == ["two", "Again."]


def test_an_error_in_a_conversation_is_shown_and_the_conversation_continues(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use([fault("bad_key"), "Here."])
    with terminal_rat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("one\r")
        shown = terminal.until("\\(?status 401.*\r\n.*> ")
        assert "ANTHROPIC_API_KEY" in shown
        terminal.type("two\r")
        terminal.until("Here.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    [path] = saved_files()
    assert texts(path) == ["two", "Here."]


def test_input_lines_are_saved_for_the_next_conversation_unless_nothing_is_saved(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(["One.", "Two.", "Three."])
    with terminal_rat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("a question\r")
        terminal.until("One.\r\n.*> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    with terminal_rat.chat("-i", "--no-save") as terminal:
        terminal.until("> ")
        terminal.type("a secret\r")
        terminal.until("Two.\r\n.*> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    typed = saved_files()[0].parent.parent / "typed"
    assert typed.read_text() == "a question\n"
    assert typed.stat().st_mode & 0o777 == 0o600
    with terminal_rat.chat("-i") as terminal:
        terminal.until("> ")
        terminal.type("\x1b[A\r")
        terminal.until("Three.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    assert upstream.last.json["messages"][0]["content"] == "a question"


def test_several_lines_that_are_pasted_are_one_question(terminal_rat: TerminalRat, upstream: ThreadedUpstream) -> None:
    with terminal_rat.chat("-i", "--no-save") as terminal:
        terminal.until("> ")
        terminal.type("\x1b[200~one\rtwo\x1b[201~\r")
        terminal.until("tree(.|\n)*\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    assert upstream.count == 1
    assert upstream.last.json["messages"][0]["content"] == "one\ntwo"


def test_with_answers_to_a_pipe_the_prompt_stays_at_the_terminal(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(["One."])
    read, write = os.pipe()
    with terminal_rat.chat("-i", "--no-save", out=write) as terminal:
        os.close(write)
        terminal.until("> ")
        terminal.type("a\n")
        upstream.until(lambda: upstream.count == 1)
        terminal.until("> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"One.\n"


def test_a_conversation_needs_a_terminal(terminal_rat: TerminalRat) -> None:

    done = subprocess.run(
        [*RAT, "chat", "-i"], input=b"Hi\n", capture_output=True, env=terminal_rat.environment, timeout=50
    )
    assert done.returncode == 2
    assert b"-i needs a terminal" in done.stderr


def test_retry_asks_the_question_that_failed_and_keeps_its_files(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream, tmp_path: Path
) -> None:
    picture = tmp_path / "tree.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(16))
    upstream.use(["First.", "Again.", fault("payment_required"), "Third."])
    with terminal_rat.chat("-i", "-f", str(picture), "What is it?") as terminal:
        terminal.until("First.\r\n(.*)> ")
        terminal.type("/retry\r")
        terminal.until("Again.\r\n(.*)> ")
        terminal.type("two\r")
        terminal.until("402(.*)> ")
        terminal.type("/retry\r")
        terminal.until("Third.\r\n(.*)> ")
        terminal.type("/exit\r")
        code, _ = terminal.end()
    assert code == 0
    [path] = saved_files()
    assert texts(path) == ["image_partWhat is it?", "Again.", "two", "Third."]
    asked = [[message["role"] for message in request.json["messages"]] for request in upstream.requests]
    assert asked == [["user"], ["user"], ["user", "assistant", "user"], ["user", "assistant", "user"]]
    assert upstream.requests[0].json["messages"] == upstream.requests[1].json["messages"]


def test_commands_begin_with_a_slash_and_three_quotes_hold_several_lines(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream
) -> None:
    upstream.use(["First.", "Again.", "Third.", "Fourth."])
    with terminal_rat.chat("-i") as terminal:
        terminal.until("/help lists commands.*> ")
        terminal.type("/help\r")
        terminal.until("/retry .*ask the last question again(.*)> ")
        terminal.type("/nonsense\r")
        terminal.until("/nonsense is unknown; /help lists the commands(.*)> ")
        terminal.type("/retry\r")
        terminal.until("there is no question to ask again(.*)> ")
        terminal.type("/system Be kind.\r")
        terminal.until("system: Be kind.(.*)> ")
        terminal.type("one\r")
        terminal.until("First.\r\n(.*)> ")
        terminal.type("/retry\r")
        terminal.until("Again.\r\n(.*)> ")
        terminal.type("/model anthropic:claude-sonnet-5\r")
        terminal.until("model: anthropic:claude-sonnet-5(.*)> ")
        terminal.type('"""two\r')
        terminal.type('lines"""\r')
        terminal.until("Third.\r\n(.*)> ")
        terminal.type("/save tree\r")
        terminal.until("saved as tree(.*)> ")
        terminal.type("/exit\r")
        code, _ = terminal.end()
    assert code == 0
    [path] = saved_files()
    assert path.name == "tree.json"
    assert texts(path) == ["Be kind.", "one", "Again.", "two\nlines", "Third."]
    assert upstream.requests[-1].path.endswith("/messages")
    assert len(upstream.requests) == 3


def test_the_next_question_can_be_written_in_an_editor(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ncat "$1" > "$0.seen"\nprintf "from the editor\\n" > "$1"\n')
    editor.chmod(0o755)
    upstream.use(["First.", "Second."])
    terminal_rat.environment["EDITOR"] = f"{editor} --flag"
    editor.write_text(editor.read_text().replace("$1", "$2"))
    with terminal_rat.chat("-i") as terminal:
        terminal.until("/help lists commands.*> ")
        terminal.type("one\r")
        terminal.until("First.\r\n(.*)> ")
        terminal.type("/edit\r")
        terminal.until("Second.\r\n(.*)> ")
        terminal.type("\x04")
        assert terminal.end()[0] == 0
    assert (tmp_path / "editor.seen").read_text() == "one"
    assert upstream.last.json["messages"][-1]["content"] == "from the editor"
