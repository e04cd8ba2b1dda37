"""The line to a daemon: out of reach, broken, left in every way; proxies, restarts and forks."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.unit.service.serving import client_of, serve

from conformance.daemon import Daemon
from ratatoskr import (
    ConnectionFailed,
    ContentDelta,
    GatewayClosed,
    RateLimited,
    ServiceClient,
    StreamInterrupted,
    Timeout,
    Timeouts,
    TlsError,
)
from ratatoskr.backend.stream import OpenStream
from ratatoskr.gateway.base import Gateway
from ratatoskr.service.client.channel import CHANNEL_OPTIONS
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.accumulator import ResponseBuilder

# the line


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def test_a_daemon_out_of_reach_is_named(tmp_path: Path) -> None:
    timeouts = Timeouts(connect=0.3)
    for url in (f"http://127.0.0.1:{free_port()}", f"unix:{tmp_path}/ratd.sock"):
        async with ServiceClient(url, timeout=timeouts) as client:
            for call in (
                client.chat("Hi", "any"),
                client.health(),
                client.embed("a", "any"),
                client.chat_stream("Hi", "any"),
            ):
                with pytest.raises(ConnectionFailed, match="cannot be reached") as caught:
                    await call
                assert url in str(caught.value)
                assert caught.value.phase == "connect"
        with pytest.raises(ConnectionFailed):
            await ServiceClient.connect(url, timeout=timeouts)
        with pytest.raises(ConnectionFailed), ServiceClient(url, timeout=timeouts).sync() as blocking:
            blocking.chat("Hi", "any")


async def test_a_certificate_that_is_not_trusted_is_a_tls_error(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    daemon = Daemon(ScriptedGateway("a").backend, "mtls")
    try:
        async with ServiceClient(daemon.url, ca=tmp_path / "other.pem", timeout=Timeouts(connect=1)) as client:
            with pytest.raises(TlsError, match="cannot be reached"):
                await client.chat("Hi", "any")
    finally:
        daemon.stop()


class Slow:
    """A backend of streams that say one word and then wait, and what became of them."""

    def __init__(self, words: int = 1) -> None:
        self.words = words
        self.closed = asyncio.Event()
        self.waiting = asyncio.Event()

    async def chat(self, request: Any) -> Any:
        await self._wait()

    async def embed(self, request: Any) -> Any:
        await self._wait()

    async def open_stream(self, request: Any) -> OpenStream:
        if not self.words:
            await self._wait()
        return OpenStream(self, [ContentDelta("up")], ())  # type: ignore[arg-type]  # an event source like any

    async def _wait(self) -> None:
        try:
            self.waiting.set()
            await asyncio.sleep(60)
        finally:
            self.closed.set()

    # a source

    provider = "slow"
    request_id = None

    async def batch(self) -> list[Any]:
        await self._wait()
        return []

    def response(self) -> Any:
        builder = ResponseBuilder(provider="slow", model="any")
        builder.add(ContentDelta("up"))
        return builder.response()

    def close(self) -> None:
        self.closed.set()


async def test_a_daemon_that_goes_in_mid_stream_is_an_interruption_with_what_has_come() -> None:
    backend = Slow()
    async with serve(backend) as served, ServiceClient(served.url) as client:
        stream = client.chat_stream("Hi", "any")
        assert (await anext(stream)).text == "up"  # type: ignore[union-attr]
        await backend.waiting.wait()
        await served.server.stop(0)
        with pytest.raises(StreamInterrupted) as caught:
            await anext(stream)
    assert isinstance(caught.value.cause, ConnectionFailed)
    assert served.url in str(caught.value)
    assert caught.value.partial is not None
    assert caught.value.partial.content == "up"


async def test_a_daemon_that_goes_in_the_middle_of_a_call_is_named() -> None:
    backend = Slow()
    async with serve(backend) as served, ServiceClient(served.url) as client:
        call = asyncio.ensure_future(client.chat("Hi", "any"))
        await backend.waiting.wait()
        await served.server.stop(0)
        with pytest.raises(ConnectionFailed, match="cannot be reached") as caught:
            await call
    assert served.url in str(caught.value)
    assert caught.value.sent


async def leave_by_block(client: Gateway, backend: Slow) -> None:
    async with client.chat_stream("Hi", "any") as stream:
        await anext(stream)


async def leave_by_close(client: Gateway, backend: Slow) -> None:
    stream = client.chat_stream("Hi", "any")
    await anext(stream)
    await stream.aclose()


async def leave_by_forgetting(client: Gateway, backend: Slow) -> None:
    stream = client.chat_stream("Hi", "any")
    await anext(stream)
    del stream
    gc.collect()


async def cancel(work: Any, backend: Slow) -> None:
    task = asyncio.ensure_future(work)
    await asyncio.wait_for(backend.waiting.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def leave_by_cancel(client: Gateway, backend: Slow) -> None:
    async def read() -> None:
        async for _ in client.chat_stream("Hi", "any"):
            pass

    await cancel(read(), backend)


async def leave_by_timeout(client: Gateway, backend: Slow) -> None:
    async def read() -> None:
        async with asyncio.timeout(0.1):
            async for _ in client.chat_stream("Hi", "any"):
                pass

    with pytest.raises(TimeoutError):
        await read()


async def leave_chat_by_cancel(client: Gateway, backend: Slow) -> None:
    await cancel(client.chat("Hi", "any"), backend)


async def leave_chat_by_deadline(client: Gateway, backend: Slow) -> None:
    with pytest.raises(Timeout):
        await client.chat("Hi", "any", timeout=0.1)


async def leave_embed_by_cancel(client: Gateway, backend: Slow) -> None:
    await cancel(client.embed("a", "any"), backend)


async def leave_by_closing_the_client(client: Gateway, backend: Slow) -> None:
    call = asyncio.ensure_future(client.chat("Hi", "any"))
    await asyncio.wait_for(backend.waiting.wait(), 5)
    await client.aclose()
    with pytest.raises(GatewayClosed):
        await call


WAYS_OUT: list[tuple[Any, int]] = [
    (leave_by_block, 1),
    (leave_by_close, 1),
    (leave_by_forgetting, 1),
    (leave_by_cancel, 1),
    (leave_by_cancel, 0),
    (leave_by_timeout, 1),
    (leave_by_timeout, 0),
    (leave_chat_by_cancel, 1),
    (leave_chat_by_deadline, 1),
    (leave_embed_by_cancel, 1),
    (leave_by_closing_the_client, 1),
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the stream that is dropped
@pytest.mark.parametrize(("leave", "words"), WAYS_OUT, ids=lambda value: getattr(value, "__name__", str(value)))
async def test_every_way_out_closes_the_upstream(leave: Any, words: int) -> None:
    backend = Slow(words)
    async with serve(backend) as served, ServiceClient(served.url) as client:
        await leave(client, backend)
        await asyncio.wait_for(backend.closed.wait(), 5)
        async with asyncio.timeout(5):
            while served.service.calls:  # noqa: ASYNC110  # the server keeps no event for it
                await asyncio.sleep(0.01)


class Ticking:
    """A backend of endless streams, some of which are slow to begin, and the number that are open.

    Attributes:
        asked: an event for each prompt, set when it arrives.
    """

    def __init__(self) -> None:
        self.open = self.opened = 0
        self.asked: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def open_stream(self, request: Any) -> OpenStream:
        self.opened += 1
        self.asked[request.messages[-1].text].set()
        if self.opened % 3 == 0:
            await asyncio.sleep(60)
        self.open += 1
        return OpenStream(_Ticks(self), [ContentDelta("up")], ())


class _Ticks:
    provider = "ticking"
    request_id = None

    def __init__(self, backend: Ticking) -> None:
        self._backend: Ticking | None = backend

    async def batch(self) -> list[Any]:
        await asyncio.sleep(0.01)
        return [ContentDelta("up")]

    def response(self) -> Any:
        return ResponseBuilder(provider="ticking", model="any").response()

    def close(self) -> None:
        if self._backend is not None:
            self._backend.open -= 1
            self._backend = None


async def test_streams_left_at_random_moments_leave_nothing_behind() -> None:
    backend, rng = Ticking(), random.Random(7)
    async with serve(backend) as served, ServiceClient(served.url) as client:

        async def read(prompt: str) -> None:
            async with client.chat_stream(prompt, "any") as stream:
                async for _ in stream:
                    pass

        async def leave(number: int) -> None:
            await asyncio.sleep(rng.random())
            task = asyncio.ensure_future(read(str(number)))
            if number % 2:  # after it has arrived, others at any time
                await backend.asked[str(number)].wait()
            await asyncio.sleep(rng.random() * 0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*map(leave, range(300)))
        async with asyncio.timeout(5):
            while served.service.calls or backend.open:  # noqa: ASYNC110  # the server keeps no event for it
                await asyncio.sleep(0.005)
        assert backend.opened >= 150
        assert client.backend.lifecycle.is_idle  # type: ignore[attr-defined]  # of a client


async def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with ScriptedGateway("a") as gateway, client_of(gateway.backend) as client:
        assert (await client.chat("Hi", "any")).text == "a"


def test_nothing_is_tried_again_below_the_daemon() -> None:
    assert CHANNEL_OPTIONS["grpc.enable_retries"] == 0
    assert CHANNEL_OPTIONS["grpc.enable_http_proxy"] == 0


async def test_a_restart_is_bridged() -> None:
    async with ScriptedGateway("a", "b", "c") as gateway:
        async with serve(gateway.backend) as first:
            client = ServiceClient(first.url)
            assert (await client.chat("Hi", "any")).text == "a"
        call = asyncio.ensure_future(client.chat("Hi", "any"))
        await asyncio.sleep(0.2)
        async with serve(gateway.backend, port=first.port):
            assert (await asyncio.wait_for(call, 2.5)).text == "b"
            assert (await client.chat("Hi", "any")).text == "c"
            await client.aclose()


async def test_the_request_of_a_failed_call_is_not_repeated() -> None:
    async with (
        ScriptedGateway(RateLimited("slow down", retry_after=0.0), "b") as gateway,
        client_of(gateway.backend) as client,
    ):
        with pytest.raises(RateLimited):
            await client.chat("Hi", "any")
    assert len(gateway.requests) == 1


def test_after_a_fork_the_client_makes_a_channel_of_its_own() -> None:
    daemon = Daemon(ScriptedGateway(*"abcd").backend, "tcp")
    program = f"""
    import os
    from ratatoskr import ServiceClient

    client = ServiceClient({daemon.url!r})
    blocking = client.sync()
    print(blocking.chat("Hi", "any").text, flush=True)
    pid = os.fork()
    if pid == 0:
        print(blocking.chat("Hi", "any").text, flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    print(blocking.chat("Hi", "any").text, flush=True)
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.stdout.split() == ["a", "b", "c"], done.stderr
    finally:
        daemon.stop()


async def test_a_fork_during_a_call_is_told() -> None:
    """What the child would find: gRPC itself may end it first, so it is not forked here."""
    backend = Slow(0)
    async with serve(backend) as served, ServiceClient(served.url) as client:
        call = asyncio.ensure_future(client.chat("Hi", "any"))
        await backend.waiting.wait()
        channels = client.backend._channels  # type: ignore[attr-defined]  # of a client
        channels.drop_if_idle()
        opened = list(channels._open.values())
        assert len(opened) == 1
        channels._renew()
        with pytest.raises(ConnectionFailed, match="forked while a call was under way"):
            await client.chat("Hi", "any")
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await opened[0].close()
