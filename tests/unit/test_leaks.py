"""No key, password or secret header is anywhere in an error, whatever fails: the set-up, a call, a stream."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from ratatoskr import ConfigurationError, EmbeddedGateway, Ratatoskr, RatatoskrError
from ratatoskr.config.builder import Builder
from unit.leaks import leaks
from unit.transport.raw_server import Peer, RawServer, answer

KEY = "sk-canary-5e7a9b1c3d"
PEM = f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"


def one(builder: Builder) -> Builder:
    return builder.openai(KEY)


SET_UPS: dict[str, Callable[[Builder], Any]] = {
    "a good key beside a bad one": lambda b: b.openai([KEY, "bad key"]),
    "a key with a line break": lambda b: b.openai(f"{KEY}\nx"),
    "a key with a no-break space": lambda b: b.anthropic(f"{KEY}\u00a0x"),
    "bytes": lambda b: b.openrouter(KEY.encode()),
    "a mapping of keys": lambda b: b.groq({KEY: KEY + "é"}),
    "keys in a list in a list": lambda b: b.mistral([[KEY]]),
    "a keyword that is unknown": lambda b: b.openai(KEY, organisation=KEY),
    "a key twice": lambda b: b.openai(KEY, key=KEY),
    "an endpoint that is unknown": lambda b: b.openai(KEY, api="chat"),
    "a provider that is unknown": lambda b: b.provider("nowhere", KEY).build(),
    "the same provider twice": lambda b: b.openai(KEY).openai(KEY).build(),
    "a name of a host that is reserved": lambda b: b.compatible("ft", base_url="https://h", key=KEY),
    "a secret header beside a bad name": lambda b: b.openai("k", headers={"x-secret": KEY, "bad name": "x"}),
    "a secret header with a line break": lambda b: b.openai("k", headers={"x-secret": f"{KEY}\n"}),
    "headers as pairs": lambda b: b.openai("k", headers=[("authorization", KEY)]),
    "a key and its header": lambda b: b.openai("k", headers={"Authorization": f"Bearer {KEY}"}).build(),
    "a password in base_url": lambda b: b.openai("k", base_url=f"https://me:{KEY}@h/v1").build(),
    "a password in the URL of a host": lambda b: b.compatible("h", base_url=f"https://me:{KEY}@h/v1").build(),
    "a key in the query of base_url": lambda b: b.openai("k", base_url=f"https://h/v1?key={KEY}").build(),
    "plain http with a path that is secret": lambda b: b.openai(KEY, base_url="http://h/v1").build(),
    "a proxy of another scheme": lambda b: one(b).proxy(f"ftp://me:{KEY}@p:1"),
    "a proxy without a scheme": lambda b: one(b).proxy(f"me:{KEY}@p:1"),
    "a proxy with a bad port": lambda b: one(b).proxy(f"http://me:{KEY}@p:99999"),
    "a proxy with a slash in its password": lambda b: one(b).proxy(f"http://me:a/{KEY}@p:1"),
    "a proxy as bytes": lambda b: one(b).proxy(f"http://me:{KEY}@p:1".encode()),
    "a proxy beside a client": lambda b: one(b).proxy(f"http://me:{KEY}@p:1").http_client(httpx.AsyncClient()).build(),
    "a private key as text": lambda b: one(b).tls(cert="/c.pem", key=PEM),
    "a private key as bytes": lambda b: one(b).tls(cert="/c.pem", key=PEM.encode()),
    "a private key without its header": lambda b: one(b).tls(cert="/c.pem", key=KEY).build(),
    "a private key in one line": lambda b: one(b).tls(key=PEM.replace("\n", " ")),
    "a private key as the certificate": lambda b: one(b).tls(cert=PEM),
    "a private key among the bytes of a certificate": lambda b: one(b).tls(cert=PEM.encode(), key="/k.pem"),
    "a private key as an authority": lambda b: one(b).tls(ca=PEM),
    "a limit of another provider": lambda b: one(b).limits("groq", 5).build(),
    "a rule that nobody serves": lambda b: one(b).routing({"a": "nowhere/x"}).build(),
    "a client of another type": lambda b: one(b).http_client(KEY).build(),
}


@pytest.mark.parametrize("case", SET_UPS)
def test_a_set_up_that_is_refused_shows_no_secret(case: str) -> None:
    with pytest.raises((RatatoskrError, TypeError)) as caught:
        SET_UPS[case](Ratatoskr.builder())
    assert not leaks(caught.value, KEY)


def test_what_the_caller_was_handling_keeps_its_frames() -> None:
    def fail(variable: str) -> None:
        raise ValueError(variable.upper())

    try:
        fail("mine")
    except ValueError as before:
        with pytest.raises(ConfigurationError) as caught:
            Ratatoskr.builder().openai("bad key")
        assert caught.value.__context__ is before
        assert before.__traceback__ is not None
        assert before.__traceback__.tb_next is not None
        assert before.__traceback__.tb_next.tb_frame.f_locals == {"variable": "mine"}


FILES = {
    "no TOML": f"[providers.openai]\nkey = {KEY}\n",
    "no UTF-8": f'[providers.openai]\nkey = "{KEY}\udcff"\n',
    "an unknown name": f'[providers.openai]\nkeys = "{KEY}"\n',
    "a key as a name": f'"{KEY}" = 1\n',
    "a key with a blank": f'[providers.openai]\nkey = "{KEY} {KEY}"\n',
    "a key that is a table": f'[providers.openai]\nkey = {{value = "{KEY}"}}\n',
    "a date beyond the calendar": f"# {KEY}\nday = 2026-99-99\n",
    "deep brackets": f"# {KEY}\nx = {'[' * 20_000}\n",
    "a number of many digits": f"# {KEY}\nx = {'9' * 20_000}\n",
    "too large": f"# {KEY}\n" * 5_000,
}


@pytest.mark.parametrize("make", [Ratatoskr.from_env, lambda: Ratatoskr.builder().openai().build()], ids=["env", "own"])
@pytest.mark.parametrize("case", FILES)
def test_a_secrets_file_that_is_refused_shows_nothing_of_its_text(
    case: str, make: Callable[[], object], empty_environment: Path
) -> None:
    path = empty_environment / ".config" / "ratatoskr" / "secrets.toml"
    path.parent.mkdir(parents=True)
    path.write_text(FILES[case], errors="surrogateescape")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert not leaks(caught.value, KEY)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert not leaks(caught.value, KEY)


@pytest.mark.parametrize("value", [f"{KEY} x", f"{KEY}é", f"{KEY}\n{KEY}"])
def test_a_variable_that_is_refused_is_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(ConfigurationError) as caught:
        Ratatoskr.from_env()
    assert not leaks(caught.value, KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OLLAMA_HOST", f"https://me:{KEY}@h")
    with pytest.raises(ConfigurationError) as caught:
        Ratatoskr.from_env()
    assert not leaks(caught.value, KEY)
