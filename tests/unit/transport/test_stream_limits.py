"""How large a stream may be, and how much all open streams may hold, in both transports and from the builder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from ratatoskr import ConfigurationError, MalformedResponse, Ratatoskr, StreamInterrupted
from ratatoskr.config.assemble import assemble
from ratatoskr.config.builder import Builder
from ratatoskr.transport.client import HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.httpx import HttpxTransport
from ratatoskr.transport.native import NativeTransport
from unit.transport.raw_server import SSE_HEAD, Peer, RawServer, chunk

PIECE = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"0123456789"}}]}\n\n'
KINDS = ["native", "httpx"]


async def flood(peer: Peer) -> None:
    """Answer each request with events without end."""
    while await peer.request():
        await peer.send(SSE_HEAD)
        while True:
            await peer.send(chunk(PIECE * 20))


def sending(block: bytes, times: int) -> Callable[[Peer], Any]:
    """Return a script that sends a block some times, and then waits until the client has gone."""

    async def script(peer: Peer) -> None:
        if await peer.request():
            await peer.send(SSE_HEAD)
            for _ in range(times):
                await peer.send(chunk(block))
            await peer.gone()

    return script


@asynccontextmanager
async def transport_of(kind: str, config: TransportConfig) -> AsyncIterator[Any]:
    if kind == "native":
        transport = NativeTransport(config)
        yield transport
        await transport.aclose()
    else:
        async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits()) as client:
            yield HttpxTransport(client, config)


async def read(reply: Any) -> tuple[list[bytes], str]:
    """Return the events of a reply, and the message with which it ended."""
    events: list[bytes] = []
    try:
        while (batch := await reply.batch()) is not None:
            events += [data for _, data in batch]
    except MalformedResponse as error:
        return events, error.message
    return events, ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extra", [-1, 0, 1])
async def test_a_stream_of_the_largest_size_is_read_and_a_larger_one_fails_after_its_events(
    kind: str, extra: int
) -> None:
    size = len(PIECE) * 1000
    config = TransportConfig(max_stream=size - extra)
    with RawServer(sending(PIECE * 100, 10)) as server:
        async with transport_of(kind, config) as transport:
            reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
            got: list[bytes] = []
            while len(got) < 999 + (extra <= 0):
                got += [data for _, data in await reply.batch()]
            assert len(got) == 999 + (extra <= 0)
            if extra > 0:
                with pytest.raises(MalformedResponse, match=f"the stream is larger than {size - 1} bytes"):
                    await reply.batch()
            reply.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "block",
    [b": keep-alive\n" * 50, b"\n" * 500, b"event: x\n\n" * 50, b"data: x"],
    ids=["comment", "blank", "name", "line"],
)
async def test_what_is_no_event_counts_too(kind: str, block: bytes) -> None:
    with RawServer(sending(block, 1_000)) as server:
        async with transport_of(kind, TransportConfig(max_stream=5_000)) as transport:
            reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
            events, message = await read(reply)
    assert events == []
    assert message.endswith("the stream is larger than 5000 bytes")


@pytest.mark.parametrize("kind", KINDS)
async def test_open_streams_together_hold_only_so_much_of_incomplete_events(kind: str) -> None:
    config = TransportConfig(queue=64 * 1024, undelivered=1024 * 1024)
    with RawServer(sending(b"data: " + b"x" * 65_536, 10)) as server:
        async with transport_of(kind, config) as transport:
            replies = [await transport.send(HttpRequest(server.url, (), framing="sse")) for _ in range(8)]
            tasks = [asyncio.ensure_future(read(reply)) for reply in replies]
            done, waiting = await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
            for task in done:
                assert task.result()[1].endswith("all open streams together hold more than 1048576 bytes")
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            for reply in replies:
                reply.close()
            # What they held is given back: one alone may hold its part.
            alone = await transport.send(HttpRequest(server.url, (), framing="sse"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(read(alone), 0.5)


async def test_streams_that_are_not_read_hold_only_so_much_together() -> None:
    """Without a reader a stream takes one chunk at most once all together hold enough."""
    config = TransportConfig(queue=1024 * 1024, undelivered=256 * 1024)
    with RawServer(flood) as server:
        async with transport_of("native", config) as transport:
            replies = [await transport.send(HttpRequest(server.url, (), framing="sse")) for _ in range(20)]
            await asyncio.sleep(0.5)
            held = [sum(len(data) + 64 for _, data in await reply.batch()) for reply in replies]
            assert sum(held) < 256 * 1024 + 20 * 64 * 1024
            # A reader goes on at once, whatever the others hold.
            async with asyncio.timeout(20):
                for _ in range(20):
                    assert await replies[0].batch()
            for reply in replies:
                reply.close()


# From the builder


def house(url: str, limit: int | None, **options: Any) -> Builder:
    builder = Ratatoskr.builder().compatible("house", base_url=f"{url}/v1", key="k", **options).retries(0)
    return builder if limit is None else builder.limits("house", stream_bytes=limit)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_over_the_limit_of_its_provider_is_interrupted_after_what_came(kind: str) -> None:
    with RawServer(flood) as server:
        async with httpx.AsyncClient(trust_env=False) as client:
            builder = house(server.url, 100_000)
            gateway = (builder.http_client(client) if kind == "httpx" else builder).build()
            stream = gateway.chat_stream("Who?", "house:m")
            with pytest.raises(StreamInterrupted) as caught:
                await stream.collect()
            await gateway.aclose()
    assert type(caught.value.cause) is MalformedResponse
    assert caught.value.cause.message.endswith("the stream is larger than 100000 bytes")
    assert caught.value.partial is not None
    assert caught.value.partial.content == "0123456789" * (100_000 // len(PIECE))


def test_a_blocking_stream_is_limited_too() -> None:
    with RawServer(flood) as server, house(server.url, 50_000).build().sync() as gateway:
        stream = gateway.chat_stream("Who?", "house:m")
        with pytest.raises(StreamInterrupted, match="the stream is larger than 50000 bytes"):
            stream.collect()


@pytest.mark.parametrize("spelled", ["http://LOCALHOST:{}/v1", "http://localhost:0{}/v1/", "HTTP://localhost:{}"])
async def test_the_limit_reaches_the_origin_however_it_is_spelt(spelled: str) -> None:
    with RawServer(flood) as server:
        url = spelled.format(server.port)
        builder = Ratatoskr.builder().compatible("house", base_url=url, key="k").retries(0)
        gateway = builder.limits("house", stream_bytes=50_000).build()
        with pytest.raises(StreamInterrupted, match="the stream is larger than 50000 bytes"):
            await gateway.chat_stream("Who?", "house:m").collect()
        await gateway.aclose()


async def test_a_changed_limit_holds_for_a_gateway_that_takes_over_another() -> None:
    with RawServer(flood) as server:
        old = house(server.url, None).build()
        new = assemble(house(server.url, 50_000).recipe(), reuse=old)
        with pytest.raises(StreamInterrupted):
            await new.chat_stream("Who?", "house:m").collect()
        await old.aclose()
        await new.aclose()


def test_each_limit_is_set_by_itself() -> None:
    builder = Ratatoskr.builder().limits("a", 5).limits("a", stream_bytes=7).limits("b", stream_bytes=8).limits("a")
    recipe = builder.recipe()
    assert recipe.in_flight == (("a", 5),)
    assert recipe.stream_bytes == (("a", 7), ("b", 8))


@pytest.mark.parametrize("value", [0, -1, 1.5, "5", True])
def test_a_limit_that_cannot_be_one_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="stream_bytes must be a whole number above 0") as caught:
        Ratatoskr.builder().limits("openai", stream_bytes=value)
    assert caught.value.field == "stream_bytes"


def test_a_limit_of_a_provider_that_is_not_configured_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="limits for groq"):
        Ratatoskr.builder().openai("k").limits("groq", stream_bytes=5).build()
