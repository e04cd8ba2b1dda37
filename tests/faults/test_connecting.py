"""How a gateway connects: in advance, through a proxy, over a Unix socket; each is set by the builder."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.conformance.faces import KEY, MODELS, gateway_to

from ratatoskr import ConfigurationError, ConnectionFailed, Ratatoskr
from ratatoskr.config.builder import Builder
from ratatoskr.testing import ScriptedUpstream, fault
from unit.transport.raw_server import Peer, RawServer, answer

DOCUMENT = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}'
)


async def answer_requests(peer: Peer) -> None:
    while await peer.request():
        await peer.send(answer(DOCUMENT))


def _builder_for(url: str) -> Builder:
    return Ratatoskr.builder().compatible("house", base_url=url, key=KEY)


async def test_preconnect_opens_a_connection_that_the_first_call_takes_and_sends_no_key() -> None:
    async with ScriptedUpstream("Hello") as upstream, gateway_to(upstream) as gateway:
        await gateway.preconnect()
        assert (upstream.connections, upstream.open_connections) == (1, 1)
        assert not any(KEY in str(request.headers) for request in upstream.requests)
        assert (await gateway.chat("Who?", MODELS["compatible"])).content == "Hello"
        assert upstream.connections == 1


async def test_preconnect_says_who_is_out_of_reach() -> None:
    async with ScriptedUpstream(fault("refuse")) as upstream, gateway_to(upstream) as gateway:
        with pytest.raises(ConnectionFailed) as caught:
            await gateway.preconnect()
        assert (caught.value.phase, caught.value.sent) == ("connect", False)
        await upstream.use("Hello")
        await gateway.preconnect()
        assert (await gateway.chat("Who?", MODELS["compatible"])).content == "Hello"


async def test_a_unix_socket_takes_the_place_of_every_host(tmp_path: Path) -> None:
    path = tmp_path / "provider.sock"
    with RawServer(answer_requests, path=str(path)) as server:
        async with _builder_for("http://localhost/v1").unix_socket(path).build() as gateway:
            assert (await gateway.chat("Who?", "house:m")).content == "Hello"
        assert server.seen[0].target == "/v1/chat/completions"
    async with _builder_for("http://localhost/v1").unix_socket(tmp_path / "none.sock").retries(0).build() as gateway:
        with pytest.raises(ConnectionFailed) as caught:
            await gateway.chat("Who?", "house:m")
        assert not caught.value.sent


async def test_a_proxy_gets_everything_even_what_is_on_this_machine() -> None:
    with RawServer(answer_requests) as proxy:
        async with _builder_for("http://127.0.0.1:9/v1").proxy(proxy.url).build() as gateway:
            assert (await gateway.chat("Who?", "house:m")).content == "Hello"
        assert proxy.seen[0].target == "http://127.0.0.1:9/v1/chat/completions"


@pytest.mark.parametrize(
    "also",
    [
        lambda b: b.proxy("http://127.0.0.1:9"),
        lambda b: b.tls(ca=b"-----BEGIN CERTIFICATE-----"),
        lambda b: b.unix_socket("provider.sock"),
        lambda b: b.limits("house", 1),
    ],
    ids=["proxy", "tls", "unix socket", "limits"],
)
async def test_what_a_client_of_ones_own_would_not_do_is_refused_instead_of_forgotten(also: object) -> None:
    assert callable(also)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(ConfigurationError, match="has its own proxy, TLS, socket and limits"):
            also(_builder_for("http://127.0.0.1:9/v1").http_client(client)).build()
