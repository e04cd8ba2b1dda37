"""What the native transport does and a user's own client cannot: the adapter's table, as failures expected strictly.

A library that learns one of these things makes this file fail.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import h2.errors
import pytest
import trustme

from ratatoskr.errors import ConfigurationError, ConnectionFailed, GatewayClosed, Timeout
from ratatoskr.transport.client import Deadlines, HttpRequest, Transport
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.httpx import HttpxTransport
from ratatoskr.transport.native import NativeTransport
from unit.transport.http2_server import Http2, Upstream
from unit.transport.raw_server import LAST_CHUNK, SSE_HEAD, Peer, RawServer, answer, chunk

Opened = Callable[..., AbstractAsyncContextManager[Transport]]


@asynccontextmanager
async def native(authority: trustme.CA | None = None, slots: int = 256, **_: Any) -> AsyncIterator[Transport]:
    ca = None if authority is None else authority.cert_pem.bytes()
    transport = NativeTransport(TransportConfig(tls_ca=ca, in_flight=slots))
    yield transport
    await transport.aclose()


def borrowed(name: str) -> Opened:
    @asynccontextmanager
    async def opened(authority: trustme.CA | None = None, slots: int = 0, **options: Any) -> AsyncIterator[Transport]:
        library = importlib.import_module(name)
        if slots:
            options["limits"] = library.Limits(max_connections=slots)
        if authority is not None:
            context = ssl.create_default_context()
            authority.configure_trust(context)
            options |= {"verify": context, "http2": True}
        async with library.AsyncClient(**{"trust_env": False, **options}) as client:
            transport = HttpxTransport(client)
            yield transport
            await transport.aclose()

    return opened


async def outlives_a_storm_of_cancels(opened: Opened, limit: float) -> None:
    chance = random.Random(1)

    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.002)
            await peer.send(answer())

    async def give_up(task: asyncio.Task[Any]) -> None:
        await asyncio.sleep(chance.random() * 0.03)
        task.cancel()

    async with opened(slots=4) as transport:
        with RawServer(script) as server:
            for _ in range(10):
                tasks = [asyncio.create_task(transport.send(HttpRequest(server.url, ()))) for _ in range(60)]
                await asyncio.gather(*map(give_up, tasks))
                await asyncio.gather(*tasks, return_exceptions=True)
            request = HttpRequest(server.url, (), deadlines=Deadlines(total=limit))
            for reply in await asyncio.gather(*(transport.send(request) for _ in range(4))):
                assert reply.status == 200


async def tells_that_a_refused_stream_was_not_sent(opened: Opened, limit: float) -> None:
    async def refuse(http: Http2, stream: int, path: str) -> None:
        http.state.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        await http.flush()

    authority = trustme.CA()
    async with opened(authority) as transport:
        with Upstream(authority, refuse) as server:
            with pytest.raises(ConnectionFailed) as caught:
                await transport.send(HttpRequest(server.url, (), b"{}"))
            assert caught.value.sent is False


async def lets_a_cancelled_reader_come_back(opened: Opened, limit: float) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD + chunk(b"data: 1\n\n"))
        await cancelled.wait()
        await peer.send(chunk(b"data: 2\n\n") + LAST_CHUNK)

    cancelled = asyncio.Event()  # used on the server's loop alone
    async with opened() as transport:
        with RawServer(script) as server:
            reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
            assert await reply.batch() == [("", b"1")]
            reader = asyncio.create_task(reply.batch())
            await asyncio.sleep(0.01)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            server.call(cancelled.set)
            assert await reply.batch() == [("", b"2")]


async def ends_a_stream_in_time_while_nobody_reads(opened: Opened, limit: float) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE_HEAD)
        await peer.gone()

    async with opened() as transport:
        with RawServer(script) as server:
            # Time enough for the head of the response, which must come before it passes.
            request = HttpRequest(server.url, (), framing="sse", deadlines=Deadlines(total=1.0))
            reply = await transport.send(request)
            for _ in range(round(limit / 0.01)):
                if server.closed:
                    break
                await asyncio.sleep(0.01)
            assert server.closed == 1
            with pytest.raises(Timeout):
                await reply.batch()


async def takes_nothing_from_the_environment(opened: Opened, limit: float) -> None:
    with RawServer() as trap, RawServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTP_PROXY", trap.url)
        async with opened(trust_env=True) as transport:
            await transport.send(HttpRequest(server.url, ()))
        assert (trap.opened, server.opened) == (0, 1)


async def serves_a_second_loop(opened: Opened, limit: float) -> None:
    async with opened() as transport:
        with RawServer() as server:

            async def ask() -> int:
                return (await transport.send(HttpRequest(server.url, ()))).status

            assert await ask() == 200
            assert await asyncio.to_thread(lambda: asyncio.run(ask())) == 200


async def keeps_one_origin_from_taking_the_places_of_another(opened: Opened, limit: float) -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with opened(slots=1) as transport:
        with RawServer(silent) as hung, RawServer() as server:
            waiting = asyncio.create_task(transport.send(HttpRequest(hung.url, ())))
            await hung.becomes(lambda s: len(s.seen) == 1)
            try:
                reply = await transport.send(HttpRequest(server.url, (), deadlines=Deadlines(total=limit)))
                assert reply.status == 200
            finally:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)


Behaviour = Callable[[Opened, float], Awaitable[None]]
"""What to do, and the seconds after which a wait in it has failed."""
LIMIT, EXPECTED = 30.0, 2.0
"""Such limits: one that no success meets on a busy machine, and one for a failure that is expected."""
BOTH = frozenset({"httpx", "httpx2"})
CANNOT: dict[Behaviour, tuple[frozenset[str], type[BaseException]]] = {
    outlives_a_storm_of_cancels: (frozenset({"httpx"}), Timeout),
    tells_that_a_refused_stream_was_not_sent: (BOTH, AssertionError),
    lets_a_cancelled_reader_come_back: (BOTH, GatewayClosed),
    ends_a_stream_in_time_while_nobody_reads: (BOTH, AssertionError),
    keeps_one_origin_from_taking_the_places_of_another: (BOTH, Timeout),
    takes_nothing_from_the_environment: (BOTH, AssertionError),
    serves_a_second_loop: (BOTH, ConfigurationError),
}


@pytest.mark.parametrize("behaviour", CANNOT, ids=lambda behaviour: behaviour.__name__)
async def test_the_native_transport(behaviour: Behaviour) -> None:
    await behaviour(native, LIMIT)


@pytest.mark.parametrize("library", sorted(BOTH))
@pytest.mark.parametrize("behaviour", CANNOT, ids=lambda behaviour: behaviour.__name__)
async def test_a_client_of_the_users(behaviour: Behaviour, library: str, request: pytest.FixtureRequest) -> None:
    libraries, failure = CANNOT[behaviour]
    if library in libraries:
        always = behaviour is not outlives_a_storm_of_cancels  # on a busy machine the storm may miss
        request.applymarker(pytest.mark.xfail(reason=f"{library} cannot", raises=failure, strict=always))
    await behaviour(borrowed(library), EXPECTED if library in libraries else LIMIT)
