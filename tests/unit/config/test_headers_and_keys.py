"""Headers that the gateway sets itself are refused by name; keys are refused where they cannot be meant."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import ConfigurationError, Ratatoskr
from ratatoskr.config import provider as module
from ratatoskr.providers.specs import SPECS
from ratatoskr.testing import ScriptedUpstream
from ratatoskr.version import VERSION

KEY = "sk-canary-0123456789"
pytestmark = pytest.mark.usefixtures("accounts")
TRANSPORT = ("Host", "content-length", "Transfer-Encoding", "connection", "Expect", "te", "upgrade", "accept-encoding")


def refusal_of(builder: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        builder.build()
    assert caught.value.field == "headers"
    return caught.value


@pytest.mark.parametrize("name", [*TRANSPORT, "Content-Type", "proxy-authorization"])
@pytest.mark.parametrize("provider", SPECS)
def test_headers_of_the_transport_and_the_body_cannot_be_set(provider: str, name: str) -> None:
    error = refusal_of(Ratatoskr.builder().provider(provider, KEY, headers={"x-team": "a", name: "canary-value"}))
    assert f"the header {name} " in error.message
    assert error.provider == provider
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    inner = [frame.locals for frame in report.stack if frame.filename == module.__file__]
    assert inner
    assert "canary" not in str(inner)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        *((provider, spec.key_header[0]) for provider, spec in SPECS.items()),
        *((provider, "AUTHORIZATION") for provider in SPECS),
        ("anthropic", "Anthropic-Version"),
    ],
)
def test_headers_of_the_key_and_the_version_cannot_be_set(provider: str, name: str) -> None:
    assert name in refusal_of(Ratatoskr.builder().provider(provider, KEY, headers={name: "x"})).message


def test_a_header_cannot_be_given_twice() -> None:
    error = refusal_of(Ratatoskr.builder().openai(KEY, headers={"X-Team": "a", "x-team": "b"}))
    assert error.message == "the header x-team is given twice"


def test_a_compatible_host_has_the_same_headers() -> None:
    def build(**options: Any) -> Any:
        return Ratatoskr.builder().compatible("house", base_url="https://h/v1", **options)

    refusal_of(build(headers={"host": "x"}))
    refusal_of(build(key=KEY, headers={"authorization": "x"}))
    build(headers={"authorization": "Basic x"}).build()
    build(key=KEY, headers={"x-api-key": "for the proxy", "anthropic-version": "x"}).build()


async def test_the_program_names_itself_unless_the_caller_does() -> None:
    async with ScriptedUpstream("hi") as upstream:
        for headers, expected in ((None, f"ratatoskr/{VERSION}"), ({"User-Agent": "app/1"}, "app/1")):
            builder = Ratatoskr.builder().openai(KEY, base_url=upstream.base_url("openai"), headers=headers)
            async with builder.build() as gateway:
                await gateway.chat("hi", "gpt-4o")
            sent = [value for name, value in upstream.requests[-1].headers.items() if name.lower() == "user-agent"]
            assert sent == [expected]


async def test_the_callers_betas_are_sent_beside_those_of_the_request() -> None:
    from ratatoskr.providers.exchange import ProviderClient

    client = ProviderClient(SPECS["anthropic"], None, headers={"Anthropic-Beta": "mine-1", "x-team": "a"})  # type: ignore[arg-type]
    version = ("anthropic-version", "2026-10-21")
    assert client._add_lists((version,)) == (version, ("anthropic-beta", "mine-1"))
    assert client._add_lists((version, ("anthropic-beta", "b,c"))) == (version, ("anthropic-beta", "mine-1,b,c"))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (f'"{KEY}"', "quotation mark"),
        (f"'{KEY}'", "quotation mark"),
        (f"`{KEY}`", "quotation mark"),
        (f'"{KEY}', "quotation mark"),
        (f"{KEY}'", "quotation mark"),
        (f' "{KEY}"\n', "quotation mark"),
        (f"Bearer {KEY}", 'begins with "Bearer"'),
        (f"bearer {KEY}", 'begins with "Bearer"'),
        (f"{KEY}\n{KEY}", "line breaks"),
        (f"“{KEY}”", "non-ASCII"),
        (f"OPENAI_API_KEY= {KEY}", "spaces"),
    ],
)
def test_a_key_that_cannot_be_meant_is_refused_wherever_it_comes_from(
    key: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(build: Any) -> None:
        with pytest.raises(ConfigurationError) as caught:
            build()
        assert reason in caught.value.message
        assert KEY not in str(caught.value)

    refuse(lambda: Ratatoskr.builder().openai(key))
    refuse(lambda: Ratatoskr.builder().openai([KEY, key]))
    monkeypatch.setenv("OPENAI_API_KEY", key)
    refuse(lambda: Ratatoskr.builder().openai().build())
    monkeypatch.delenv("OPENAI_API_KEY")
    folder = tmp_path / "ratatoskr"
    folder.mkdir(mode=0o700)
    file = folder / "secrets.toml"
    file.write_text(f'[providers.openai]\nkey = """{key} """\n')
    file.chmod(0o600)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    refuse(lambda: Ratatoskr.builder().openai().build())


async def test_blanks_around_a_key_are_not_part_of_it() -> None:
    async with ScriptedUpstream("hi") as upstream:
        builder = Ratatoskr.builder().openai(f" {KEY}\r\n", base_url=upstream.base_url("openai"))
        async with builder.build() as gateway:
            await gateway.chat("hi", "gpt-4o")
        assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
