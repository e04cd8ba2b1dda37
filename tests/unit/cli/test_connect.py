"""The gateway of a command: providers, addresses and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ratatoskr.cli.connect import provider_prefix
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import HI, KEY, run


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
    assert result.stderr == f"rat: {path} has mode 0644, so other users can access it; run `chmod 600` on it\n"


@pytest.mark.parametrize(
    "arguments", [("chat", "-m", "gpt-4.1", "Hi"), ("generate", "-m", "gpt-4.1", "Hi"), ("models",), ("explain", "x")]
)
def test_without_a_provider_the_error_says_how_to_configure_one(arguments: Any) -> None:
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
def test_a_malformed_base_url_is_refused(upstream: ThreadedUpstream, base_url: str, words: str) -> None:
    result = run(*HI, f"--base-url={base_url}")
    assert result.exit_code == 2
    assert words in result.stderr


def test_plain_http_to_other_machines_is_allowed_on_request(upstream: ThreadedUpstream) -> None:
    result = run("health", "--base-url=openai=http://example.invalid", "--allow-insecure")
    assert result.exit_code == 0
    assert "http://example.invalid" in result.stdout


def test_a_compatible_host_needs_only_its_base_url(upstream: ThreadedUpstream) -> None:
    address = upstream.base_url("compatible")
    assert run("chat", "-m", "mine:model", f"--base-url=mine={address}", "Hi").exit_code == 0
    assert upstream.last.json["model"] == "model"


def test_a_model_that_no_host_named_serves_is_asked_of_the_providers_with_a_key(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    address = f"--base-url=mine={upstream.base_url('compatible')}"
    plans = run("explain", "gpt-4.1", "mine:model", address)
    assert plans.exit_code == 0
    assert "1. openai: gpt-4.1" in plans.stdout
    assert "2. mine: model" in plans.stdout
    assert "not configured\n  openrouter" in run("health", address).stdout


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openai:gpt-4.1", "openai"),
        (" OpenAI:gpt-4.1", "openai"),
        ("mine:model", "mine"),
        ("gpt-4.1", None),
        ("unknown:model", None),
        ("meta-llama/llama:free", None),
        ("mistral:7b", None),
        ("mistral:mistral-small-latest", "mistral"),
    ],
)
def test_the_prefix_of_a_model_is_a_provider_only_if_it_is_known(model: str, provider: str | None) -> None:
    assert provider_prefix(model, {"mine": "http://127.0.0.1:1"}) == provider


def test_a_required_key_that_is_missing_is_an_error_that_says_how_to_give_it() -> None:
    result = run("chat", "-m", "openai:gpt-4.1", "Hi")
    assert result.exit_code == 2
    assert result.stderr == "rat: no key for openai: `rat keys set openai` saves one, or set OPENAI_API_KEY\n"
