"""Broken peers: every way in which an exchange fails is a class, a phase and a word on whether the request left."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ratatoskr.errors import ConnectionFailed, MalformedResponse, RatatoskrError
from ratatoskr.transport.client import Framing, HttpReply, HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.native import NativeTransport
from unit.transport.raw_server import LAST_CHUNK, SSE_HEAD, Peer, RawServer, answer, chunk

KEY = "sk-geheim-1234567890"
HEADERS = (("authorization", f"Bearer {KEY}"), ("x-api-key", KEY))
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture
async def transport() -> AsyncIterator[NativeTransport]:
    transport = NativeTransport()
    yield transport
    await transport.aclose()


async def drain(reply: HttpReply) -> list[tuple[str, bytes]]:
    events: list[tuple[str, bytes]] = []
    while (batch := await reply.batch()) is not None:
        events += batch
    return events


def describe(error: RatatoskrError) -> str:
    """Everything that an error says, to be searched for secrets."""
    return f"{error!s} {error!r} {error.args} {error.fields()}"


async def test_a_traceback_with_locals_holds_no_key_and_no_prompt(transport: NativeTransport) -> None:
    with RawServer(ends(b"")) as server:
        request = HttpRequest(server.url, HEADERS, b"geheim")
        with pytest.raises(ConnectionFailed) as caught:
            await transport.send(request)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "ratatoskr" in frame.filename]
    assert ours
    assert "geheim" not in "".join(f"{frame.locals}" for frame in ours) + repr(request)


async def test_a_refused_connection_was_never_sent(transport: NativeTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(ConnectionFailed, match=f"127.0.0.1:{port}") as caught:
        await transport.send(HttpRequest(f"http://127.0.0.1:{port}/v1?key={KEY}", HEADERS, b"{}"))
    assert (caught.value.phase, caught.value.sent, caught.value.retryable) == ("connect", False, True)
    assert KEY not in describe(caught.value)


def ends(part: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(part)

    return script


def resets(part: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(part)
        await asyncio.sleep(0.05)  # an RST may overtake what was written just before it
        peer.reset()

    return script


@pytest.mark.parametrize("fault", [ends, resets])
@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-le"], ids=len)
async def test_a_connection_that_ends_before_the_head_may_have_sent(
    transport: NativeTransport, fault: Callable[[bytes], Callable[[Peer], Awaitable[None]]], part: bytes
) -> None:
    with RawServer(fault(part)) as server:
        with pytest.raises(ConnectionFailed, match=f"127.0.0.1:{server.port}") as caught:
            await transport.send(HttpRequest(server.url + f"/v1?key={KEY}", HEADERS, b"{}"))
        assert (caught.value.phase, caught.value.sent, caught.value.retryable) == ("head", True, True)
        assert KEY not in describe(caught.value)
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    "part",
    [
        JSON_HEAD + b'content-length: 10\r\n\r\n{"a":',
        JSON_HEAD + b"content-length: 10\r\n\r\n",
        JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n",
        JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
        JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    ],
)
async def test_a_body_that_ends_early_is_malformed(transport: NativeTransport, part: bytes) -> None:
    with RawServer(ends(part)) as server:
        with pytest.raises(MalformedResponse, match="shorter than announced"):
            await transport.send(HttpRequest(server.url, HEADERS))
        assert len(server.seen) == 1


async def test_a_reset_in_a_body_says_so(transport: NativeTransport) -> None:
    with (
        RawServer(resets(JSON_HEAD + b'content-length: 10\r\n\r\n{"a":')) as server,
        pytest.raises(ConnectionFailed) as caught,
    ):
        await transport.send(HttpRequest(server.url, HEADERS))
    assert (caught.value.phase, caught.value.sent) == ("body", True)


@pytest.mark.parametrize("fault", [ends, resets])
@pytest.mark.parametrize(
    "tail", [b"", chunk(b"data: half"), b"20\r\ndata: in a chu", b"0\r\n"], ids=["bare", "line", "chunk", "trailer"]
)
async def test_a_cut_stream_gives_what_came_and_then_raises(
    transport: NativeTransport, fault: Callable[[bytes], Callable[[Peer], Awaitable[None]]], tail: bytes
) -> None:
    with RawServer(fault(SSE_HEAD + chunk(b"data: 1\n\ndata: 2\n\n") + tail)) as server:
        reply = await transport.send(HttpRequest(server.url, HEADERS, framing="sse"))
        events: list[tuple[str, bytes]] = []
        with pytest.raises(ConnectionFailed) as caught:  # noqa: PT012  # the events may come in one batch or in two
            while (batch := await reply.batch()) is not None:
                events += batch
        assert events == [("", b"1"), ("", b"2")]
        assert (caught.value.phase, caught.value.sent) == ("body", True)
        with pytest.raises(ConnectionFailed):
            await reply.batch()


async def test_a_stream_cut_at_any_byte_is_never_a_clean_end(transport: NativeTransport) -> None:
    whole = SSE_HEAD + chunk(b"data: 1\n\n") + chunk(b"event: end\ndata: 2\n\n") + LAST_CHUNK

    async def script(peer: Peer) -> None:
        seen = await peer.request()
        assert seen is not None
        await peer.send(whole[: int(seen.target[1:])])

    with RawServer(script) as server:
        for cut in range(len(whole)):
            with pytest.raises(ConnectionFailed) as caught:
                await drain(await transport.send(HttpRequest(f"{server.url}/{cut}", (), framing="sse")))
            assert caught.value.phase == ("head" if cut < len(SSE_HEAD) else "body"), cut
        assert len(await drain(await transport.send(HttpRequest(f"{server.url}/{len(whole)}", (), framing="sse")))) == 2


@pytest.mark.parametrize(
    ("part", "framing"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "body"),
        (b"HTTP/1.1 abc\r\n\r\n", "body"),
        (b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "body"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", "body"),
        (JSON_HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", "body"),
        (SSE_HEAD + b"-1\r\n", "sse"),
        (SSE_HEAD + b"fffffffffffffffff\r\n", "sse"),
    ],
)
async def test_what_is_not_http_is_malformed(transport: NativeTransport, part: bytes, framing: Framing) -> None:
    with RawServer(ends(part)) as server, pytest.raises(MalformedResponse):
        await drain(await transport.send(HttpRequest(server.url, HEADERS, framing=framing)))


async def send_forever(peer: Peer, head: bytes, piece: bytes) -> None:
    await peer.request()
    await peer.send(head)
    while True:
        await peer.send(piece)


CAPS = TransportConfig(max_head=4096, max_body=100_000, max_line=50_000, max_event=60_000)
KIB = b"x" * 1024


@pytest.mark.parametrize(
    ("head", "piece", "framing"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-a: " + KIB + b"\r\n", "body"),
        (b"HTTP/1.1 200 OK\r\nx-a: ", KIB, "body"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n", KIB, "body"),
        (b"HTTP/1.1 200 OK\r\n\r\n", KIB, "body"),
        (b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n", chunk(KIB), "sse"),
        (SSE_HEAD, chunk(KIB), "sse"),
        (SSE_HEAD + chunk(b"data: "), chunk(KIB), "sse"),
        (SSE_HEAD, chunk(b"data: " + KIB + b"\n"), "sse"),
        (SSE_HEAD, chunk(b"data:\n" * 200), "sse"),
    ],
    ids=["headers", "header", "announced", "to-the-end", "error-body", "line", "data-line", "event", "empty-lines"],
)
async def test_whatever_has_no_end_is_cut_at_its_cap(head: bytes, piece: bytes, framing: Framing) -> None:
    transport = NativeTransport(CAPS)
    with RawServer(lambda peer: send_forever(peer, head, piece)) as server:
        with pytest.raises(MalformedResponse, match=r"larger than|longer than|too large"):
            await drain(await transport.send(HttpRequest(server.url, HEADERS, framing=framing)))
        await server.becomes(lambda s: s.open == 0)
    await transport.aclose()


async def test_a_body_of_exactly_the_cap_is_taken() -> None:
    transport = NativeTransport(CAPS)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"x" * CAPS.max_body))

    with RawServer(script) as server:
        assert len((await transport.send(HttpRequest(server.url, ()))).body) == CAPS.max_body
    await transport.aclose()


async def test_after_any_fault_the_next_call_works(transport: NativeTransport) -> None:
    faults = [ends(b""), resets(b"HTTP/1.1 2"), ends(b"rubbish\r\n\r\n"), ends(SSE_HEAD + b"5\r\nab")]

    async def script(peer: Peer) -> None:
        if peer.number % 2:
            await faults[peer.number // 2](peer)
        elif await peer.request():
            await peer.send(answer(connection="close"))

    with RawServer(script) as server:
        for _ in faults:
            with pytest.raises(RatatoskrError):
                await drain(await transport.send(HttpRequest(server.url, (), framing="sse")))
            assert (await transport.send(HttpRequest(server.url, ()))).status == 200


async def test_a_kept_connection_that_the_server_closed_is_not_used(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())

    with RawServer(script) as server:
        for served in range(1, 6):
            assert (await transport.send(HttpRequest(server.url, (), b"{}"))).status == 200
            await server.becomes(lambda s, served=served: s.closed == served)  # type: ignore[misc]  # bound at once
            await asyncio.sleep(0.01)  # the FIN is on its way through loopback
        assert len(server.seen) == 5
