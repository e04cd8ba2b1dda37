"""`rat health`: providers, origins of keys, local models."""

from __future__ import annotations

import json
import re

import pytest

from ratatoskr import BreakerHealth, EmbeddedGateway, Health
from ratatoskr.testing.thread import ThreadedUpstream
from unit.cli.in_process import run


def test_health_shows_the_origin_of_each_key(upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    result = run("health")
    assert result.exit_code == 0
    assert "key from OPENAI_API_KEY, at https://api.openai.com" in result.stdout
    assert "no key, at http://127.0.0.1:9" in result.stdout
    assert "set GEMINI_API_KEY or GOOGLE_API_KEY" in result.stdout
    found = Health.from_json(run("health", "--json").stdout)
    assert {provider.name for provider in found.providers} == {"openai", "anthropic", "ollama"}
    assert upstream.connections == 0


def test_health_shows_the_runtime_models_and_store_of_this_machine(
    upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run("health").stdout
    assert "runtime  onnxruntime " in shown
    assert "models   none; `rat models pull" in shown
    assert "store    ~/.cache/ratatoskr\n" in shown
    monkeypatch.setattr("importlib.metadata.distributions", lambda **_: iter(()))
    assert "not installed: pip install 'ratatoskr-llm[local]'" in run("health").stdout


def test_health_without_any_provider_lists_what_could_be_set() -> None:
    result = run("health")
    assert result.exit_code == 2
    assert "set ANTHROPIC_API_KEY" in result.stdout
    assert result.stderr.startswith("rat: no provider is configured")
    result = run("health", "--json")
    assert (result.exit_code, json.loads(result.stdout)["healthy"]) == (2, False)


def test_health_without_a_home_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    result = run("health")
    assert result.exit_code == 2, "no provider"
    assert "the home directory is not known; set HOME" in result.stdout


def test_health_shows_breakers_that_are_not_closed(upstream: ThreadedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    async def health(self: object) -> Health:
        return Health(True, "1", breakers=(BreakerHealth("openai", "gpt-4.1", "open", 4.2),))

    assert "failing lately" not in run("health").stdout
    monkeypatch.setattr(EmbeddedGateway, "health", health)
    shown = run("health").stdout
    assert re.search(r"failing lately\n  openai: gpt-4\.1 +circuit breaker open: asked last, tried again in 4 s", shown)
