"""`rat` as its users have it: a process of its own, pipes on either side, exit codes, conversations."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, TokenCounts, fault
from ratatoskr.testing.thread import ThreadedUpstream

RAT = [sys.executable, "-m", "ratatoskr.cli.rat"]
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background may ignore interrupts
from ratatoskr.cli.rat import main
main()
"""
KEY = "sk-canary-4711"
MODEL = "openai:gpt-4.1"


@pytest.fixture
def upstream() -> Iterator[ThreadedUpstream]:
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream


class Shell:
    """Runs `rat` against an upstream."""

    def __init__(self, upstream: ThreadedUpstream) -> None:
        self.upstream = upstream
        self.environment = {**os.environ, "OPENAI_API_KEY": KEY, "RATATOSKR_MODEL": MODEL}

    def where(self) -> list[str]:
        return ["--base-url", f"openai={self.upstream.base_url('openai')}"]

    def __call__(self, *arguments: str, stdin: str | bytes | None = "", **environment: str) -> Any:
        done = subprocess.run(
            [*RAT, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**self.environment, **environment},
            timeout=50,
        )
        assert KEY not in done.stdout.decode() + done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()
        return done

    def chat(self, *arguments: str, **keywords: Any) -> Any:
        return self("chat", *self.where(), *arguments, **keywords)


@pytest.fixture
def rat(upstream: ThreadedUpstream) -> Shell:
    return Shell(upstream)


def test_it_streams_an_answer_and_nothing_else_to_standard_output(rat: Shell) -> None:
    rat.upstream.use([ScriptedTurn("Up and\ndown.", reasoning="Hm.", deltas=5)])
    done = rat.chat("Who runs?")
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "Up and\ndown.\n", "")


def test_standard_input_comes_before_the_prompt(rat: Shell) -> None:
    assert rat.chat("Review this.", stdin="a = 1\n").returncode == 0
    assert rat.upstream.last.json["messages"][-1]["content"] == "a = 1\n\nReview this."
    assert rat.chat(stdin="only this").returncode == 0
    assert rat.upstream.last.json["messages"][-1]["content"] == "only this"


def test_options_reach_the_provider(rat: Shell, tmp_path: Path) -> None:
    picture, tools, schema = tmp_path / "a.png", tmp_path / "tools.json", tmp_path / "schema.json"
    picture.write_bytes(b"\x89PNG\r\n")
    tool = {"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {}}}
    tools.write_text(json.dumps([tool]))
    schema.write_text(json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}}))
    rat.upstream.use([ScriptedTurn(tool_calls=(ScriptedToolCall("weather", {"city": "Oslo"}),)), '{"a": 1}'])
    arguments = ("-s", "Be brief.", "-f", str(picture), "-t", "0.5", "--max-tokens", "9")
    done = rat.chat(*arguments, "--tools", str(tools), "--tool-choice", "weather", "What?")
    sent = rat.upstream.last.json
    assert done.returncode == 0
    assert "weather" in done.stdout.decode()
    assert "Oslo" in done.stdout.decode()
    assert (sent["temperature"], sent["messages"][0]["content"]) == (0.5, "Be brief.")
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert "iVBORw0K" in json.dumps(sent)
    done = rat.chat("--schema", str(schema), "Give JSON.")
    assert json.loads(done.stdout) == {"a": 1}
    assert rat.upstream.last.json["response_format"]["type"] == "json_schema"


def test_json_is_one_event_a_line_and_nothing_else(rat: Shell) -> None:
    rat.upstream.use([ScriptedTurn("a b", deltas=2, usage=TokenCounts(input=3, output=2)), "whole"])
    done = rat.chat("--json", "Hi")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["type"] for e in events] == ["content_delta", "content_delta", "usage_event", "done"]
    whole = json.loads(rat.chat("--json", "--no-stream", "Hi").stdout)
    assert whole["type"] == "chat_response"


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        (fault("bad_key"), 3, "rejected"),
        (fault("unknown_model"), 4, ""),
        (fault("rate_limited_huge"), 5, ""),
        (fault("payment_required"), 5, ""),
        (fault("unavailable", times=9), 6, "503"),
        (fault("error_in_stream"), 6, ""),
        (fault("bad_request"), 2, "400"),
        (ScriptedTurn("", finish="content_filter"), 7, ""),
    ],
    ids=["key", "model", "rate", "quota", "provider", "stream", "input", "filter"],
)
def test_the_exit_code_tells_what_kind_of_failure_it_was(rat: Shell, step: Any, code: int, words: str) -> None:
    rat.upstream.use([step])
    done = rat.chat("--timeout", "20", "Hi")
    errors = done.stderr.decode()
    assert done.returncode == code, errors
    assert errors.startswith("rat: ")
    assert words in errors or words == "rejected"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chat",), "Error"),
        (("chat", "--nonsense"), "No such option"),
        (("chat", "-m", "nobody:x", "Hi"), "nobody"),
        (("chat", "-m", "anthropic:claude-sonnet-5", "Hi"), "ANTHROPIC_API_KEY"),
        (("chat", "-f", "/no/such/file.png", "Hi"), "/no/such/file.png"),
        (("chat", "--reasoning", "hard", "Hi"), "reasoning"),
        (("explain",), "Missing argument"),
        (("generate",), "Error"),
        (("nonsense",), "No such command"),
    ],
)
def test_what_is_wrong_with_a_command_is_told_with_exit_code_2(rat: Shell, arguments: Any, words: str) -> None:
    done = rat(*arguments)
    assert done.returncode == 2, done
    assert words in done.stderr.decode()
    assert rat.upstream.count == 0


