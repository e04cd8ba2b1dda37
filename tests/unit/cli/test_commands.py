"""Each command of `rat`, run in this process: what it says, what it refuses, and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ratatoskr import Explanation, Health
from ratatoskr.cli.rat import COMMANDS, rat
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import HI, KEY, run
from unit.cli.test_rat import INTERRUPTIBLE

# every command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_refuses_an_option_that_it_has_not(command: str) -> None:
    assert run(command, "--help").exit_code == 0
    result = run(command, "--nonsense")
    assert result.exit_code == 2
    assert "--nonsense" in result.stderr
    assert result.stdout == ""


def test_without_a_command_the_help_is_shown() -> None:
    result = CliRunner().invoke(rat, [])
    assert all(command in result.output for command in COMMANDS)


def test_a_command_that_is_misspelt_is_guessed() -> None:
    assert "did you mean 'models'?" in run("modles").stderr
    assert "commands are chat," in run("xyzzy").stderr


@pytest.mark.parametrize(
    "arguments", [HI, ("generate", "-m", "openai:gpt-4.1", "Hi"), ("models",), ("explain", "gpt-4.1"), ("health",)]
)
def test_a_secrets_file_that_others_may_read_is_refused_by_name(empty_environment: Path, arguments: Any) -> None:
    path = empty_environment / ".config" / "ratatoskr" / "secrets.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[providers.openai]\nkey = "{KEY}"\n')
    path.chmod(0o644)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr == f"rat: {path} has mode 0644, so others may use it; run `chmod 600` on it\n"


@pytest.mark.parametrize(
    "arguments", [("chat", "-m", "gpt-4.1", "Hi"), ("generate", "-m", "gpt-4.1", "Hi"), ("models",), ("explain", "x")]
)
def test_without_any_provider_it_is_told_how_to_set_one_up(arguments: Any) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "set a key such as OPENROUTER_API_KEY" in result.stderr
    assert "builder" not in result.stderr


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("openai", "PROVIDER=URL"),
        ("=http://x", "PROVIDER=URL"),
        ("a b=http://x", "PROVIDER=URL"),
        ("openai=", "PROVIDER=URL"),
        ("openai=ftp://x", "http(s)://"),
        ("openai=http://example.invalid", "--allow-insecure"),
    ],
)
def test_an_address_that_is_none_is_refused(upstream: ThreadedUpstream, base_url: str, words: str) -> None:
    result = run(*HI, f"--base-url={base_url}")
    assert result.exit_code == 2
    assert words in result.stderr


def test_plain_http_to_other_machines_is_allowed_on_request(upstream: ThreadedUpstream) -> None:
    result = run("health", "--base-url=openai=http://example.invalid", "--allow-insecure")
    assert result.exit_code == 0
    assert "http://example.invalid" in result.stdout


def test_a_host_of_ones_own_needs_no_more_than_its_address(upstream: ThreadedUpstream) -> None:
    address = upstream.base_url("compatible")
    assert run("chat", "-m", "mine:model", f"--base-url=mine={address}", "Hi").exit_code == 0
    assert upstream.last.json["model"] == "model"


def test_ctrl_c_is_130_wherever_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("ratatoskr.cli.connect._gateway_from_env", interrupt)
    for command in ("models", "health"):
        assert run(command).exit_code == 130


def test_what_nobody_foresaw_is_a_line_and_a_traceback_only_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr("ratatoskr.cli.connect._gateway_from_env", fail)
    result = run("health")
    assert (result.exit_code, result.stderr) == (1, "rat: RuntimeError: a bug (RATATOSKR_DEBUG=1 shows where)\n")
    debugged = CliRunner().invoke(rat, ["health"], env={"RATATOSKR_DEBUG": "1"})
    assert "Traceback" in debugged.stderr


# models


def test_models_are_listed_by_the_name_that_is_asked_for(upstream: ThreadedUpstream) -> None:
    result = run("models", upstream=upstream)
    assert result.exit_code == 0
    assert "openai:gpt-5.4" in result.stdout.splitlines()
    assert "anthropic:claude-opus-5" in result.stdout.splitlines()
    result = run("models", "-p", "openai", "--json", upstream=upstream)
    assert {model["provider"] for model in json.loads(result.stdout)} == {"openai"}


def test_a_provider_that_fails_leaves_the_others_models_and_is_told(upstream: ThreadedUpstream) -> None:
    result = run("models", "--base-url=ollama=http://127.0.0.1:9", upstream=upstream)
    assert result.exit_code == 6
    assert "openai:gpt-5.4" in result.stdout.splitlines()
    assert result.stderr.startswith("rat: ollama: ")
    result = run("models", "--json", "--base-url=ollama=http://127.0.0.1:9", upstream=upstream)
    assert result.exit_code == 6
    assert len(json.loads(result.stdout)) > 3


def test_a_provider_that_nobody_knows_has_no_models() -> None:
    result = run("models", "--provider", "nobody")
    assert result.exit_code == 2
    assert "known are openrouter, anthropic" in result.stderr


# explain


def test_a_plan_tells_who_why_where_and_what_and_sends_nothing(upstream: ThreadedUpstream) -> None:
    result = run("explain", "claude-sonnet-5", "openai:gpt-4.1", "--reasoning", "high", upstream=upstream)
    assert result.exit_code == 0
    assert result.stdout.startswith("1. anthropic: claude-sonnet-5\n  why")
    assert "natural provider" in result.stdout
    assert upstream.base_url("anthropic") in result.stdout
    assert "2. openai: gpt-4.1\n" in result.stdout
    assert "refused" in result.stdout
    assert "parameter policy" not in result.stdout
    assert upstream.count == 0
    result = run("explain", "claude-sonnet-5", "--json", upstream=upstream)
    assert Explanation.from_json(result.stdout).plans[0].provider == "anthropic"


# health


def test_health_tells_where_each_key_is_from(upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    result = run("health")
    assert result.exit_code == 0
    assert "key from OPENAI_API_KEY, at https://api.openai.com" in result.stdout
    assert "no key, at http://127.0.0.1:9" in result.stdout
    assert "set GEMINI_API_KEY or GOOGLE_API_KEY" in result.stdout
    found = Health.from_json(run("health", "--json").stdout)
    assert {provider.name for provider in found.providers} == {"openai", "anthropic", "ollama"}
    assert upstream.connections == 0


def test_health_tells_what_this_machine_embeds_with(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run("health").stdout
    assert "runtime  onnxruntime " in shown
    assert "models   none; `rat models pull" in shown
    assert "store    ~/.cache/ratatoskr\n" in shown
    monkeypatch.setattr("importlib.metadata.distributions", lambda **_: iter(()))
    assert "not installed: pip install 'ratatoskr[local]'" in run("health").stdout


def test_health_without_any_provider_lists_what_could_be_set() -> None:
    result = run("health")
    assert result.exit_code == 2
    assert "set ANTHROPIC_API_KEY" in result.stdout
    assert result.stderr.startswith("rat: no provider is configured")
    result = run("health", "--json")
    assert (result.exit_code, json.loads(result.stdout)["healthy"]) == (2, False)


# chaos


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "No such file"),
        ("[[step]", ""),
        ("[[step]]\nfault = 'nonsense'", "step 1: no fault is named 'nonsense'"),
        ("[[step]]\ntext = 'a'\nunheard = 3", "step 1"),
        ("[[step]]\nprovider = 'nobody'", "step 1"),
        ("nonsense = 1", "nonsense"),
    ],
)
def test_a_script_that_makes_no_sense_is_told_with_its_place(tmp_path: Path, script: str | None, words: str) -> None:
    path = tmp_path / "script.toml"
    if script is not None:
        path.write_text(script)
    result = run("chaos", str(path))
    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert words in result.stderr


def test_a_port_that_is_taken_is_told(upstream: ThreadedUpstream) -> None:
    result = run("chaos", "--port", str(upstream.port))
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{upstream.port}" in result.stderr


def test_chaos_serves_a_script_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text("[[step]]\nfault = 'overloaded'\n[[step]]\ntext = 'Hello'\n")
    command = [sys.executable, "-c", INTERRUPTIBLE, "chaos", str(tmp_path / "script.toml")]
    child = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        shown: list[str] = []
        while not shown or not shown[-1].startswith("try: "):
            shown.append(child.stdout.readline())
        option = shown[-1].split()[shown[-1].split().index("--base-url") + 1]
        result = run("chat", "-m", "local:any", f"--base-url={option}", "Hi")
        assert (result.exit_code, result.stdout) == (0, "Hello\n")
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, out, errors) == (130, "", "")


# beginnings


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
    ["--help", "chat --help", "embed --help", "models pull --help", "--version", "chat --nonsense", "nonsense"],
)
def test_what_asks_nobody_loads_nothing_heavy(arguments: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITNESS, arguments], capture_output=True, text=True, timeout=50)
    assert done.stdout.splitlines()[-1] == "loaded []"


@pytest.mark.parametrize(
    ("words", "position", "completions"),
    [
        ("rat ch", 1, ["plain,chat", "plain,chaos"]),
        ("rat models -p op", 3, ["plain,openrouter", "plain,openai"]),
        ("rat models pu", 2, ["plain,pull"]),
        ("rat models pull Bge", 3, ["plain,BgeSmallEn", "plain,BgeBaseEn"]),
        ("rat embed -m AllMiniLmL6", 3, ["plain,AllMiniLmL6V2"]),
        ("rat chat --reasoning mi", 3, ["plain,minimal"]),
        ("rat chat --file ", 3, ["file,"]),
    ],
)
def test_a_shell_can_complete(words: str, position: int, completions: list[str]) -> None:
    asked = {"_RAT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    command = [sys.executable, "-m", "ratatoskr.cli.rat"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, timeout=50)
    assert done.stdout.splitlines() == completions


def test_the_scripts_for_shells_ask_the_command_itself() -> None:
    folder = Path(__file__).resolve().parents[3] / "contrib" / "completions"
    for shell in ("bash", "zsh", "fish"):
        assert f"_RAT_COMPLETE={shell}_complete" in (folder / f"rat.{shell}").read_text()
