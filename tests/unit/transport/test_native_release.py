"""Releasing a body after its last event: the connection is used again, and nothing stays open for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ratatoskr import GatewayClosed, Ratatoskr
from ratatoskr.transport.client import HttpRequest
from ratatoskr.transport.native import NativeReply, NativeTransport
from unit.transport.raw_server import LAST_CHUNK, SSE_HEAD, Peer, RawServer, chunk

STREAMS = 10


@pytest.fixture
async def transport() -> AsyncIterator[NativeTransport]:
    transport = NativeTransport()
    yield transport
    await transport.aclose()


async def open_stream(transport: NativeTransport, server: RawServer) -> NativeReply:
    reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
    assert await reply.batch() == [("", b"last")]
    return reply


async def test_a_body_that_ends_after_the_release_keeps_its_connection(transport: NativeTransport) -> None:
    left = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(SSE_HEAD + chunk(b"data: last\n\n"))
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(left.wait(), loop))
            await peer.send(chunk(b"data: unwanted\n\n") + LAST_CHUNK)
            server.note(lambda: finished.append(peer.number))

    finished: list[int] = []
    with RawServer(script) as server:
        for count in range(1, STREAMS + 1):
            left.clear()
            reply = await open_stream(transport, server)
            reply.release()
            reply.close()
            left.set()
            await server.becomes(lambda _, count=count: len(finished) == count)
            with pytest.raises(GatewayClosed):
                await reply.batch()
            del reply
        # The end of a body may still be on its way when the next request leaves, but not each time.
        assert server.opened < STREAMS


async def test_a_body_that_never_ends_is_given_up(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD + chunk(b"data: last\n\n"))
        while True:
            await peer.send(chunk(b"data: and on and on\n\n"))
            await asyncio.sleep(0.01)

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        assert (await reply.batch() or [])[0] == ("", b"last")
        reply.release()
        del reply
        await server.becomes(lambda s: s.open == 0)
        server.errors.clear()


async def test_closing_the_transport_ends_what_lingers(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD + chunk(b"data: last\n\n"))
        await peer.gone()

    with RawServer(script) as server:
        reply = await open_stream(transport, server)
        reply.release()
        assert server.open == 1
        await transport.aclose()
        await server.becomes(lambda s: s.open == 0)


async def test_streams_of_a_provider_that_ends_its_bodies_late_share_one_connection() -> None:
    deltas = (b'{"delta":{"content":"hi"},"finish_reason":null}', b'{"delta":{},"finish_reason":"stop"}')
    events = [b'data: {"choices":[%s]}\n\n' % delta for delta in deltas] + [b"data: [DONE]\n\n"]
    finished: list[int] = []

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(SSE_HEAD + b"".join(map(chunk, events)))
            await asyncio.sleep(0.02)
            await peer.send(LAST_CHUNK)
            server.note(lambda: finished.append(peer.number))

    with RawServer(script) as server:
        async with Ratatoskr.builder().compatible("host", base_url=f"{server.url}/v1").build() as gateway:
            for count in range(1, STREAMS + 1):
                async with gateway.chat_stream("Hi", "host:m") as stream:
                    assert (await stream.collect()).content == "hi"
                await server.becomes(lambda _, count=count: len(finished) == count)
        assert server.opened < STREAMS
