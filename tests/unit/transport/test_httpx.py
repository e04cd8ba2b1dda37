"""A user's own client as a transport: the same answers, classes and phases as the native one gives."""

from __future__ import annotations

import asyncio
import gc
import importlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme

from ratatoskr.errors import (
    ConfigurationError,
    ConnectionFailed,
    GatewayClosed,
    MalformedResponse,
    RatatoskrError,
    Timeout,
    TlsError,
)
from ratatoskr.transport.client import Deadlines, Framing, HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.httpx import HttpxReply, HttpxTransport
from unit.transport.raw_server import LAST_CHUNK, NDJSON_HEAD, SSE_HEAD, Peer, RawServer, Script, answer, chunk

SHORT = 0.15
KEY = "sk-geheim-1234567890"
HEADERS = (("authorization", f"Bearer {KEY}"),)
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


@pytest.fixture
async def client(library: Any) -> AsyncIterator[Any]:
    async with library.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
async def transport(client: Any) -> AsyncIterator[HttpxTransport]:
    transport = HttpxTransport(client, TransportConfig(max_body=100_000, max_line=50_000, max_event=60_000))
    yield transport
    await transport.aclose()


async def drain(reply: HttpxReply) -> list[tuple[str, bytes]]:
    events: list[tuple[str, bytes]] = []
    while (batch := await reply.batch()) is not None:
        assert batch
        events += batch
    return events


def sends(*parts: bytes, hold: bool = False) -> Script:
    """Answer the first request with these parts and then end, or hold the connection until the client has gone."""

    async def script(peer: Peer) -> None:
        await peer.request()
        for part in parts:
            await peer.send(part)
        if hold:
            await peer.gone()

    return script


def resets(part: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(part)
        await asyncio.sleep(0.05)  # an RST may overtake what was written just before it
        peer.reset()

    return script


async def test_a_body_comes_whole_and_the_connection_is_kept(transport: HttpxTransport) -> None:
    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            await peer.send(answer(seen.body[::-1], "201 Created", X_Request_Id="r-1"))

    with RawServer(script) as server:
        for _ in range(3):
            reply = await transport.send(HttpRequest(server.url + "/v1", HEADERS, b"abc"))
            assert (reply.status, reply.streamed, reply.body) == (201, False, b"cba")
            assert reply.headers["x-request-id"] == "r-1"
        assert server.opened == 1
        assert server.seen[0].headers["accept-encoding"] == "identity"
        assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("framing", "parts", "events"),
    [
        (
            "sse",
            (SSE_HEAD, chunk(b"event: a\ndata: 1\n\nda"), chunk(b"ta: 2\r\n\r\n: cut")),
            [("a", b"1"), ("", b"2")],
        ),
        ("ndjson", (NDJSON_HEAD, chunk(b'{"a":1}\n{"b"'), chunk(b":2}")), [("", b'{"a":1}'), ("", b'{"b":2}')]),
    ],
)
async def test_events_come_in_order_and_end_with_none(
    transport: HttpxTransport, framing: Framing, parts: tuple[bytes, ...], events: list[tuple[str, bytes]]
) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            for part in (*parts, LAST_CHUNK):
                await peer.send(part)

    with RawServer(script) as server:
        for _ in range(3):
            reply = await transport.send(HttpRequest(server.url, (), b"{}", framing=framing))
            assert reply.streamed
            assert await drain(reply) == events
            assert await reply.batch() is None
        assert server.opened == 1


async def test_redirects_are_not_followed_even_by_a_client_that_does(library: Any) -> None:
    async with library.AsyncClient(trust_env=False, follow_redirects=True) as client:
        transport = HttpxTransport(client)
        with RawServer() as elsewhere, RawServer(sends(answer(b"", "307 No", location=elsewhere.url))) as server:
            assert (await transport.send(HttpRequest(server.url, HEADERS))).status == 307
            assert elsewhere.opened == 0
        await transport.aclose()


