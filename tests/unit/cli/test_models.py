"""`rat models`: the models of the configured providers."""

from __future__ import annotations

import json

from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run


def test_models_are_listed_by_the_name_that_the_model_option_takes(upstream: ThreadedUpstream) -> None:
    result = run("models", upstream=upstream)
    assert result.exit_code == 0
    assert "openai:gpt-5.4" in result.stdout.splitlines()
    assert "anthropic:claude-opus-5" in result.stdout.splitlines()
    result = run("models", "-p", "openai", "--json", upstream=upstream)
    assert {model["provider"] for model in json.loads(result.stdout)} == {"openai"}


def test_if_a_provider_fails_the_models_of_others_are_listed_and_the_error_shown(upstream: ThreadedUpstream) -> None:
    result = run("models", "--base-url=ollama=http://127.0.0.1:9", upstream=upstream)
    assert result.exit_code == 6
    assert "openai:gpt-5.4" in result.stdout.splitlines()
    assert result.stderr.startswith("rat: ollama: ")
    result = run("models", "--json", "--base-url=ollama=http://127.0.0.1:9", upstream=upstream)
    assert result.exit_code == 6
    assert len(json.loads(result.stdout)) > 3


def test_an_unknown_provider_is_an_error_that_lists_known_ones() -> None:
    result = run("models", "--provider", "nobody")
    assert result.exit_code == 2
    assert "known are openrouter, anthropic" in result.stderr
