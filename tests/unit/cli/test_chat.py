"""`rat chat`: which models are called, what is saved and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratatoskr.testing import fault
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import HI, run


def test_the_models_of_a_command_line_are_tried_in_turn(upstream: ThreadedUpstream) -> None:
    upstream.use({"openai": fault("payment_required", times=None), "anthropic": "Here."})
    result = run("chat", "-m", "openai:gpt-4.1", "-m", "anthropic:claude-sonnet-5", "Hi", upstream=upstream)
    assert (result.exit_code, result.stdout) == (0, "Here.\n")


def test_each_model_of_a_command_line_must_be_served(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    result = run("chat", "-m", "openai:gpt-4.1", "-m", "groq:x", "Hi", upstream=upstream)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "GROQ_API_KEY" in result.stderr


def test_when_all_models_fail_each_attempt_is_listed(upstream: ThreadedUpstream) -> None:
    upstream.use({"openai": fault("payment_required", times=None), "anthropic": fault("bad_key", times=None)})
    result = run("chat", "-m", "openai:gpt-4.1", "-m", "anthropic:claude-sonnet-5", "Hi", upstream=upstream)
    assert (result.exit_code, result.stdout) == (3, "")
    first, *tries = result.stderr.splitlines()
    assert "ANTHROPIC_API_KEY" in first
    assert [line.split()[4] for line in tries] == ["openai", "anthropic"]


def test_a_conversation_that_cannot_be_saved_is_an_error_only_if_it_is_named(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    result = run(*HI, upstream=upstream)
    assert result.exit_code == 0
    assert "the conversation is not saved" in result.stderr
    result = run(*HI, "--session", "tree", upstream=upstream)
    assert result.exit_code == 2
    assert result.stdout.startswith("Up and down")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-c", "--session", "x"), "exclude each other"),
        (("-f", "-", "--schema", "-"), "only once"),
        (("-i",), "-i needs a terminal"),
        (("-i", "--json"), "exclude each other"),
        (("-c",), "no conversation to continue"),
        (("--session", "../x"), "a session name"),
        (("--tool-choice", "weather"), "is not one of the tools"),
        (("--timeout", "0"), "--timeout must be"),
        (("--temperature", "warm"), "not a valid float"),
        (("--max-tokens", "-1"), "max_tokens"),
        (("-m", ""), "model"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_sent(
    upstream: ThreadedUpstream, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*HI, *arguments, upstream=upstream)
    assert result.exit_code == 2
    assert words in result.stderr
    assert upstream.count == 0
