"""Cancelling, closing, dropping, queueing and falling behind: nothing is sent afterwards and nothing stays open."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections.abc import AsyncIterator

import pytest

from ratatoskr.errors import GatewayClosed
from ratatoskr.transport.client import HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.native import NativeReply, NativeTransport
from unit.transport.raw_server import LAST_CHUNK, SSE_HEAD, Peer, RawServer, answer, chunk


@pytest.fixture
async def transport() -> AsyncIterator[NativeTransport]:
    transport = NativeTransport()
    yield transport
    await transport.aclose()


async def never_answer(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


async def send_one_event(peer: Peer) -> None:
    await peer.request()
    await peer.send(SSE_HEAD + chunk(b"data: 1\n\n"))
    await peer.gone()


async def is_cancelled(task: asyncio.Task[object]) -> bool:
    task.cancel()
    return isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)


async def test_cancelling_a_call_that_waits_for_its_head_closes_upstream(transport: NativeTransport) -> None:
    with RawServer(never_answer) as server:
        tasks = [asyncio.create_task(transport.send(HttpRequest(server.url, ()))) for _ in range(20)]
        await server.becomes(lambda s: len(s.seen) == 20)
        assert all([await is_cancelled(task) for task in tasks])
        await server.becomes(lambda s: s.open == 0)


async def test_cancelling_a_reader_leaves_the_stream_to_be_closed(transport: NativeTransport) -> None:
    with RawServer(send_one_event) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        assert await reply.batch() == [("", b"1")]
        assert await is_cancelled(asyncio.create_task(reply.batch()))
        assert server.open == 1
        reply.close()
        reply.close()
        await server.becomes(lambda s: s.open == 0)
        with pytest.raises(GatewayClosed):
            await reply.batch()


async def test_dropping_a_reply_closes_upstream(transport: NativeTransport) -> None:
    with RawServer(send_one_event) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        assert await reply.batch() == [("", b"1")]
        del reply
        gc.collect()
        await server.becomes(lambda s: s.open == 0)


async def test_a_call_cancelled_before_its_first_step_reaches_nobody(transport: NativeTransport) -> None:
    with RawServer() as server:
        assert await is_cancelled(asyncio.create_task(transport.send(HttpRequest(server.url, ()))))
        await transport.send(HttpRequest(server.url + "/after", ()))
        assert [seen.target for seen in server.seen] == ["/after"]


async def test_a_timeout_of_asyncio_closes_upstream_and_stays_a_timeout(transport: NativeTransport) -> None:
    with RawServer(never_answer) as server:
        for _ in range(10):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await transport.send(HttpRequest(server.url, ()))
        await server.becomes(lambda s: s.open == 0)


async def test_a_whole_response_keeps_its_connection_when_it_is_closed(transport: NativeTransport) -> None:
    with RawServer() as server:
        for _ in range(3):
            reply = await transport.send(HttpRequest(server.url, ()))
            reply.close()
            del reply
        assert server.opened == 1


async def test_calls_beyond_the_slots_queue_and_a_cancelled_one_leaves_unsent() -> None:
    release = asyncio.Event()  # used on the server's loop alone

    async def script(peer: Peer) -> None:
        while await peer.request():
            await release.wait()
            await peer.send(answer())

    transport = NativeTransport(TransportConfig(in_flight=2))
    with RawServer(script) as server:

        def call(name: str) -> asyncio.Task[NativeReply]:
            return asyncio.create_task(transport.send(HttpRequest(f"{server.url}/{name}", ())))

        first = [call("a"), call("b")]
        await server.becomes(lambda s: len(s.seen) == 2)
        queued = [call("c"), call("d"), call("e")]
        await asyncio.sleep(0)
        assert await is_cancelled(queued[1])
        server.call(release.set)
        await asyncio.gather(*first, queued[0], queued[2])
        assert sorted(seen.target for seen in server.seen) == ["/a", "/b", "/c", "/e"]
        assert server.opened <= 2
    await transport.aclose()


async def test_slots_are_counted_by_origin_and_may_differ() -> None:
    with RawServer(never_answer) as narrow, RawServer(never_answer) as wide:
        transport = NativeTransport(TransportConfig(in_flight=3, in_flight_by_origin={narrow.url: 1}))
        tasks = [asyncio.create_task(transport.send(HttpRequest(s.url, ()))) for s in (narrow, wide) for _ in range(3)]
        await wide.becomes(lambda s: len(s.seen) == 3)
        await narrow.becomes(lambda s: len(s.seen) == 1)
        for task in tasks[1:]:
            assert await is_cancelled(task)
        assert (narrow.opened, len(narrow.seen)) == (1, 1)
        await transport.aclose()
        with pytest.raises(GatewayClosed):
            await tasks[0]


async def test_a_reader_that_stops_stops_the_upstream() -> None:
    written = 0

    async def script(peer: Peer) -> None:
        nonlocal written
        await peer.request()
        await peer.send(SSE_HEAD)
        event = b"data: " + b"x" * 10_000 + b"\n\n"
        for _ in range(5000):
            await peer.send(chunk(event))
            written += 1
        await peer.send(LAST_CHUNK)

    transport = NativeTransport(TransportConfig(queue=64 * 1024))
    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.1)
        assert written < 3000
        first = await reply.batch()
        assert first is not None
        assert sum(len(data) for _, data in first) < 1_000_000
        count = len(first)
        while (batch := await reply.batch()) is not None:
            count += len(batch)
        assert count == written == 5000
    await transport.aclose()


async def test_readers_that_pause_lose_nothing_and_never_hang(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD)
        for number in range(30):
            await peer.send(chunk(b"data: %d\n\n" % number))
            await asyncio.sleep(0.001)
        await peer.send(LAST_CHUNK)

    async def read(seed: int) -> list[int]:
        pause = random.Random(seed)
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        got: list[int] = []
        while (batch := await reply.batch()) is not None:
            got += [int(data) for _, data in batch]
            await asyncio.sleep(pause.random() * 0.005)
        return got

    with RawServer(script) as server:
        assert await asyncio.gather(*map(read, range(100))) == [list(range(30))] * 100


async def test_closing_the_transport_ends_everything_that_is_open_on_it() -> None:
    async def script(peer: Peer) -> None:
        seen = await peer.request()
        assert seen is not None
        if seen.target != "/silent":
            await peer.send(SSE_HEAD + chunk(b"data: 1\n\n"))
        while seen.target == "/flow":
            await peer.send(chunk(b"data: 1\n\n"))
            await asyncio.sleep(0)
        await peer.gone()

    transport = NativeTransport(TransportConfig(in_flight=4))
    with RawServer(script) as server:
        streams = [
            await transport.send(HttpRequest(server.url + path, (), framing="sse")) for path in ("/one", "/flow")
        ]
        assert await streams[0].batch() == [("", b"1")]
        waiting = [asyncio.create_task(streams[0].batch())]
        calls = [asyncio.create_task(transport.send(HttpRequest(server.url + "/silent", ()))) for _ in range(4)]
        await server.becomes(lambda s: len(s.seen) == 4)
        await transport.aclose()
        for outcome in await asyncio.gather(*waiting, *calls, return_exceptions=True):
            assert isinstance(outcome, GatewayClosed)
        with pytest.raises(GatewayClosed):  # noqa: PT012  # some events may have been taken before
            while await streams[1].batch():
                pass
        await server.becomes(lambda s: s.open == 0)
        assert len(server.seen) == 4


async def test_a_stream_may_be_closed_from_another_thread_while_it_is_read(transport: NativeTransport) -> None:
    with RawServer(send_one_event) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        await reply.batch()
        reader = asyncio.create_task(reply.batch())
        await asyncio.sleep(0)
        thread = threading.Thread(target=reply.close)
        thread.start()
        with pytest.raises(GatewayClosed):
            await reader
        thread.join()
        await server.becomes(lambda s: s.open == 0)


async def test_two_readers_of_one_stream_are_told_apart(transport: NativeTransport) -> None:
    with RawServer(send_one_event) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
        await reply.batch()
        reader = asyncio.create_task(reply.batch())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await reply.batch()
        assert await is_cancelled(reader)


async def test_cancels_at_random_moments_leave_nothing(transport: NativeTransport) -> None:
    chance = random.Random(7)

    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            if seen.target == "/slow":
                await peer.gone()
                return
            await peer.send(SSE_HEAD)
            for _ in range(4000):
                await peer.send(chunk(b"data: 1\n\n"))
                await asyncio.sleep(0.001)
            await peer.send(LAST_CHUNK)

    async def go(path: str) -> None:
        reply = await transport.send(HttpRequest(server.url + path, (), framing="sse"))
        try:
            while await reply.batch():
                pass
        finally:
            reply.close()

    async def one() -> bool:
        task = asyncio.create_task(go(chance.choice(["/slow", "/stream"])))
        await asyncio.sleep(chance.random() * 0.03)
        return await is_cancelled(task)

    with RawServer(script) as server:
        for _ in range(5):
            assert all(await asyncio.gather(*(one() for _ in range(60))))
        await transport.aclose()
        await server.becomes(lambda s: s.open == 0)
        assert 0 < len(server.seen) <= 300
    assert len(asyncio.all_tasks()) == 1
