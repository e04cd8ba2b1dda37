"""The builder refuses a set-up that cannot work with a typed error that says what to do; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import (
    ConfigurationError,
    InvalidInput,
    Ratatoskr,
)
from ratatoskr.config.builder import Builder
from ratatoskr.config.entry import providers_of_environment
from ratatoskr.providers.specs import SPECS, ProviderSpec
from unit.test_bad_input import KEY, said

Set = Callable[[Builder], Any]

BUILDS: dict[str, tuple[Set, type[Exception], str | None, str]] = {
    "no provider": (
        lambda b: b,
        ConfigurationError,
        None,
        "no provider is configured: call e.g. builder().openai(key)",
    ),
    "twice": (lambda b: b.openai(KEY).openai(KEY), ConfigurationError, None, "openai: configured twice"),
    "twice in two ways": (lambda b: b.groq(KEY).provider("groq", KEY), ConfigurationError, None, "configured twice"),
    "no key": (lambda b: b.openai(), ConfigurationError, None, "openai: no key: pass one, set OPENAI_API_KEY, or"),
    "no key of two": (lambda b: b.google(), ConfigurationError, None, "set GEMINI_API_KEY or GOOGLE_API_KEY"),
    "no key at all": (lambda b: b.openai([]), ConfigurationError, "key", "the sequence of keys is empty"),
    "empty key": (lambda b: b.openai(" "), ConfigurationError, "key", "the key for openai is empty"),
    "key in two lines": (lambda b: b.openai(f"{KEY}\nx"), ConfigurationError, "key", "line breaks"),
    "key of a wrong type": (lambda b: b.openai(5), ConfigurationError, "key", "the key for openai"),
    "unknown name": (
        lambda b: b.provider("opnai", KEY),
        ConfigurationError,
        "name",
        "known are openrouter, anthropic",
    ),
    "api": (
        lambda b: b.openai(KEY, api="chat"),
        ConfigurationError,
        "api",
        "responses or chat_completions, not 'chat'",
    ),
    "plain http": (
        lambda b: b.openai(KEY, base_url="http://example.com/v1"),
        ConfigurationError,
        "base_url",
        "the prompts and the key would go over plain http to example.com; use https",
    ),
    "plain http on a name like ours": (
        lambda b: b.openai(KEY, base_url="http://127.0.0.1.example.com"),
        ConfigurationError,
        "base_url",
        "plain http",
    ),
    "no scheme": (
        lambda b: b.openai(KEY, base_url="example.com"),
        ConfigurationError,
        "base_url",
        "must be http(s)://",
    ),
    "empty address": (lambda b: b.openai(KEY, base_url=""), ConfigurationError, "base_url", "must be http(s)://"),
    "no such port": (lambda b: b.openai(KEY, base_url="http://[::1]:99999"), ConfigurationError, "base_url", "must be"),
    "password in the address": (
        lambda b: b.openai(KEY, base_url=f"https://me:{KEY}@example.com"),
        ConfigurationError,
        "base_url",
        "must be http(s)://host[:port][/path]",
    ),
    "query": (lambda b: b.openai(KEY, base_url=f"https://h/?key={KEY}"), ConfigurationError, "base_url", "must be"),
    "no number of a port": (lambda b: b.openai(KEY, base_url="http://h:x"), ConfigurationError, "base_url", "must be"),
    "address of a wrong type": (lambda b: b.openai(KEY, base_url=5), ConfigurationError, "base_url", "must be"),
    "name of a host": (lambda b: b.compatible("a:b", base_url="https://h"), ConfigurationError, "name", "not 'a:b'"),
    "name that means another": (
        lambda b: b.compatible("ft", base_url="https://h"),
        ConfigurationError,
        "name",
        "tuned",
    ),
    "name of a header": (lambda b: b.openai(KEY, headers={"a b": "c"}), ConfigurationError, "headers", "'a b' is no"),
    "value of a header": (lambda b: b.openai(KEY, headers={"a": "b\nc"}), ConfigurationError, "headers", "header a"),
    "header that is no text": (lambda b: b.openai(KEY, headers={"a": 5}), ConfigurationError, "headers", "header a"),
    "headers of a wrong type": (
        lambda b: b.openai(KEY, headers=["a"]),
        ConfigurationError,
        "headers",
        "must map names",
    ),
    "key said twice": (
        lambda b: b.openai(KEY, headers={"Authorization": "Bearer x"}),
        ConfigurationError,
        "headers",
        "the header Authorization is set by the key; give one of the two",
    ),
    "limit of another provider": (
        lambda b: b.openai(KEY).limits("xai", 5),
        ConfigurationError,
        "limits",
        "limits for xai",
    ),
    "limit": (lambda b: b.openai(KEY).limits("openai", 0), ConfigurationError, "in_flight", "above 0, not 0"),
    "retries": (lambda b: b.retries(-1), ConfigurationError, "retries", "0 or more, not -1"),
    "policy": (
        lambda b: b.parameter_policy("ignore"),
        ConfigurationError,
        "policy",
        "error, drop or pass, not 'ignore'",
    ),
    "rules": (lambda b: b.routing(["a"]), ConfigurationError, "rules", "rules must map patterns to names"),
    "empty rule": (lambda b: b.routing({"a": []}), ConfigurationError, "rules", "must name models"),
    "empty fallback": (lambda b: b.fallback("*", []), ConfigurationError, "fallback", "must name models"),
    "proxy": (lambda b: b.proxy(f"me:{KEY}@h:1"), ConfigurationError, "proxy", "(http|https|socks5|socks5h)://"),
    "kind of proxy": (lambda b: b.proxy("ftp://h:1"), ConfigurationError, "proxy", "(http|https|socks5|socks5h)://"),
    "client": (lambda b: b.openai(KEY).http_client(5), ConfigurationError, None, "takes an httpx.AsyncClient"),
    "timeouts": (lambda b: b.timeout(idle=0), InvalidInput, "timeout.idle", "seconds above 0 (math.inf for none)"),
    "timeout": (lambda b: b.timeout(-3), InvalidInput, "timeout.total", "timeout.total must be seconds above 0"),
    "an unknown timeout": (lambda b: b.timeout(read=5), TypeError, None, "'read'"),
}


@pytest.mark.parametrize("case", BUILDS)
def test_a_set_up_that_cannot_work_is_refused_by_the_builder(case: str) -> None:
    make, error, field, text = BUILDS[case]
    with pytest.raises(error) as caught:
        make(Ratatoskr.builder()).build()
    said(caught.value, text)
    assert getattr(caught.value, "field", None) == field


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
async def test_the_environment_configures_every_row(spec: ProviderSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratatoskr.config.entry.is_listening", lambda _: False)
    if spec.configured_by == "address":
        monkeypatch.setenv(spec.base_url_variable or "", "127.0.0.1:1")
    else:
        monkeypatch.setenv(spec.key_variables[0], KEY)
    async with Ratatoskr.from_env() as gateway:
        assert [provider.name for provider in (await gateway.health()).providers] == [spec.alternative_to or spec.name]


def test_a_key_without_what_its_address_needs_configures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in SPECS.values():
        if spec.placeholders:
            monkeypatch.setenv(spec.key_variables[0], KEY)
    assert [*providers_of_environment()] == []


def test_only_ollamas_port_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr("ratatoskr.config.entry.is_listening", lambda spec: bool(tried.append(spec.name)))
    assert [*providers_of_environment()] == []
    assert tried == ["ollama"]


async def test_a_server_at_the_address_of_a_row_configures_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratatoskr.config.entry.is_listening", lambda _: True)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with Ratatoskr.from_env() as gateway:
        assert [provider.name for provider in (await gateway.health()).providers] == ["openai", "ollama"]


def test_an_environment_without_any_provider_says_what_would_make_one() -> None:
    with pytest.raises(ConfigurationError, match="OPENROUTER_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API"):
        Ratatoskr.from_env()


def test_a_secrets_file_that_other_users_can_read_is_refused(empty_environment: Path) -> None:
    path = empty_environment / ".config" / "ratatoskr" / "secrets.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[providers.openai]\nkey = "{KEY}"\n')
    path.chmod(0o644)
    for make in (Ratatoskr.from_env, Ratatoskr.builder().openai().build):
        with pytest.raises(ConfigurationError) as caught:
            make()
        said(caught.value, "secrets.toml has mode 0644, so other users can access it; run `chmod 600` on it")
