"""`rat chat` and `rat generate`, run in this process: which models, what is shown, kept and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ratatoskr import ChatResponse
from ratatoskr.cli.options import EFFORTS
from ratatoskr.testing import ScriptedTurn, fault
from ratatoskr.testing.thread import ThreadedUpstream
from ratatoskr.types.chat import EFFORTS as EFFORTS_OF_THE_GATEWAY
from ratatoskr.types.codec import decoder_of
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.generate import GenerateResponse
from unit.cli.in_process import HI, run


def test_the_models_of_a_command_line_are_tried_in_turn(upstream: ThreadedUpstream) -> None:
    upstream.use({"openai": fault("payment_required", times=None), "anthropic": "Here."})
    result = run("chat", "-m", "openai:gpt-4.1", "-m", "anthropic:claude-sonnet-5", "Hi", upstream=upstream)
    assert (result.exit_code, result.stdout) == (0, "Here.\n")


def test_when_all_models_fail_each_try_is_listed(upstream: ThreadedUpstream) -> None:
    upstream.use({"openai": fault("payment_required", times=None), "anthropic": fault("bad_key", times=None)})
    result = run("chat", "-m", "openai:gpt-4.1", "-m", "anthropic:claude-sonnet-5", "Hi", upstream=upstream)
    assert (result.exit_code, result.stdout) == (3, "")
    first, *tries = result.stderr.splitlines()
    assert "ANTHROPIC_API_KEY" in first
    assert [line.split()[4] for line in tries] == ["openai", "anthropic"]


def test_the_environment_names_the_model(upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATATOSKR_MODEL", "openai:gpt-4.1 anthropic:claude-sonnet-5")
    assert run("chat", "Hi", upstream=upstream).exit_code == 0
    assert upstream.last.json["model"] == "gpt-4.1"
    assert run("chat", "-m", "openai:gpt-4o-mini", "Hi", upstream=upstream).exit_code == 0
    assert upstream.last.json["model"] == "gpt-4o-mini"
    assert run("chat", "-c", "And?", upstream=upstream).exit_code == 0
    assert upstream.last.json["model"] == "gpt-4o-mini"
    assert len(upstream.last.json["messages"]) == 3


def test_an_answer_that_broke_off_is_shown_with_the_error_after_it_and_not_kept(upstream: ThreadedUpstream) -> None:
    upstream.use(fault("cut_reset", events=3, turn=ScriptedTurn(("one ", "two ", "three"))))
    result = run(*HI, upstream=upstream)
    assert result.exit_code == 6
    assert result.stdout.startswith("one ")
    assert result.stdout.endswith("\n")
    assert result.stderr.startswith("rat: openai, gpt-4.1: the stream was interrupted")
    assert run("chat", "-c", "And?", upstream=upstream).exit_code == 2


def test_a_broken_stream_leaves_only_whole_lines_of_json(upstream: ThreadedUpstream) -> None:
    upstream.use(fault("cut_reset", events=3, turn=ScriptedTurn(("one ", "two ", "three"))))
    result = run(*HI, "--json", upstream=upstream)
    assert result.exit_code == 6
    assert {json.loads(line)["type"] for line in result.stdout.splitlines()} == {"content_delta"}


def test_an_answer_that_was_cut_is_noted(upstream: ThreadedUpstream) -> None:
    upstream.use([ScriptedTurn("Up and", finish="length"), ScriptedTurn("Up", finish="content_filter")])
    result = run(*HI, upstream=upstream)
    assert (result.exit_code, result.stdout) == (0, "Up and\n")
    assert "token limit" in result.stderr
    result = run(*HI, upstream=upstream)
    assert (result.exit_code, result.stdout) == (7, "Up\n")
    assert "filter" in result.stderr


def test_a_whole_answer_as_json_is_a_response_that_can_be_read_again(upstream: ThreadedUpstream) -> None:
    upstream.use([ScriptedTurn("Up."), "Down."])
    result = run(*HI, "--json", "--no-stream", upstream=upstream)
    assert ChatResponse.from_json(result.stdout).content == "Up."
    result = run("generate", "-m", "openai:gpt-4.1", "Hi", "--json", "--no-stream", upstream=upstream)
    assert GenerateResponse.from_json(result.stdout).text == "Down."


@pytest.mark.parametrize("command", ["chat", "generate"])
def test_each_line_of_json_is_an_event(upstream: ThreadedUpstream, command: str) -> None:
    upstream.use(ScriptedTurn("Grüße 🐿️\n\x1b\x9b", deltas=3))
    result = run(command, "-m", "openai:gpt-4.1", "--json", "Hi", upstream=upstream)
    events = [decoder_of(ChatEvent)(json.loads(line), "") for line in result.stdout.splitlines()]
    assert "".join(event.text for event in events if event.type == "content_delta") == "Grüße 🐿️\n\x1b\x9b"
    assert [event.type for event in events].count("done") == 1
    assert events[-1].type == "done"


def test_a_conversation_that_cannot_be_kept_is_an_error_only_where_one_is_named(
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
def test_what_cannot_be_is_refused_before_anything_is_sent(
    upstream: ThreadedUpstream, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*HI, *arguments, upstream=upstream)
    assert result.exit_code == 2
    assert words in result.stderr
    assert upstream.count == 0


def test_the_efforts_are_those_of_the_gateway() -> None:
    assert EFFORTS == EFFORTS_OF_THE_GATEWAY