def test_no_network_is_told(rat: Shell) -> None:
    done = rat("chat", "--base-url", "openai=http://127.0.0.1:9/v1", "--timeout", "5", "Hi")
    assert done.returncode == 6
    assert "127.0.0.1:9" in done.stderr.decode()


def test_a_reader_that_goes_away_is_no_error(rat: Shell) -> None:
    rat.upstream.use([ScriptedTurn("word " * 50_000, deltas=500)])
    command = " ".join([*RAT, "chat", *rat.where(), "Hi"]) + " | head -c 10"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, env=rat.environment, timeout=50, stdin=subprocess.DEVNULL
    )
    assert done.stdout.decode().startswith("word word ")
    assert done.stderr.decode() == ""


def test_an_interrupt_ends_a_stream_with_130_and_closes_the_upstream(rat: Shell) -> None:
    rat.upstream.use([ScriptedTurn("a b c d", deltas=4, gated=True)])
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "chat", *rat.where(), "Hi"],
        env=rat.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    rat.upstream.until(lambda: rat.upstream.count == 1)
    rat.upstream.release(3)
    assert child.stdout.read(1) == b"a"
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert child.returncode == 130
    assert b"Traceback" not in errors
    rat.upstream.until(lambda: rat.upstream.open_connections == 0)


def test_conversations_are_kept_privately_and_taken_up(rat: Shell) -> None:
    assert rat.chat("My name is Nidhogg.").returncode == 0
    assert rat.chat("-c", "Who am I?").returncode == 0
    said = [m["content"] for m in rat.upstream.last.json["messages"]]
    assert said[0] == "My name is Nidhogg."
    assert said[-1] == "Who am I?"
    folder = Path(rat.environment["XDG_STATE_HOME"]) / "ratatoskr" / "chats"
    kept = list(folder.glob("*.json"))
    assert kept
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
    assert rat.chat("--session", "tree", "One.").returncode == 0
    assert (folder / "tree.json").exists()
    before = {path.name for path in folder.iterdir()}
    assert rat.chat("--no-save", "Two.").returncode == 0
    assert {path.name for path in folder.iterdir()} == before


def test_the_other_commands(rat: Shell) -> None:
    rat.upstream.use(["and down."])
    done = rat("generate", *rat.where(), "Up")
    assert (done.returncode, done.stdout.decode()) == (0, "and down.\n")
    done = rat("models", *rat.where())
    assert "openai:gpt-5.4" in done.stdout.decode()
    count = rat.upstream.count
    done = rat("explain", *rat.where(), "openai:gpt-5.4", "--reasoning", "high")
    assert done.returncode == 0
    assert "high" in done.stdout.decode()
    done = rat("health")
    assert "OPENAI_API_KEY" in done.stdout.decode()
    assert rat.upstream.count == count
    assert rat("--version").stdout.decode().startswith("rat")


def test_a_narrow_terminal_gets_narrow_help(rat: Shell) -> None:
    main, side = pty.openpty()
    try:
        child = subprocess.Popen(
            [*RAT, "chat", "--help"], env={**rat.environment, "COLUMNS": "40"}, stdin=side, stdout=subprocess.PIPE
        )
        out, _ = child.communicate(timeout=20)
    finally:
        os.close(main)
        os.close(side)
    assert child.returncode == 0
    lines = [line for line in out.decode().splitlines() if not line.startswith("    rat ")]  # examples stay whole
    assert max(map(len, lines)) <= 40
