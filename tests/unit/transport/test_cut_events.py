"""The end of a body inside an event, and a last event without its blank line, over each transport."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.transport.client import HttpRequest, Transport
from ratatoskr.transport.httpx import HttpxTransport
from ratatoskr.transport.native import NativeTransport
from unit.transport.raw_server import LAST_CHUNK, SSE_HEAD, Peer, RawServer, Script, chunk


@pytest.fixture(params=["native", "httpx", "httpx2"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    if request.param == "native":
        native = NativeTransport()
        yield native
        await native.aclose()
        return
    async with importlib.import_module(request.param).AsyncClient(trust_env=False) as client:
        yield HttpxTransport(client)


def sends(body: bytes) -> Script:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(SSE_HEAD + chunk(body) + LAST_CHUNK)

    return script


@pytest.mark.parametrize("cut", [b"data: {", b"da", b"event: a\n", b"data: a\n"])
async def test_a_body_that_ends_inside_an_event_is_no_clean_end(transport: Transport, cut: bytes) -> None:
    with RawServer(sends(b"data: 1\n\n" + cut)) as server:
        for _ in range(2):
            reply = await transport.send(HttpRequest(server.url, (), b"{}", framing="sse"))
            assert await reply.batch() == [("", b"1")]
            for _ in range(2):
                with pytest.raises(MalformedResponse, match="the body ended inside an event"):
                    await reply.batch()
        assert server.opened == 1


async def test_a_last_event_without_its_blank_line_counts_if_it_is_complete(transport: Transport) -> None:
    with RawServer(sends(b'data: 1\n\nevent: e\ndata: {"a":1}')) as server:
        reply = await transport.send(HttpRequest(server.url, (), b"{}", framing="sse"))
        events = []
        while (batch := await reply.batch()) is not None:
            events += batch
        assert events == [("", b"1"), ("e", b'{"a":1}')]
