"""Options that several commands share, and their completion in a shell."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ratatoskr.cli.options import EFFORTS, PARAMETERS, Parameters
from ratatoskr.testing.thread import ThreadedUpstream
from ratatoskr.types.chat import EFFORTS as EFFORTS_OF_THE_GATEWAY
from ratatoskr.types.chat import PARAM_NAMES
from unit.cli.in_process import run


@pytest.mark.parametrize(
    ("words", "position", "completions"),
    [
        ("rat ch", 1, ["plain,chat", "plain,chaos"]),
        ("rat completion f", 2, ["plain,fish"]),
        ("rat models -p op", 3, ["plain,openrouter", "plain,openai"]),
        ("rat models pu", 2, ["plain,pull"]),
        ("rat models pull Bge", 3, ["plain,BgeSmallEn", "plain,BgeBaseEn", "plain,BgeM3", "plain,BgeRerankerBase"]),
        ("rat embed -m Bge", 3, ["plain,BgeSmallEn", "plain,BgeBaseEn", "plain,BgeM3"]),
        ("rat embed -m AllMiniLmL6", 3, ["plain,AllMiniLmL6V2"]),
        ("rat chat --reasoning mi", 3, ["plain,minimal"]),
        ("rat chat --file ", 3, ["file,"]),
    ],
)
def test_a_shell_can_complete(words: str, position: int, completions: list[str]) -> None:
    variables = {"_RAT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    command = [sys.executable, "-m", "ratatoskr.cli.rat"]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=50)
    assert done.stdout.splitlines() == completions


def test_a_shell_can_complete_aliases_and_templates() -> None:
    run("alias", "set", "fast", "openai:gpt-4.1")
    run("chat", "--save", "review", "Review $input")
    for words, position, completions in (
        ("rat chat -m f", 3, ["plain,fast"]),
        ("rat chat -t re", 3, ["plain,review"]),
        ("rat alias rm f", 3, ["plain,fast"]),
        ("rat keys set gro", 3, ["plain,groq"]),
    ):
        test_a_shell_can_complete(words, position, completions)


def test_the_environment_names_the_model(upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATATOSKR_MODEL", "openai:gpt-4.1 anthropic:claude-sonnet-5")
    assert run("chat", "Hi", upstream=upstream).exit_code == 0
    assert upstream.last.json["model"] == "gpt-4.1"
    assert run("chat", "-m", "openai:gpt-4o-mini", "Hi", upstream=upstream).exit_code == 0
    assert upstream.last.json["model"] == "gpt-4o-mini"
    assert run("chat", "-c", "And?", upstream=upstream).exit_code == 0
    assert upstream.last.json["model"] == "gpt-4o-mini"
    assert len(upstream.last.json["messages"]) == 3


def test_the_efforts_are_those_of_the_gateway() -> None:
    assert EFFORTS == EFFORTS_OF_THE_GATEWAY


def test_only_parameters_that_are_set_are_passed() -> None:
    assert Parameters().params() == {}
    assert Parameters("high", 0.0, 9, 5.0).params() == {"reasoning": "high", "temperature": 0.0, "max_tokens": 9}


def test_o_takes_every_parameter_but_the_format_of_the_answer(upstream: ThreadedUpstream) -> None:
    assert {*PARAMETERS} == {*PARAM_NAMES} - {"response_format"}
    given = ("-o", "top_p", "0.5", "-o", "seed", "7", "-o", "stop", '["a", "b"]', "-o", "user", "12")
    assert run("chat", "-m", "openai:gpt-4.1", *given, "Hi", upstream=upstream).exit_code == 0
    sent = upstream.last.json
    assert (sent["top_p"], sent["seed"], sent["stop"]) == (0.5, 7, ["a", "b"])
    assert "12" in (sent.get("user"), sent.get("safety_identifier"))
    count = upstream.count
    for arguments, words in (
        (("-o", "top_q", "1"), "-o top_q: there is no such parameter; did you mean 'top_p'?"),
        (("-o", "temperature", "1", "--temperature", "0"), "temperature is given twice"),
        (("-o", "top_p", "high"), "top_p"),
        (("-o", "response_format", "json"), "there is no such parameter"),
    ):
        result = run("chat", "-m", "openai:gpt-4.1", *arguments, "Hi", upstream=upstream)
        assert (result.exit_code, upstream.count) == (2, count)
        assert words in result.stderr


def test_without_a_model_the_error_says_how_to_name_one() -> None:
    result = run("chat", "Hi")
    assert result.exit_code == 2
    assert "no model: name one with -m" in result.stderr
