"""HTTP/2 by ALPN: streams share a connection, and what ends one of them ends no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import h2.errors
import pytest
import trustme

from ratatoskr.errors import ConnectionFailed, MalformedResponse, RatatoskrError
from ratatoskr.transport.client import Deadlines, HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.native import NativeTransport
from unit.transport.http2_server import JSON, SSE, Http2, Upstream


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def transport(authority: trustme.CA) -> AsyncIterator[NativeTransport]:
    transport = NativeTransport(TransportConfig(tls_ca=authority.cert_pem.bytes()))
    yield transport
    await transport.aclose()


async def expect_failure(transport: NativeTransport, url: str) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as caught:  # noqa: PT012  # in the head or in the body, as the case may be
        reply = await transport.send(HttpRequest(url, (), b"{}", framing="sse"))
        while await reply.batch():
            pass
    return caught.value


async def test_a_hundred_streams_share_one_connection(authority: trustme.CA, transport: NativeTransport) -> None:
    together = asyncio.Event()  # used on the server's loop alone

    async def answer(http: Http2, stream: int, path: str) -> None:
        if path == "/first":
            await http.whole(stream)
            return
        http.state.send_headers(stream, SSE)
        if len(http.paths) == 101:
            together.set()
        await together.wait()
        for number in range(5):
            await http.part(stream, b"data: %d\n\n" % number)
        http.state.end_stream(stream)
        await http.flush()

    async def read() -> list[bytes]:
        reply = await transport.send(HttpRequest(server.url, (("x-api-key", "k"),), b"{}", framing="sse"))
        got = []
        while (batch := await reply.batch()) is not None:
            got += [data for _, data in batch]
        return got

    with Upstream(authority, answer) as server:
        await transport.send(HttpRequest(server.url + "/first", ()))
        assert await asyncio.gather(*(read() for _ in range(100))) == [[b"0", b"1", b"2", b"3", b"4"]] * 100
        assert server.opened == 1


async def test_a_cold_start_with_many_calls_serves_them_all(authority: trustme.CA, transport: NativeTransport) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        await http.whole(stream)

    with Upstream(authority, answer) as server:
        replies = await asyncio.gather(*(transport.send(HttpRequest(server.url, (), b"{}")) for _ in range(50)))
        assert [reply.status for reply in replies] == [200] * 50


async def test_giving_up_one_stream_resets_it_and_leaves_the_others(
    authority: trustme.CA, transport: NativeTransport
) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        if path == "/whole":
            await http.whole(stream)
        elif path == "/stream":
            http.state.send_headers(stream, SSE)
            await http.part(stream, b"data: 1\n\n")

    with Upstream(authority, answer) as server:
        kept = await transport.send(HttpRequest(server.url + "/stream", (), framing="sse"))
        given_up = await transport.send(HttpRequest(server.url + "/stream", (), framing="sse"))
        assert await kept.batch() == await given_up.batch() == [("", b"1")]
        waiting = asyncio.create_task(transport.send(HttpRequest(server.url + "/silent", ())))
        connection = server.connections[0]
        await server.becomes(lambda s: len(connection.paths) == 3)
        given_up.close()
        waiting.cancel()
        await server.becomes(lambda s: len(connection.resets) == 2)
        assert (await transport.send(HttpRequest(server.url + "/whole", ()))).status == 200
        assert sorted(connection.resets) == [3, 5]
        assert server.opened == 1
        kept.close()


async def test_readers_that_are_behind_do_not_starve_the_other_streams(authority: trustme.CA) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        if path == "/whole":
            http.state.send_headers(stream, JSON)
            for _ in range(40):
                await until_free(http, stream, 16_000)
                await http.part(stream, bytes(16_000))
            http.state.end_stream(stream)
            await http.flush()
            return
        http.state.send_headers(stream, SSE)
        await http.flush()
        event = b"data: " + b"x" * 8000 + b"\n\n"
        while True:  # and takes every window that comes free until the test is over
            if http.state.local_flow_control_window(stream) < len(event):
                http.peer.server.note(lambda: stuck.add(stream))
            await until_free(http, stream, len(event))
            await http.part(stream, event)
            await asyncio.sleep(0)

    async def until_free(http: Http2, stream: int, size: int) -> None:
        """Wait for a window; h2 tells of one only when it is asked."""
        while stream not in http.resets and http.state.local_flow_control_window(stream) < size:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    stuck: set[int] = set()
    transport = NativeTransport(TransportConfig(tls_ca=authority.cert_pem.bytes(), queue=1))
    with Upstream(authority, answer) as server:
        behind = [await transport.send(HttpRequest(server.url, (), framing="sse")) for _ in range(12)]
        await server.becomes(lambda s: len(stuck) == 12)
        # What comes free when the first events are taken goes to the same streams; asking sooner would only be easier.
        await asyncio.sleep(0.2)
        whole = HttpRequest(server.url + "/whole", (), deadlines=Deadlines(first_byte=10, idle=10))
        assert (await transport.send(whole)).status == 200
        assert server.opened == 1
        for reply in behind:
            reply.close()
    await transport.aclose()


@pytest.mark.parametrize(
    ("code", "phase", "sent"),
    [("REFUSED_STREAM", "send", False), ("INTERNAL_ERROR", "head", True), ("CANCEL", "head", True)],
)
async def test_only_a_refused_stream_was_not_sent(
    authority: trustme.CA, transport: NativeTransport, code: str, phase: str, sent: bool
) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        if path == "/bad":
            http.state.reset_stream(stream, h2.errors.ErrorCodes[code])
            await http.flush()
        else:
            await http.whole(stream)

    with Upstream(authority, answer) as server:
        error = await expect_failure(transport, server.url + "/bad")
        assert (error.phase, error.sent, error.retryable) == (phase, sent, True)
        assert (await transport.send(HttpRequest(server.url + "/good", ()))).status == 200
        assert [list(c.paths.values()) for c in server.connections] == [["/bad", "/good"]]


@pytest.mark.parametrize("code", ["NO_ERROR", "REFUSED_STREAM", "INTERNAL_ERROR"])
async def test_a_reset_in_a_stream_is_an_interruption(
    authority: trustme.CA, transport: NativeTransport, code: str
) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        http.state.send_headers(stream, SSE)
        await http.part(stream, b"data: 1\n\n")
        http.state.reset_stream(stream, h2.errors.ErrorCodes[code])
        await http.flush()

    with Upstream(authority, answer) as server:
        error = await expect_failure(transport, server.url)
        assert (error.phase, error.sent) == ("body", True)


async def test_a_refusal_may_come_before_the_request_is_through(
    authority: trustme.CA, transport: NativeTransport
) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        http.state.send_headers(stream, [(":status", "413"), ("content-type", "text/plain")])
        await http.part(stream, b"too much")
        http.state.reset_stream(stream, h2.errors.ErrorCodes.NO_ERROR)
        await http.flush()

    with Upstream(authority, answer) as server:
        reply = await transport.send(HttpRequest(server.url, (), b"{}"))
        assert (reply.status, reply.body) == (413, b"too much")


async def test_after_goaway_what_is_below_its_mark_finishes_and_what_is_above_was_not_sent(
    authority: trustme.CA, transport: NativeTransport
) -> None:
    released = asyncio.Event()  # used on the server's loop alone

    async def answer(http: Http2, stream: int, path: str) -> None:
        if http.peer.number == 2:
            await http.whole(stream, b"elsewhere")
        elif path == "/below":
            http.state.send_headers(stream, SSE)
            await http.part(stream, b"data: 1\n\n")
            await released.wait()
            # h2 takes nothing but frames of its own after its GOAWAY, so the rest is written by hand.
            data = b"data: 2\n\n"
            await http.peer.send(len(data).to_bytes(3, "big") + b"\x00\x01" + stream.to_bytes(4, "big") + data)
        else:
            goaway = (8).to_bytes(3, "big") + b"\x07\x00" + bytes(4) + (1).to_bytes(4, "big") + bytes(4)
            await http.peer.send(goaway)

    with Upstream(authority, answer) as server:
        below = await transport.send(HttpRequest(server.url + "/below", (), framing="sse"))
        assert await below.batch() == [("", b"1")]
        error = await expect_failure(transport, server.url + "/above")
        assert (error.sent, error.retryable) == (False, True)
        assert (await transport.send(HttpRequest(server.url + "/next", ()))).body == b"elsewhere"
        server.call(released.set)
        assert await below.batch() == [("", b"2")]
        assert await below.batch() is None
        assert [list(c.paths.values()) for c in server.connections] == [["/below", "/above"], ["/next"]]


async def test_a_connection_that_breaks_ends_its_streams(authority: trustme.CA, transport: NativeTransport) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        if path == "/stream":
            http.state.send_headers(stream, SSE)
            await http.part(stream, b"data: 1\n\n")
        else:
            http.peer.writer.transport.abort()

    with Upstream(authority, answer) as server:
        stream = await transport.send(HttpRequest(server.url + "/stream", (), framing="sse"))
        assert await stream.batch() == [("", b"1")]
        error = await expect_failure(transport, server.url + "/break")
        assert (error.phase, error.sent) == ("head", True)
        with pytest.raises(ConnectionFailed) as caught:
            await stream.batch()
        assert caught.value.phase == "body"


async def test_a_body_shorter_than_it_says_is_malformed(authority: trustme.CA, transport: NativeTransport) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        http.state.send_headers(stream, [*JSON, ("content-length", "10")])
        # h2 counts what it sends too, so the frame that ends too early is written by hand.
        await http.flush()
        await http.peer.send((2).to_bytes(3, "big") + b"\x00\x01" + stream.to_bytes(4, "big") + b"{}")

    with Upstream(authority, answer) as server, pytest.raises((MalformedResponse, ConnectionFailed)):
        await transport.send(HttpRequest(server.url, (), deadlines=Deadlines(first_byte=5, idle=5)))


async def test_a_head_beyond_its_cap_is_refused(authority: trustme.CA, transport: NativeTransport) -> None:
    async def answer(http: Http2, stream: int, path: str) -> None:
        if path == "/large":
            http.state.send_headers(stream, [*JSON, *((f"x-{n}", "x" * 1000) for n in range(80))], end_stream=True)
            await http.flush()
        else:
            await http.whole(stream)

    with Upstream(authority, answer) as server:
        with pytest.raises(RatatoskrError):
            await transport.send(HttpRequest(server.url + "/large", ()))
        assert (await transport.send(HttpRequest(server.url, ()))).status == 200
