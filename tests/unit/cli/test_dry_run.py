"""What a chat would send, as HTTP and as a command."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from ratatoskr import __version__
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import KEY, run


def test_the_request_is_printed_and_nothing_is_sent(upstream: ThreadedUpstream) -> None:
    result = run(
        "chat", "-m", "openai:gpt-4.1", "-s", "Be brief.", "-t", "0.5", "--dry-run", "Hi \u202e", upstream=upstream
    )
    assert result.exit_code == 0
    head, _, body = result.stdout.partition("\n\n")
    assert head.splitlines() == [
        f"POST {upstream.base_url('openai')}/chat/completions",
        "content-type: application/json",
        "user-agent: ratatoskr/" + __version__,
        "authorization: Bearer [redacted]",
    ]
    sent = json.loads(body)
    assert [message["content"] for message in sent["messages"]] == ["Be brief.", "Hi \u202e"]
    assert sent["temperature"] == 0.5
    assert "\u202e" not in result.stdout
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("model", "variable"), [("openai:gpt-4.1", "OPENAI_API_KEY"), ("anthropic:claude-sonnet-5", "ANTHROPIC_API_KEY")]
)
def test_the_command_runs_and_takes_the_key_from_its_variable(
    upstream: ThreadedUpstream, model: str, variable: str
) -> None:
    result = run("chat", "-m", model, "--curl", "it's $HOME `x` \"\\ \n!", upstream=upstream)
    assert result.exit_code == 0
    assert f"${variable}" in result.stdout
    assert upstream.requests == []
    done = subprocess.run(
        ["bash", "-c", result.stdout], env={**os.environ, variable: KEY}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    request = upstream.last
    assert KEY in str(request.headers)
    content = request.json["messages"][-1]["content"]
    assert content == "it's $HOME `x` \"\\ \n!" or content[0]["text"] == "it's $HOME `x` \"\\ \n!"


def test_a_request_that_would_be_refused_is_an_error(upstream: ThreadedUpstream) -> None:
    result = run("chat", "-m", "anthropic:claude-opus-4-8", "-t", "1.5", "--dry-run", "Hi", upstream=upstream)
    assert result.exit_code == 2
    assert "temperature" in result.stderr
    assert result.stdout == ""


def test_a_conversation_cannot_be_shown_as_one_request() -> None:
    result = run("chat", "-m", "openai:gpt-4.1", "-i", "--curl")
    assert result.exit_code == 2
    assert "-i excludes --dry-run and --curl" in result.stderr
