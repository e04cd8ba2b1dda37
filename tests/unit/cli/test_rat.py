"""`rat` in a process of its own and in this one: its commands, exit codes, interrupts and imports."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ratatoskr.cli.rat import COMMANDS, rat
from ratatoskr.testing import ScriptedTurn, fault
from unit.cli.in_process import run
from unit.cli.pty_session import AtTerminal, TerminalRat
from unit.cli.shell import INTERRUPTIBLE, RAT, Shell


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
def test_the_exit_code_shows_the_kind_of_failure(rat: Shell, step: Any, code: int, words: str) -> None:
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
        (("chatt",), "No such command"),
    ],
)
def test_usage_errors_exit_with_2(rat: Shell, arguments: Any, words: str) -> None:
    done = rat(*arguments)
    assert done.returncode == 2, done
    assert words in done.stderr.decode()
    assert rat.upstream.count == 0


def test_a_refused_connection_is_an_error_that_names_the_address(rat: Shell) -> None:
    done = rat("chat", "--base-url", "openai=http://127.0.0.1:9/v1", "--timeout", "5", "Hi")
    assert done.returncode == 6
    assert "127.0.0.1:9" in done.stderr.decode()


def test_a_closed_pipe_is_not_an_error(rat: Shell) -> None:
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
    lines = [line for line in out.decode().splitlines() if not line.startswith("    rat ")]  # examples are not wrapped
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("health",), *((name, "--help") for name in COMMANDS)],
    ids=" ".join,
)
def test_forty_columns_are_enough(terminal_rat: TerminalRat, arguments: tuple[str, ...]) -> None:
    with AtTerminal(arguments, {**terminal_rat.environment, "NO_COLOR": "1"}, columns=40) as terminal:
        code, shown = terminal.end()
    assert code == 0
    unwrapped = ("    rat ", "    git ", "https://", "~/")  # examples and addresses are not cut, for copying
    long = [line for line in shown.splitlines() if len(line) > 40 and not any(word in line for word in unwrapped)]
    assert long == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_refuses_an_unknown_option(command: str) -> None:
    assert run(command, "--help").exit_code == 0
    result = run(command, "--nonsense")
    assert result.exit_code == 2
    assert "--nonsense" in result.stderr
    assert result.stdout == ""


def test_without_a_command_the_help_is_shown() -> None:
    result = CliRunner().invoke(rat, [])
    assert all(command in result.output for command in COMMANDS)


def test_the_error_for_a_misspelt_command_suggests_one() -> None:
    assert "did you mean 'models'?" in run("modles").stderr
    assert "commands are export," in run("sessions", "xyzzy").stderr


def test_ctrl_c_exits_with_130_in_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("ratatoskr.cli.connect._gateway_of_all", interrupt)
    for command in ("models", "health"):
        assert run(command).exit_code == 130


def test_an_unexpected_error_is_one_line_and_a_traceback_only_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr("ratatoskr.cli.connect._gateway_of_all", fail)
    result = run("health")
    assert (result.exit_code, result.stderr) == (1, "rat: RuntimeError: a bug (RATATOSKR_DEBUG=1 shows where)\n")
    debugged = CliRunner().invoke(rat, ["health"], env={"RATATOSKR_DEBUG": "1"})
    assert "Traceback" in debugged.stderr


WITNESS = """
import sys
from ratatoskr.cli.rat import rat
try:
    rat(sys.argv[1].split(), prog_name="rat")
except SystemExit:
    pass
heavy = {"asyncio", "httpx", "msgspec", "numpy", "pydantic", "rich", "ssl", "ratatoskr._core"}
heavy.add("ratatoskr.config.builder")
print("loaded", sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        *("--help", "chat --help", "embed --help", "models pull --help", "--version", "chat --nonsense", "chatt"),
        *("keys list", "alias list", "templates list", "models default", "completion zsh", "sessions list"),
    ],
)
def test_help_usage_errors_and_lists_import_nothing_large(arguments: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITNESS, arguments], capture_output=True, text=True, timeout=50)
    assert done.stdout.splitlines()[-1] == "loaded []"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_a_shell_calls_rat_itself(shell: str) -> None:
    script = run("completion", shell).stdout
    assert f"_RAT_COMPLETE={shell}_complete" in script
    if path := shutil.which(shell):
        done = subprocess.run([path, "-n"], input=script, text=True, capture_output=True, timeout=50)
        assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_by_the_script() -> None:
    code = 'eval "$(rat completion bash)"; COMP_WORDS=(rat ch); COMP_CWORD=1; _rat_completion rat; echo ${COMPREPLY[@]}'
    folder = Path(os.environ["HOME"])
    (folder / "rat").write_text(f'#!/bin/sh\nexec {sys.executable} -m ratatoskr.cli.rat "$@"\n')
    (folder / "rat").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=50, env=environment)
    assert done.stdout.split() == ["chat", "chaos"]
