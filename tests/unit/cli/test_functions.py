"""`--functions`: which functions are offered, what is asked and shown, and what goes back to the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ratatoskr.cli.functions import load_functions
from ratatoskr.errors import InvalidInput
from ratatoskr.testing import ScriptedToolCall, ScriptedTurn
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run
from unit.cli.pty_session import TerminalRat, saved_files

SOURCE = '''\
from __future__ import annotations
from os.path import join
import json as encoder
from dataclasses import dataclass

@dataclass
class Place:
    name: str

def weather(city: str, days: int = 1) -> dict[str, object]:
    """The weather."""
    print("looking up", city)
    return {"city": city, "days": days}

async def fail() -> str:
    raise ValueError("no\\x1b[31m luck")

def _private() -> str:
    return "secret"

shorter = lambda: 1
same = weather
'''
CHAT = ("chat", "-m", "openai:gpt-4.1")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "tools.py"
    path.write_text(SOURCE)
    return str(path)


def call(name: str, arguments: object) -> ScriptedTurn:
    return ScriptedTurn("", tool_calls=(ScriptedToolCall(name, arguments),))


def test_only_public_functions_of_the_file_are_offered(file: str) -> None:
    assert {name: tool.description for name, tool in load_functions(file).items()} == {
        "weather": "The weather.",
        "fail": "",
    }


def test_functions_run_and_their_results_go_back(upstream: ThreadedUpstream, file: str) -> None:
    upstream.use([call("weather", {"city": "Oslo"}), call("fail", {}), call("unknown", {}), "Sunny."])
    result = run(*CHAT, "--functions", file, "--yes", "-u", "How is it?", upstream=upstream)
    assert (result.exit_code, result.stdout) == (0, "Sunny.\n")
    assert result.stderr.splitlines()[:6] == [
        'weather({"city": "Oslo"})',
        "looking up Oslo",
        'weather result: {"city":"Oslo","days":1}',
        "fail({})",
        "fail error: ValueError: no␛[31m luck",
        "unknown({})",
    ]
    messages = upstream.last.json["messages"]
    assert [message["role"] for message in messages] == ["user", *["assistant", "tool"] * 3]
    assert messages[2]["content"] == '{"city":"Oslo","days":1}'
    assert "there is no tool named 'unknown'" in messages[-1]["content"]
    run("chat", "-c", "And?", upstream=upstream)
    assert len(upstream.last.json["messages"]) == 9


def test_functions_may_run_loops_of_their_own_and_async_ones_run_together(
    upstream: ThreadedUpstream, tmp_path: Path
) -> None:
    (tmp_path / "mixed.py").write_text(
        "import asyncio\nmet = asyncio.Barrier(2)\n"
        "def own() -> int:\n    return asyncio.run(asyncio.sleep(0, 5))\n"
        "async def one() -> str:\n    await met.wait()\n    return 'met'\n"
    )
    names = ("one", "own", "one", "own")
    upstream.use([ScriptedTurn("", tool_calls=tuple(ScriptedToolCall(name, {}) for name in names)), "Done."])
    result = run(*CHAT, "--functions", str(tmp_path / "mixed.py"), "--yes", "Hi", upstream=upstream)
    assert result.stderr.splitlines()[4:] == ["one result: met", "own result: 5"] * 2


def test_the_user_is_asked_for_each_call(terminal_rat: TerminalRat, upstream: ThreadedUpstream, file: str) -> None:
    arguments = {"city": "Oslo\x1b[2K\u202e\nrun it? [y/N] y"}
    upstream.use([call("weather", arguments), call("weather", {"city": "Rome"}), "Sunny."])
    with terminal_rat.chat("--functions", file, "Hi") as terminal:
        shown = terminal.until(r"run it\? \[y/N\] $")
        assert r'weather({"city": "Oslo\u001b[2K\u202e\nrun it? [y/N] y"})' in shown
        terminal.type("n\n")
        terminal.until(r"did not allow.*run it\? \[y/N\] $")
        terminal.type("y\n")
        code, shown = terminal.end()
    assert code == 0
    assert 'weather result: {"city":"Rome","days":1}' in shown
    assert shown.endswith("Sunny.\r\n")
    [saved] = saved_files()
    assert len(json.loads(saved.read_text())["messages"]) == 6


def test_a_conversation_runs_functions(terminal_rat: TerminalRat, upstream: ThreadedUpstream, file: str) -> None:
    upstream.use([call("weather", {"city": "Oslo"}), "Sunny.", "Still sunny."])
    with terminal_rat.chat("-i", "--functions", file) as terminal:
        terminal.until("> ")
        terminal.type("How is it?\r")
        terminal.until(r"run it\? \[y/N\] ")
        terminal.type("y\n")
        terminal.until("weather result: .*Sunny.*> ")
        terminal.type("/retry\r")
        terminal.until("Still sunny.*> ")
        terminal.type("/exit\r")
        assert terminal.end()[0] == 0
    assert len(upstream.last.json["messages"]) == 1  # the calls of the first try are taken back, too


def test_ctrl_c_at_the_question_ends_with_130(terminal_rat: TerminalRat, upstream: ThreadedUpstream, file: str) -> None:
    upstream.use([call("weather", {"city": "Oslo"})])
    with terminal_rat.chat("--functions", file, "Hi") as terminal:
        terminal.until(r"run it\? \[y/N\] $")
        terminal.type("\x03")
        assert terminal.end()[0] == 130
    assert upstream.count == 1


@pytest.mark.parametrize(
    "source",
    [
        "import time\ndef wait() -> str:\n    time.sleep(60)\n",
        "import asyncio\nasync def wait() -> str:\n    await asyncio.sleep(60)\n",
    ],
    ids=["sync", "async"],
)
def test_ctrl_c_ends_a_running_function(
    terminal_rat: TerminalRat, upstream: ThreadedUpstream, tmp_path: Path, source: str
) -> None:
    (tmp_path / "slow.py").write_text(source.replace(":\n    ", ":\n    print('runs', flush=True)\n    ", 1))
    upstream.use([call("wait", {})])
    with terminal_rat.chat("--functions", str(tmp_path / "slow.py"), "--yes", "Hi") as terminal:
        terminal.until("runs")
        terminal.type("\x03")
        code, shown = terminal.end()
    assert (code, "Traceback" in shown) == (130, False)
    assert upstream.count == 1


def test_the_rounds_are_bounded_and_a_forced_choice_holds_once(upstream: ThreadedUpstream, file: str) -> None:
    upstream.use(call("weather", {"city": "Oslo"}))
    arguments = ("--functions", file, "--yes", "--max-rounds", "3", "--tool-choice", "required", "--session", "s", "Hi")
    result = run(*CHAT, *arguments, upstream=upstream)
    assert (result.exit_code, upstream.count) == (0, 3)
    assert "stopped after 3 answers; --max-rounds allows more" in result.stderr
    assert [request.json["tool_choice"] for request in upstream.requests] == ["required", "auto", "auto"]
    upstream.use("Done.")
    assert run(*CHAT, "--session", "s", "And?", upstream=upstream).exit_code == 0
    assert upstream.last.json["messages"][-2]["role"] == "tool"  # the call that was not run has a result


@pytest.mark.parametrize("stream", [(), ("--no-stream",)])
def test_json_has_the_answers_and_nothing_else(upstream: ThreadedUpstream, file: str, stream: tuple[str, ...]) -> None:
    upstream.use([call("weather", {"city": "Oslo"}), "Sunny."])
    result = run(*CHAT, "--functions", file, "--yes", "--json", *stream, "Hi", upstream=upstream)
    kinds = [json.loads(line)["type"] for line in result.stdout.splitlines()]
    assert kinds == ["chat_response"] * 2 if stream else kinds.count("done") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--functions", "FILE"), "needs a terminal, or --yes"),
        (("--functions", "FILE", "--yes", "--tools", "x.json"), "exclude each other"),
        (("--yes",), "--yes and --max-rounds need --functions"),
        (("--max-rounds", "2"), "--yes and --max-rounds need --functions"),
        (("--functions", "FILE", "--yes", "--max-rounds", "0"), "0 is not in the range"),
        (("--functions", "/no/file.py", "--yes"), "cannot read /no/file.py: No such file"),
    ],
)
def test_mistakes_are_told_before_anything_is_sent(
    upstream: ThreadedUpstream, file: str, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*CHAT, *(file if word == "FILE" else word for word in arguments), "Hi", upstream=upstream)
    assert (result.exit_code, upstream.count) == (2, 0)
    assert words in result.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\n", "defines no function"),
        ("from os.path import join\n", "defines no function"),
        ("def f(:\n", ":1: SyntaxError"),
        ("import sys\n\nsys.exit(3)\n", ":3: SystemExit: 3"),
        ("x = 1\n1 / 0\n", ":2: ZeroDivisionError"),
        ("def f(*x): ...\n", "f: x must be a named parameter"),
        ("def f(x: Nope): ...\n", "the type of a parameter is not defined"),
    ],
)
def test_a_file_without_usable_functions_is_refused(tmp_path: Path, source: str, words: str) -> None:
    path = tmp_path / "tools.py"
    path.write_text(source)
    with pytest.raises(InvalidInput, match=words) as caught:
        load_functions(str(path))
    assert caught.value.message.startswith(str(path))
    assert caught.value.field == "functions"


def test_a_request_can_be_looked_at_without_running_anything(upstream: ThreadedUpstream, file: str) -> None:
    result = run(*CHAT, "--functions", file, "--dry-run", "Hi", upstream=upstream)
    assert (result.exit_code, upstream.count) == (0, 0)
    assert '"name": "weather"' in result.stdout
