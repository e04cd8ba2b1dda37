"""No key, password or secret header is anywhere in an error, whatever fails: the set-up, a call, a stream."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ratatoskr import AllAttemptsFailed, ConfigurationError, EmbeddedGateway, Ratatoskr, RatatoskrError
from ratatoskr.config.assemble import assemble
from ratatoskr.config.builder import Builder
from ratatoskr.types.timeouts import Timeouts
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
    "a key in the fragment of base_url": lambda b: b.openai("k", base_url=f"https://h/v1#key={KEY}").build(),
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

    def build_meanwhile(error: Exception) -> None:
        try:
            raise error
        except ValueError:
            Ratatoskr.builder().openai("bad key")

    with pytest.raises(ValueError, match="MINE") as mine:
        fail("mine")
    with pytest.raises(ConfigurationError) as caught:
        build_meanwhile(mine.value)
    assert caught.value.__context__ is mine.value
    kept = [frame.f_locals for frame, _ in traceback.walk_tb(mine.value.__traceback__)]
    assert {"variable": "mine"} in kept


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


HOUSE = '[providers.house]\nbase_url = "http://127.0.0.1:1/v1"\n'
CONFIGS = {
    "a proxy of another scheme": f'{HOUSE}[network]\nproxy = "ftp://me:{KEY}@p:1"\n',
    "a proxy as a list": f'{HOUSE}[network]\nproxy = ["http://me:{KEY}@p:1"]\n',
    "an unknown name": f'{HOUSE}[network]\nproxi = "http://me:{KEY}@p:1"\n',
    "a password in base_url": f'[providers.house]\nbase_url = "http://me:{KEY}@h/v1"\n',
    "a header with a control character": f'{HOUSE}headers = {{x-a = "{KEY}\\u0001"}}\n',
    "a header of another type": f'{HOUSE}headers = {{x-a = ["{KEY}"]}}\n',
    "a key in the wrong file": f'{HOUSE}key = "{KEY}"\n',
    "no TOML": f'{HOUSE}headers = {{x-a = "{KEY}\n',
    "deep brackets": f"# {KEY}\nx = {'[' * 20_000}\n",
    "a number of many digits": f"# {KEY}\nx = {'9' * 20_000}\n",
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_file_that_is_refused_shows_nothing_of_its_text(case: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CONFIGS[case])
    with pytest.raises(ConfigurationError) as caught:
        Ratatoskr.from_config(path)
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


DOCUMENT = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[]}'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
TEXT = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
ECHO = f"Incorrect API key provided: {KEY}".encode()
ERROR = b'{"error":{"message":"%s","type":"%s","code":"%s"}}' % (ECHO, KEY.encode(), KEY.encode())

REPLIES: dict[str, bytes | None] = {
    "no answer": None,
    "a refused key": answer(ERROR, "401 X"),
    "a refused permission as text": answer(ECHO, "403 X", content_type="text/plain"),
    "a page": answer(b"<html><title>%s</title></html>" % ECHO, "500 X", content_type="text/html"),
    "a request id": answer(b'{"error":{"message":"no"}}', "400 X", x_request_id=KEY),
    "a redirect": answer(b"", "302 X", location=f"https://h/?key={KEY}"),
    "an error in a 200": answer(ERROR),
    "no JSON": answer(b'{"echo": "%s' % ECHO),
    "no UTF-8": answer(b'{"echo": "%s \xff"}' % ECHO),
    "the wrong shape": answer(b'{"id": 5, "choices": "%s"}' % ECHO),
    "another document": answer(b'["%s"]' % ECHO),
    "no choices": answer(DOCUMENT),
    "another content type": answer(ECHO, content_type="text/html"),
    "too short": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n" + ECHO,
    "no HTTP": b"%s\r\n\r\n" % ECHO,
    "a rate limit": answer(ERROR, "429 X", retry_after=KEY),
    "a length of the context": answer(ERROR.replace(b"Incorrect", b"maximum context length"), "400 X"),
    "compressed": answer(ECHO, content_encoding=KEY),
    "an interrupted stream": STREAM + TEXT,
    "a stream with an error": STREAM + TEXT + b"data: %s\n\n" % ERROR,
    "a stream that is no JSON": STREAM + TEXT + b"data: {%s\n\n" % ECHO,
    "a stream of the wrong shape": STREAM + TEXT + b'data: {"choices": "%s"}\n\n' % ECHO,
}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[RawServer]:
    """A server that gives the reply of the test's case to each request."""
    reply = REPLIES[request.getfixturevalue("case")]

    async def script(peer: Peer) -> None:
        if await peer.request() and reply is not None:
            await peer.send(reply)

    with RawServer(script) as server:
        yield server