async def test_a_mock_answers_in_place_of_the_network(library: Any) -> None:
    def mocked(request: Any) -> Any:
        assert request.headers["accept-encoding"] == "identity"
        if request.url.path == "/sse":
            return library.Response(200, headers={"content-type": "text/event-stream"}, content=b"data: 1\n\n")
        return library.Response(200, json={"a": 1})

    async with library.AsyncClient(transport=library.MockTransport(mocked)) as client:
        transport = HttpxTransport(client)
        assert (await transport.send(HttpRequest("https://api.example.com/", ()))).body == b'{"a":1}'
        reply = await transport.send(HttpRequest("https://api.example.com/sse", (), framing="sse"))
        assert await drain(reply) == [("", b"1")]
        await transport.aclose()


async def test_only_a_client_of_the_two_libraries_is_taken(library: Any) -> None:
    class Own(library.AsyncClient):  # type: ignore[misc, name-defined]  # the base is drawn
        pass

    async with Own() as client:
        HttpxTransport(client)
    for wrong in (object(), library.Client(), None):
        with pytest.raises(ConfigurationError, match="AsyncClient"):
            HttpxTransport(wrong)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "/v1", "http://"])
async def test_what_cannot_be_sent_is_refused(transport: HttpxTransport, url: str) -> None:
    with pytest.raises(ConfigurationError):
        await transport.send(HttpRequest(url, ()))


