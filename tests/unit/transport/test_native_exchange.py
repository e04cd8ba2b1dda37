"""One exchange of the native transport: what leaves, what comes back, and over which connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ratatoskr.errors import ConfigurationError, GatewayClosed, MalformedResponse
from ratatoskr.transport.client import Deadlines, HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.native import NativeReply, NativeTransport, _waker_for
from unit.transport.raw_server import LAST_CHUNK, NDJSON_HEAD, SSE_HEAD, Peer, RawServer, answer, chunk


@pytest.fixture
async def transport() -> AsyncIterator[NativeTransport]:
    transport = NativeTransport()
    yield transport
    await transport.aclose()


async def read_events(reply: NativeReply) -> list[tuple[str, bytes]]:
    events: list[tuple[str, bytes]] = []
    while (batch := await reply.batch()) is not None:
        assert batch
        events += batch
    return events


async def test_a_body_comes_whole_with_its_head(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer(b'{"a": 1}', "201 Created", X_Request_Id="r-1", Retry_After="3"))

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url + "/v1/chat?x=1", (("x-one", "1"),), b'{"q": 2}'))
        assert (reply.status, reply.streamed, reply.body) == (201, False, b'{"a": 1}')
        assert reply.headers["x-request-id"] == "r-1"
        assert reply.headers["retry-after"] == "3"
        seen = server.seen[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/chat?x=1", b'{"q": 2}')
    assert seen.headers["x-one"] == "1"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["content-length"] == "8"
    assert not {"cookie", "user-agent", "transfer-encoding"} & set(seen.headers)


async def test_repeated_headers_are_joined_and_odd_bytes_survive_as_latin_1(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b: caf\xe9\r\nx-a: 2\r\ncontent-length: 0\r\nX-a: 3\r\n\r\n")

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, ()))
    assert dict(reply.headers) == {"x-a": "1, 2, 3", "x-b": "café", "content-length": "0"}


async def test_requests_of_one_turn_that_begin_together_all_arrive_and_those_given_up_before_do_not(
    transport: NativeTransport,
) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer(b"{}"))

    with RawServer(script) as server:
        await transport.send(HttpRequest(server.url, ()))  # there is a client now
        client, waker = transport._client, _waker_for(asyncio.get_running_loop())
        assert client is not None
        given_up = client.send(waker.wakeup, "POST", server.url + "/given-up", (), b"", "body", None, None, None, None)
        given_up.close()
        many = [transport.send(HttpRequest(f"{server.url}/{number}", ())) for number in range(40)]
        replies = await asyncio.gather(*many)
        targets = {seen.target for seen in server.seen[1:]}
    assert {reply.status for reply in replies} == {200}
    assert targets == {f"/{number}" for number in range(40)}


async def test_an_empty_body_is_announced_only_where_one_is_expected(transport: NativeTransport) -> None:
    with RawServer() as server:
        await transport.send(HttpRequest(server.url + "/models", (), method="GET"))
        assert (server.seen[0].method, server.seen[0].body) == ("GET", b"")
        assert "content-length" not in server.seen[0].headers
        await transport.send(HttpRequest(server.url + "/stop", ()))
        assert server.seen[1].headers["content-length"] == "0"


async def test_one_connection_serves_one_call_after_another(transport: NativeTransport) -> None:
    with RawServer() as server:
        for _ in range(20):
            await transport.send(HttpRequest(server.url, (), b"{}"))
        assert server.opened == 1
        assert len(server.seen) == 20


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_bodies_of_every_size_arrive_unchanged_both_ways(transport: NativeTransport, size: int) -> None:
    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            await peer.send(answer(seen.body[::-1]))

    body = bytes(i % 251 for i in range(size))
    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), body))
    assert len(reply.content) == size
    assert reply.body == bytes(reply.content) == body[::-1]
    assert reply.body is reply.body
    with pytest.raises(AttributeError, match=r"^text$"):
        reply.text  # noqa: B018  # what there is not stays so


async def test_large_bodies_at_the_same_time_keep_apart(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        while seen := await peer.request():
            await peer.send(answer(seen.body * 400_000))

    with RawServer(script) as server:
        for _ in range(3):  # the memory of the first is used again
            bodies = [bytes([number]) for number in range(12)]
            replies = await asyncio.gather(*(transport.send(HttpRequest(server.url, (), body)) for body in bodies))
            assert all(reply.body == body * 400_000 for reply, body in zip(replies, bodies, strict=True))


async def test_a_chunked_body_is_put_together(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in (b"ab", b"c", b"def"):
            await peer.send(chunk(part))
        await peer.send(LAST_CHUNK)

    with RawServer(script) as server:
        assert (await transport.send(HttpRequest(server.url, ()))).body == b"abcdef"


async def test_events_come_in_order_with_their_names_and_end_with_none(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(SSE_HEAD + chunk(b"event: start\ndata: 0\n\n: ping\n\nda"))
            await peer.send(chunk(b"ta: 1\r\n\r\n") + chunk("data: zwölf\n\n: cut off".encode()) + LAST_CHUNK)

    with RawServer(script) as server:
        for _ in range(3):
            reply = await transport.send(HttpRequest(server.url, (), b"{}", framing="sse"))
            assert (reply.status, reply.streamed, reply.body) == (200, True, b"")
            assert await read_events(reply) == [("start", b"0"), ("", b"1"), ("", "zwölf".encode())]
            assert await reply.batch() is None
        assert server.opened == 1


async def test_ndjson_needs_no_line_end_after_its_last_line(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(NDJSON_HEAD + chunk(b'{"a":1}\n\n{"b"') + chunk(b":2}\r\n{}") + LAST_CHUNK)

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), b"{}", framing="ndjson"))
        assert await read_events(reply) == [("", b'{"a":1}'), ("", b'{"b":2}'), ("", b"{}")]


@pytest.mark.parametrize(
    ("framing", "content_type", "streamed"),
    [
        ("sse", "text/event-stream", True),
        ("sse", "Text/Event-Stream; charset=utf-8", True),
        ("sse", "application/json", False),
        ("sse", "text/event-streams", False),
        ("ndjson", "application/x-ndjson", True),
        ("ndjson", "application/json; charset=utf-8", True),
        ("ndjson", "text/event-stream", False),
        ("body", "text/event-stream", False),
    ],
)
async def test_only_the_framing_that_was_asked_for_is_streamed(
    transport: NativeTransport, framing: str, content_type: str, streamed: bool
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"data: 1\n\n", content_type=content_type))

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing=framing))  # type: ignore[arg-type]  # drawn from the table
        assert reply.streamed is streamed
        assert reply.body == (b"" if streamed else b"data: 1\n\n")


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "503 Service Unavailable"])
async def test_an_error_status_is_never_streamed(transport: NativeTransport, status: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"data: 1\n\n", status, content_type="text/event-stream"))

    with RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (), framing="sse"))
    assert (str(reply.status), reply.streamed, reply.body) == (status[:3], False, b"data: 1\n\n")


async def test_a_redirect_is_an_answer_like_any_other(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer(b"", "307 Temporary Redirect", location=elsewhere.url))

    with RawServer() as elsewhere, RawServer(script) as server:
        reply = await transport.send(HttpRequest(server.url, (("authorization", "Bearer sk"),), b"{}"))
        assert reply.status == 307
        assert elsewhere.opened == 0


async def test_cookies_are_not_kept(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer(set_cookie="a=b; Path=/"))

    with RawServer(script) as server:
        for _ in range(2):
            await transport.send(HttpRequest(server.url, ()))
        assert all("cookie" not in seen.headers for seen in server.seen)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_statuses_without_a_body_end_at_their_head(transport: NativeTransport, status: str) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(f"HTTP/1.1 {status}\r\n\r\n".encode())

    with RawServer(script) as server:
        for _ in range(2):
            assert (await transport.send(HttpRequest(server.url, (), framing="sse"))).body == b""
        assert server.opened == 1


async def test_interim_responses_are_passed_over(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + answer(b"1"))

    with RawServer(script) as server:
        assert (await transport.send(HttpRequest(server.url, ()))).body == b"1"


@pytest.mark.parametrize(
    ("url", "headers", "message"),
    [
        ("ftp://127.0.0.1/", (), "http or https"),
        ("/v1/chat", (), "absolute"),
        ("http://127.0.0.1/", (("authorization", "Bearer sk-geheim\n"),), "authorization"),
        ("http://127.0.0.1/", (("content-length", "5"),), "content-length"),
        ("http://127.0.0.1/", (("a b", "5"),), "name"),
    ],
)
async def test_what_cannot_be_sent_is_refused_without_telling_secrets(
    transport: NativeTransport, url: str, headers: tuple[tuple[str, str], ...], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        await transport.send(HttpRequest(url, headers))
    assert "geheim" not in str(caught.value)


async def test_a_unix_socket_takes_the_place_of_every_host(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with RawServer(path=path) as server:
        transport = NativeTransport(TransportConfig(unix_socket=path))
        reply = await transport.send(HttpRequest("http://model.internal/v1", (), b"{}"))
        await transport.aclose()
        assert reply.status == 200
        assert server.seen[0].headers["host"] == "model.internal"


async def test_a_proxy_is_asked_for_plain_urls_in_absolute_form() -> None:
    with RawServer() as proxy:
        secret = proxy.url.replace("//", "//user:word@")
        transport = NativeTransport(TransportConfig(proxy=secret))
        await transport.send(HttpRequest("http://model.invalid/v1", (), b"{}"))
        await transport.aclose()
        assert proxy.seen[0].target == "http://model.invalid/v1"
        assert proxy.seen[0].headers["proxy-authorization"].startswith("Basic ")
    assert "word" not in repr(TransportConfig(proxy=secret))


async def test_preconnect_leaves_a_connection_that_the_first_call_takes(transport: NativeTransport) -> None:
    with RawServer() as server:
        await transport.preconnect([server.url + "/v1/chat", server.url + "/v1/models?key=k"])
        await transport.send(HttpRequest(server.url + "/v1/chat", (), b"{}"))
        assert server.opened == 1
        assert [(seen.method, seen.target) for seen in server.seen] == [("HEAD", "/"), ("POST", "/v1/chat")]


async def test_after_closing_there_is_no_sending(transport: NativeTransport) -> None:
    with RawServer() as server:
        await transport.send(HttpRequest(server.url, ()))
        await transport.aclose()
        await server.becomes(lambda s: s.open == 0)
        with pytest.raises(GatewayClosed):
            await transport.send(HttpRequest(server.url, ()))
        await transport.aclose()


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "gzip, gzip", "identity, gzip"])
async def test_a_coding_that_was_not_asked_for_is_malformed(transport: NativeTransport, coding: str) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer(b"\x1f\x8b", content_encoding=coding))

    with RawServer(script) as server:
        for framing in ("body", "sse"):
            with pytest.raises(MalformedResponse, match="compressed"):
                await transport.send(HttpRequest(server.url, (), framing=framing))  # type: ignore[arg-type]  # both are


async def test_deadlines_that_are_infinite_or_absent_never_pass(transport: NativeTransport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.05)
            await peer.send(answer())

    with RawServer(script) as server:
        for limit in (None, float("inf"), 1e300):
            reply = await transport.send(HttpRequest(server.url, (), deadlines=Deadlines(limit, limit, limit, limit)))
            assert reply.status == 200