async def call(gateway: EmbeddedGateway) -> None:
    await gateway.chat("Who?", "house:m")


async def stream(gateway: EmbeddedGateway) -> None:
    async for _ in gateway.chat_stream("Who?", "house:m"):
        pass


async def listing(gateway: EmbeddedGateway) -> None:
    await gateway.list_models()


async def blocking(gateway: EmbeddedGateway) -> None:
    await asyncio.to_thread(gateway.sync().chat, "Who?", "house:m")


def house(url: str) -> Builder:
    headers = {"x-auth": f"Bearer {KEY}-2", "x-portkey": "public"}
    return Ratatoskr.builder().compatible("house", base_url=url, key=KEY, headers=headers).retries(1)


WAYS = [call, stream, listing, blocking]


async def failure_of(
    way: Callable[[EmbeddedGateway], Awaitable[None]], gateway: EmbeddedGateway
) -> list[BaseException]:
    """Return the error of a call, if there is one."""
    try:
        await way(gateway)
    except RatatoskrError as error:
        return [error]
    finally:
        await gateway.aclose()
    return []


@pytest.mark.parametrize(
    ("way", "own"),
    [(call, False), (stream, False), (listing, False), (blocking, False), (call, True), (stream, True)],
    ids=["call", "stream", "listing", "blocking", "call by httpx", "stream by httpx"],
)
@pytest.mark.parametrize("case", REPLIES)
async def test_a_failed_call_shows_no_secret(
    case: str,
    way: Callable[[EmbeddedGateway], Awaitable[None]],
    own: bool,
    server: RawServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "ratatoskr")
    async with httpx.AsyncClient(trust_env=False) as client:
        builder = house(f"{server.url}/v1")
        errors = await failure_of(way, (builder.http_client(client) if own else builder).build())
    assert errors or way is listing
    assert not [place for error in errors for place in leaks(error, KEY)]
    assert KEY not in caplog.text


CONNECTIONS: dict[str, Callable[[str], str]] = {
    "refused": lambda _: "http://127.0.0.1:1/v1",
    "no such name": lambda _: "https://api.invalid/v1",
    "no TLS": lambda url: url.replace("http:", "https:") + "/v1",
    "no answer in time": lambda url: f"{url}/v1",
}


@pytest.mark.parametrize("own", [False, True], ids=["native", "httpx"])
@pytest.mark.parametrize("case", CONNECTIONS)
async def test_a_connection_that_fails_shows_no_secret(case: str, own: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        if case == "no TLS":
            await peer.send(b"SSH-2.0-x\r\n")
        await peer.gone()

    with RawServer(script) as server:
        async with httpx.AsyncClient(trust_env=False) as client:
            builder = house(CONNECTIONS[case](server.url)).retries(0)
            recipe = (builder.http_client(client) if own else builder).recipe()
            (error,) = await failure_of(call, assemble(replace(recipe, timeouts=Timeouts(first_byte=0.2))))
    assert not leaks(error, KEY)


async def test_the_errors_of_several_candidates_show_no_secret() -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer(ERROR, "401 X"))

    with RawServer(script) as server:
        builder = house(f"{server.url}/v1").openai([KEY, f"{KEY}-3"], base_url=f"{server.url}/v1")
        gateway = builder.build()
        with pytest.raises(AllAttemptsFailed) as caught:
            await gateway.chat("Who?", ["house:m", "openai:gpt-4.1", "openai:gpt-4"])
        await gateway.aclose()
    assert not leaks(caught.value, KEY)


async def test_a_closed_gateway_shows_no_secret() -> None:
    gateway = house("https://api.invalid/v1").build()
    await gateway.aclose()
    with pytest.raises(RatatoskrError) as caught:
        await gateway.chat("Who?", "house:m")
    assert not leaks(caught.value, KEY)
