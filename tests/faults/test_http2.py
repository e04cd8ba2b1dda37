"""A provider with HTTP/2: all requests share a connection, and only unsent ones are retried."""

from __future__ import annotations

import asyncio
import json

import h2.errors
import pytest
import trustme
from tests.conformance.faces import KEY

from ratatoskr import (
    ConnectionFailed,
    EmbeddedGateway,
    ProviderTool,
    Ratatoskr,
    StreamInterrupted,
)
from ratatoskr.registry.backoff import SystemClock
from unit.transport.http2_server import JSON, SSE, Http2, Upstream

MODEL = "house:any-model"
WORDS = ["Up ", "and ", "down."]
TEXT = "".join(WORDS)
SEARCH = ProviderTool("house", {"type": "web_search"})


class _InstantClock(SystemClock):
    """A clock whose waits end at once."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _make_gateway(authority: trustme.CA, *servers: Upstream) -> EmbeddedGateway:
    builder = Ratatoskr.builder().tls(ca=authority.cert_pem.bytes()).clock(_InstantClock()).retries(1)
    for name, server in zip(("house", "other"), servers, strict=False):
        builder.compatible(name, base_url=f"{server.url}/v1", key=KEY)
    return builder.build()


def _encode_event(word: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": finish}
    value = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(value)}\n\n".encode()


async def _send_stream(http: Http2, stream: int, words: list[str], *, end: bool = True) -> None:
    """Send the head and some words, and optionally the end."""
    http.state.send_headers(stream, SSE)
    for word in words:
        await http.part(stream, _encode_event(word))
    if end:
        await http.part(stream, _encode_event("", "stop") + b"data: [DONE]\n\n")
        http.state.end_stream(stream)
    await http.flush()


async def _send_document(http: Http2, stream: int) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
    value = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    http.state.send_headers(stream, JSON)
    http.state.send_data(stream, json.dumps(value).encode(), end_stream=True)
    await http.flush()


async def _reset_stream(http: Http2, stream: int, code: str) -> None:
    http.state.reset_stream(stream, h2.errors.ErrorCodes[code])
    await http.flush()


async def _read(gateway: EmbeddedGateway, model: str = MODEL) -> str:
    async with gateway.chat_stream("Who?", model) as stream:
        return (await stream.collect()).content


async def test_a_hundred_streams_share_one_connection_after_preconnect(authority: trustme.CA) -> None:
    together = asyncio.Event()  # used on the server's loop alone

    async def answer(http: Http2, stream: int, path: str) -> None:
        if path == "/":
            await http.whole(stream, b"")
            return
        if len(http.paths) == 101:
            together.set()
        await together.wait()
        await _send_stream(http, stream, WORDS)

    with Upstream(authority, answer) as server:
        async with _make_gateway(authority, server) as gateway:
            await gateway.preconnect()
            assert server.opened == 1
            assert await asyncio.gather(*(_read(gateway) for _ in range(100))) == [TEXT] * 100
        assert server.opened == 1
        assert [len(connection.paths) for connection in server.connections] == [101]


@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
async def test_a_refused_stream_was_not_sent_and_is_asked_again_on_the_same_connection(
    authority: trustme.CA, streamed: bool
) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        if stream == 1:
            await _reset_stream(http, stream, "REFUSED_STREAM")
        elif streamed:
            await _send_stream(http, stream, WORDS)
        else:
            await _send_document(http, stream)

    with Upstream(authority, answer) as server:
        async with _make_gateway(authority, server) as gateway:
            # a request with a provider's tool is retried only if it was not sent
            if streamed:
                async with gateway.chat_stream("Who?", MODEL, tools=[SEARCH]) as stream:
                    response = await stream.collect()
            else:
                response = await gateway.chat("Who?", MODEL, tools=[SEARCH])
        assert response.content == TEXT
        assert [attempt.decision for attempt in response.attempts] == ["again", "answered"]
        assert not response.attempts[0].maybe_billed
        assert [len(connection.paths) for connection in server.connections] == [2]


@pytest.mark.parametrize("code", ["INTERNAL_ERROR", "CANCEL", "NO_ERROR"])
async def test_any_other_reset_may_have_been_sent(authority: trustme.CA, code: str) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        await _reset_stream(http, stream, code)

    with Upstream(authority, answer) as server:
        async with _make_gateway(authority, server) as gateway:
            with pytest.raises(ConnectionFailed) as caught:
                await gateway.chat("Who?", MODEL, tools=[SEARCH])
            assert caught.value.sent is True
            assert len(caught.value.attempts) == 1, "its tools may have run"
            with pytest.raises(ConnectionFailed) as caught:
                await gateway.chat("Who?", MODEL)
            assert len(caught.value.attempts) == 2
        assert sum(len(connection.paths) for connection in server.connections) == 3


@pytest.mark.parametrize("code", ["INTERNAL_ERROR", "CANCEL", "REFUSED_STREAM", "NO_ERROR"])
async def test_a_reset_after_the_first_words_is_an_interruption_and_is_never_repeated(
    authority: trustme.CA, code: str
) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        if stream == 3:
            await _send_stream(http, stream, WORDS)
            return
        await _send_stream(http, stream, WORDS[:2], end=False)
        await _reset_stream(http, stream, code)

    with Upstream(authority, answer) as server:
        async with _make_gateway(authority, server) as gateway:
            with pytest.raises(StreamInterrupted) as caught:
                await _read(gateway)
            assert isinstance(caught.value.cause, ConnectionFailed)
            assert caught.value.cause.phase == "body"
            assert caught.value.partial is not None
            assert caught.value.partial.content == "Up and "
            assert await _read(gateway) == TEXT
        assert [len(connection.paths) for connection in server.connections] == [2]


async def test_after_goaway_streams_below_its_mark_finish_and_the_others_go_elsewhere_by_themselves(
    authority: trustme.CA,
) -> None:
    released = asyncio.Event()  # used on the server's loop alone

    async def answer(http: Http2, stream: int, path: str) -> None:
        if http.peer.number > 1:
            await _send_stream(http, stream, WORDS)
        elif stream == 1:
            await _send_stream(http, stream, WORDS[:1], end=False)
            await released.wait()
            # h2 sends nothing after a GOAWAY, so the rest is written directly.
            data = b"".join(_encode_event(word) for word in WORDS[1:]) + _encode_event("", "stop") + b"data: [DONE]\n\n"
            await http.peer.send(len(data).to_bytes(3, "big") + b"\x00\x01" + stream.to_bytes(4, "big") + data)
        elif stream == 3:
            goaway = (8).to_bytes(3, "big") + b"\x07\x00" + bytes(4) + (1).to_bytes(4, "big") + bytes(4)
            await http.peer.send(goaway)

    with Upstream(authority, answer) as server:
        async with _make_gateway(authority, server) as gateway, gateway.chat_stream("Who?", MODEL) as below:
            above = await asyncio.gather(*(_read(gateway) for _ in range(5)))
            assert above == [TEXT] * 5
            server.call(released.set)
            assert (await below.collect()).content == TEXT
        old, *new = server.connections
        assert set(old.paths) <= {1, 3, 5, 7, 9, 11}
        assert sum(len(connection.paths) for connection in new) == 5


async def test_the_next_provider_is_asked_when_one_refuses_every_stream(authority: trustme.CA) -> None:
    async def refuse(http: Http2, stream: int, path: str) -> None:
        await _reset_stream(http, stream, "REFUSED_STREAM")

    async def answer(http: Http2, stream: int, path: str) -> None:
        await _send_stream(http, stream, WORDS)

    with Upstream(authority, refuse) as down, Upstream(authority, answer) as server:
        async with _make_gateway(authority, down, server) as gateway:
            async with gateway.chat_stream("Who?", [MODEL, "other:any-model"]) as stream:
                response = await stream.collect()
            assert response.content == TEXT
            assert [attempt.provider for attempt in response.attempts] == ["house", "house", "other"]