async def test_a_refused_connection_was_never_sent(transport: HttpxTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(ConnectionFailed, match=f"127.0.0.1:{port}") as caught:
        await transport.send(HttpRequest(f"http://127.0.0.1:{port}/?key={KEY}", HEADERS, b"{}"))
    assert (caught.value.phase, caught.value.sent, caught.value.retryable) == ("connect", False, True)


@pytest.mark.parametrize(("code", "retryable"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
async def test_names_that_may_be_known_later_are_told_apart(
    transport: HttpxTransport, monkeypatch: pytest.MonkeyPatch, code: int, retryable: bool
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(ConnectionFailed) as caught:
        await transport.send(HttpRequest("http://api.example.com/", HEADERS))
    assert (caught.value.phase, caught.value.sent, caught.value.retryable) == ("dns", False, retryable)


BEFORE_HEAD = (ConnectionFailed, "head")
IN_STREAM = (ConnectionFailed, "body")
MALFORMED = (MalformedResponse, None)


@pytest.mark.parametrize(
    ("script", "framing", "expected"),
    [
        (sends(), "body", BEFORE_HEAD),
        (sends(b"HTTP/1.1 200"), "body", BEFORE_HEAD),
        (resets(b""), "body", BEFORE_HEAD),
        (sends(JSON_HEAD + b"content-length: 10\r\n\r\n{"), "body", MALFORMED),
        (sends(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"), "body", MALFORMED),
        (resets(JSON_HEAD + b"content-length: 10\r\n\r\n{"), "body", IN_STREAM),
        (sends(SSE_HEAD + chunk(b"data: 1\n\n")), "sse", IN_STREAM),
        (resets(SSE_HEAD + chunk(b"data: 1\n\n")), "sse", IN_STREAM),
        (sends(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "body", MALFORMED),
        (sends(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"), "body", MALFORMED),
        (sends(b"HTTP/1.1 200 OK\r\n" + b"x-a: y\r\n" * 50_000), "body", MALFORMED),
        (sends(answer(b"x", x_a="y" * 70_000)), "body", MALFORMED),
        (sends(answer(b"\x1f\x8b", content_encoding="gzip")), "body", MALFORMED),
        (sends(b"HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n", hold=True), "body", MALFORMED),
        (sends(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_001, hold=True), "body", MALFORMED),
        (sends(SSE_HEAD, chunk(b"x" * 50_001), hold=True), "sse", MALFORMED),
    ],
)
async def test_a_fault_is_a_class_and_a_phase_and_nothing_stays_open(
    transport: HttpxTransport, script: Script, framing: Framing, expected: tuple[type[RatatoskrError], str | None]
) -> None:
    with RawServer(script) as server:
        with pytest.raises(RatatoskrError) as caught:
            await drain(await transport.send(HttpRequest(f"{server.url}/?key={KEY}", HEADERS, framing=framing)))
        assert type(caught.value) is expected[0]
        if expected[1] is not None:
            assert (caught.value.phase, caught.value.sent) == (expected[1], True)  # type: ignore[attr-defined]  # as the class says
        error = caught.value
        assert KEY not in f"{error!s} {error!r} {error.fields()} {error.__cause__!r}"
        assert error.__suppress_context__ or error.__context__ is None
        assert len(server.seen) == 1
        await server.becomes(lambda s: s.open == 0)


@pytest.mark.parametrize(
    ("script", "deadlines", "framing", "phase"),
    [
        (sends(hold=True), Deadlines(connect=30.0, first_byte=SHORT), "body", "first_byte"),
        (sends(hold=True), Deadlines(total=SHORT), "body", "total"),
        (sends(hold=True), Deadlines(total=SHORT, total_phase="attempt"), "body", "attempt"),
        (sends(JSON_HEAD + b"content-length: 9\r\n\r\n1", hold=True), Deadlines(idle=SHORT), "body", "idle"),
        (sends(SSE_HEAD + chunk(b"data: 1\n\n"), hold=True), Deadlines(idle=SHORT), "sse", "idle"),
        (sends(SSE_HEAD + chunk(b"data: 1\n\n"), hold=True), Deadlines(total=SHORT), "sse", "total"),
    ],
)
async def test_each_deadline_has_its_name_and_closes_upstream(
    transport: HttpxTransport, script: Script, deadlines: Deadlines, framing: Framing, phase: str
) -> None:
    with RawServer(script) as server:
        with pytest.raises(Timeout) as caught:
            await drain(await transport.send(HttpRequest(server.url, (), framing=framing, deadlines=deadlines)))
        assert caught.value.phase == phase
        assert f"timed out after {SHORT:g} s ({phase}) while " in str(caught.value)
        await server.becomes(lambda s: s.open == 0)


async def test_a_peer_that_never_takes_the_connection_passes_connect(transport: HttpxTransport) -> None:
    with socket.socket() as held, socket.socket() as first, socket.socket() as second:
        held.bind(("127.0.0.1", 0))
        held.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(held.getsockname())
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(Timeout) as caught:
            await transport.send(HttpRequest(url, (), deadlines=Deadlines(connect=SHORT)))
    assert caught.value.phase == "connect"


async def test_a_handshake_that_hangs_passes_connect_and_one_that_is_left_may_be_tried_again(
    transport: HttpxTransport,
) -> None:
    async def leaving(peer: Peer) -> None:
        await peer.reader.read(10)
        peer.reset()

    with RawServer(Peer.gone) as hanging, RawServer(leaving) as gone:
        url = hanging.url.replace("http:", "https:")
        with pytest.raises(Timeout) as late:
            await transport.send(HttpRequest(url, (), deadlines=Deadlines(connect=SHORT)))
        assert late.value.phase == "connect"
        with pytest.raises(ConnectionFailed) as left:
            await transport.send(HttpRequest(gone.url.replace("http:", "https:"), ()))
        assert not isinstance(left.value, TlsError)
        assert (left.value.phase, left.value.sent, left.value.retryable) == ("tls", False, True)


async def test_tls_that_fails_is_a_tls_error_and_nothing_is_sent(transport: HttpxTransport) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def not_tls(peer: Peer) -> None:
        await peer.reader.read(10)
        await peer.send(b"HTTP/1.1 400 No\r\n\r\n")
        await peer.gone()

    with RawServer(tls=context) as unknown, RawServer(not_tls) as plain:
        for url in (unknown.url, plain.url.replace("http:", "https:")):
            with pytest.raises(TlsError) as caught:
                await transport.send(HttpRequest(url, HEADERS))
            assert (caught.value.phase, caught.value.sent, caught.value.retryable) == ("tls", False, False)
        assert unknown.seen == plain.seen == []


async def test_cancelling_a_call_closes_upstream(transport: HttpxTransport) -> None:
    with RawServer(sends(hold=True)) as server:
        tasks = [asyncio.create_task(transport.send(HttpRequest(server.url, ()))) for _ in range(10)]
        await server.becomes(lambda s: len(s.seen) == 10)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        await server.becomes(lambda s: s.open == 0)


async def test_closing_or_dropping_a_reply_closes_upstream(transport: HttpxTransport) -> None:
    with RawServer(sends(SSE_HEAD + chunk(b"data: 1\n\n"), hold=True)) as server:
        closed = await transport.send(HttpRequest(server.url, (), framing="sse"))
        dropped = await transport.send(HttpRequest(server.url, (), framing="sse"))
        read = await transport.send(HttpRequest(server.url, (), framing="sse"))
        assert await closed.batch() == await dropped.batch() == await read.batch() == [("", b"1")]
        closed.close()
        closed.close()
        await server.becomes(lambda s: s.open == 2)
        del dropped
        gc.collect()
        await server.becomes(lambda s: s.open == 1)
        reader = asyncio.create_task(read.batch())
        await asyncio.sleep(0)
        await asyncio.to_thread(read.close)
        with pytest.raises(GatewayClosed):
            await reader
        await server.becomes(lambda s: s.open == 0)
        for reply in (closed, read):
            with pytest.raises(GatewayClosed):
                await reply.batch()


async def test_a_stream_whose_reader_was_cancelled_does_not_pretend_to_have_ended(transport: HttpxTransport) -> None:
    with RawServer(sends(SSE_HEAD + chunk(b"data: 1\n\n"), hold=True)) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        assert await reply.batch() == [("", b"1")]
        reader = asyncio.create_task(reply.batch())
        await asyncio.sleep(0.01)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        with pytest.raises(GatewayClosed):
            await reply.batch()
        await server.becomes(lambda s: s.open == 0)


async def test_closing_the_transport_ends_its_exchanges_and_leaves_the_client(client: Any) -> None:
    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            if seen.target == "/answer":
                await peer.send(answer())
                continue
            if seen.target == "/stream":
                await peer.send(SSE_HEAD + chunk(b"data: 1\n\n"))
            await peer.gone()

    transport = HttpxTransport(client)
    with RawServer(script) as server:
        reading, resting = [
            await transport.send(HttpRequest(server.url + "/stream", (), framing="sse")) for _ in range(2)
        ]
        assert await reading.batch() == [("", b"1")]
        waiting = [asyncio.create_task(reading.batch())]
        waiting += [asyncio.create_task(transport.send(HttpRequest(server.url, ())))]  # type: ignore[arg-type, list-item]  # both fail
        await server.becomes(lambda s: len(s.seen) == 3)
        await transport.aclose()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, GatewayClosed)
        for attempt in (resting.batch(), transport.send(HttpRequest(server.url, ()))):
            with pytest.raises(GatewayClosed):
                await attempt
        await server.becomes(lambda s: s.open == 0)
        assert (await client.get(server.url + "/answer")).status_code == 200


async def test_a_client_that_was_closed_is_a_closed_gateway(library: Any) -> None:
    client = library.AsyncClient()
    transport = HttpxTransport(client)
    await client.aclose()
    with pytest.raises(GatewayClosed):
        await transport.send(HttpRequest("http://127.0.0.1:1/", ()))


def test_the_client_belongs_to_the_loop_of_its_first_use(library: Any) -> None:
    async def ask() -> int:
        return (await transport.send(HttpRequest(server.url, ()))).status

    async def close() -> None:
        await client.aclose()

    with RawServer() as server, asyncio.Runner() as first, asyncio.Runner() as second:
        client = library.AsyncClient(trust_env=False)
        transport = HttpxTransport(client)
        assert first.run(ask()) == 200
        with pytest.raises(ConfigurationError, match="event loop"):
            second.run(ask())
        first.run(close())
