"""Deadlines of the native transport: which one passes, and that nothing is left open behind it."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ratatoskr.errors import Timeout
from ratatoskr.transport.client import Deadlines, HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.native import NativeTransport
from unit.transport.raw_server import LAST_CHUNK, SSE_HEAD, Peer, RawServer, answer, chunk

SHORT = 0.15
"""Seconds of a deadline that passes, while nothing else can happen."""
IDLE = 1.0
"""Seconds of a deadline that must not pass: fifty times `PAUSE`, so that it does not on a busy machine either."""
PAUSE = 0.02
NEVER = 60.0


async def repeat(send: Callable[[], Awaitable[None]], seconds: float = math.inf) -> None:
    """Call a function again and again for some seconds, with `PAUSE` after each call."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await send()
        await asyncio.sleep(PAUSE)


@pytest.fixture
async def transport() -> AsyncIterator[NativeTransport]:
    transport = NativeTransport()
    yield transport
    await transport.aclose()


async def never_answer(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


async def test_a_peer_that_never_takes_the_connection_passes_connect(transport: NativeTransport) -> None:
    with socket.socket() as held, socket.socket() as first, socket.socket() as second:
        held.bind(("127.0.0.1", 0))
        held.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(held.getsockname())
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(Timeout, match=r"127\.0\.0\.1") as caught:
            await transport.send(HttpRequest(url, (), deadlines=Deadlines(connect=SHORT, first_byte=None)))
    assert caught.value.phase == "connect"


async def test_a_tls_handshake_that_hangs_passes_connect(transport: NativeTransport) -> None:
    with RawServer(Peer.gone) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(Timeout) as caught:
            await transport.send(HttpRequest(url, (), deadlines=Deadlines(connect=SHORT)))
        assert caught.value.phase == "connect"
        await server.becomes(lambda s: s.open == 0)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("connect", [5.0, None])
async def test_a_peer_that_never_answers_passes_first_byte(
    transport: NativeTransport, method: str, connect: float | None
) -> None:
    with RawServer(never_answer) as server:
        deadlines = Deadlines(connect=connect, first_byte=SHORT)
        began = time.monotonic()
        with pytest.raises(Timeout) as caught:
            await transport.send(HttpRequest(server.url, (), b"", deadlines=deadlines, method=method))  # type: ignore[arg-type]  # both are
        assert caught.value.phase == "first_byte"
        said = f"timed out after {SHORT:g} s (first_byte) while waiting for the response headers"
        assert said in str(caught.value)
        assert time.monotonic() - began >= SHORT
        await server.becomes(lambda s: s.open == 0)


async def test_first_byte_counts_anew_while_a_large_body_is_still_leaving(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        left = size

        async def read_some() -> None:
            nonlocal left
            stop = left - size // 200
            while left > stop:
                left -= len(await peer.reader.read(left))

        await repeat(read_some, 1.3 * IDLE)
        assert left > size // 4  # more than the system's buffers take: it was leaving all the time
        while left > 0:
            left -= len(await peer.reader.read(left))
        await peer.send(answer())

    size = 120_000_000
    with RawServer(script) as server:
        request = HttpRequest(server.url, (), bytes(size), deadlines=Deadlines(first_byte=IDLE))
        assert (await transport.send(request)).status == 200


async def test_a_body_that_stops_passes_idle(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12")
        await peer.gone()

    with RawServer(script) as server:
        with pytest.raises(Timeout) as caught:
            await transport.send(HttpRequest(server.url, (), deadlines=Deadlines(idle=SHORT)))
        assert caught.value.phase == "idle"
        await server.becomes(lambda s: s.open == 0)


async def test_a_stream_that_stops_gives_what_came_and_then_passes_idle(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD + chunk(b"data: 1\n\n"))
        await peer.gone()

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse", deadlines=Deadlines(idle=SHORT)))
        assert await reply.batch() == [("", b"1")]
        with pytest.raises(Timeout) as caught:
            await reply.batch()
        assert caught.value.phase == "idle"
        await server.becomes(lambda s: s.open == 0)


async def test_keep_alive_comments_count_for_idle(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD)
        await repeat(lambda: peer.send(chunk(b": still here\n\n")), 1.3 * IDLE)
        await peer.send(chunk(b"data: 1\n\n") + LAST_CHUNK)

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse", deadlines=Deadlines(idle=IDLE)))
        assert await reply.batch() == [("", b"1")]
        assert await reply.batch() is None


async def test_each_piece_of_a_body_counts_for_idle(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await repeat(lambda: peer.send(chunk(b"x")), 1.3 * IDLE)
        await peer.send(LAST_CHUNK)

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), deadlines=Deadlines(idle=IDLE)))
        assert set(reply.body) == set(b"x")


async def test_idle_stands_still_while_the_reader_is_behind() -> None:
    transport = NativeTransport(TransportConfig(queue=1))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD + chunk(b"data: 0\n\n"))
        for number in (1, 2):
            await asyncio.sleep(PAUSE)
            await peer.send(chunk(b"data: %d\n\n" % number))
        await peer.send(LAST_CHUNK)
        peer.server.note(lambda: sent.append(True))

    sent: list[bool] = []
    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse", deadlines=Deadlines(idle=SHORT)))
        events = []
        await server.becomes(lambda _: bool(sent))
        await asyncio.sleep(SHORT * 3)
        while (batch := await reply.batch()) is not None:
            events += batch
        assert [data for _, data in events] == [b"0", b"1", b"2"]
    await transport.aclose()


@pytest.mark.parametrize("name", ["total", "attempt"])
async def test_the_whole_exchange_has_a_limit_with_the_name_it_was_given(transport: NativeTransport, name: str) -> None:
    async def dripping(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        await repeat(lambda: peer.send(b"x"))

    with RawServer(dripping) as server:
        deadlines = Deadlines(idle=NEVER, total=SHORT * 3, total_phase=name)  # type: ignore[arg-type]  # both are
        with pytest.raises(Timeout) as caught:
            await transport.send(HttpRequest(server.url, (), deadlines=deadlines))
        assert caught.value.phase == name
        await server.becomes(lambda s: s.open == 0)


async def test_total_holds_in_a_stream_too(transport: NativeTransport) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD)
        await repeat(lambda: peer.send(chunk(b"data: 1\n\n")))

    with RawServer(endless) as server:
        # Time enough for the head of the response, which must come before it passes.
        reply = await transport.send(HttpRequest(server.url, (), framing="sse", deadlines=Deadlines(total=IDLE)))
        with pytest.raises(Timeout) as caught:  # noqa: PT012  # which batch raises is up to the clock
            while await reply.batch():
                pass
        assert caught.value.phase == "total"


async def test_waiting_for_a_slot_counts_in_total_and_leaves_no_trace() -> None:
    transport = NativeTransport(TransportConfig(in_flight=1))
    with RawServer(never_answer) as server:
        first = asyncio.create_task(transport.send(HttpRequest(server.url, ())))
        await server.becomes(lambda s: len(s.seen) == 1)
        with pytest.raises(Timeout) as caught:
            await transport.send(HttpRequest(server.url, (), deadlines=Deadlines(total=SHORT)))
        assert caught.value.phase == "total"
        assert (server.opened, len(server.seen)) == (1, 1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    await transport.aclose()
