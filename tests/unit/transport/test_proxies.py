"""A proxy that refuses or fails is named as such by both transports, and its password is nowhere."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from ratatoskr import ConfigurationError, ConnectionFailed, Ratatoskr, RatatoskrError
from ratatoskr.transport.client import HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.httpx import HttpxTransport
from ratatoskr.transport.native import NativeTransport
from unit.leaks import leaks
from unit.transport.raw_server import Peer, RawServer, answer

PASSWORD = "geheim-0123456789"
HTTPS, HTTP = "https://api.invalid/v1", "http://api.invalid/v1"


@asynccontextmanager
async def transport_of(kind: str, proxy: str) -> AsyncIterator[Any]:
    if kind == "native":
        transport = NativeTransport(TransportConfig(proxy=proxy))
        yield transport
        await transport.aclose()
    else:
        async with httpx.AsyncClient(proxy=proxy, trust_env=False) as client:
            yield HttpxTransport(client)


async def failure(kind: str, proxy: str, url: str) -> ConnectionFailed:
    """Return the error of a request through a proxy, after looking for the password of the proxy in it."""
    async with transport_of(kind, proxy.replace("//", f"//me:{PASSWORD}@")) as transport:
        with pytest.raises(ConnectionFailed) as caught:
            await transport.send(HttpRequest(url, (("authorization", "k"),), b"{}"))
    assert PASSWORD not in f"{caught.value}{caught.value.fields()}"
    return caught.value


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("kind", ["native", "httpx"])
@pytest.mark.parametrize("url", [HTTP, HTTPS])
async def test_a_proxy_that_cannot_be_reached_is_the_proxys_failure(kind: str, url: str) -> None:
    error = await failure(kind, f"http://127.0.0.1:{free_port()}", url)
    assert (error.phase, error.sent, error.retryable) == ("proxy", False, True)
    assert error.message.startswith("the proxy failed: api.invalid:")


@pytest.mark.parametrize("kind", ["native", "httpx"])
@pytest.mark.parametrize("url", [HTTP, HTTPS])
async def test_a_proxy_whose_name_does_not_exist_is_the_proxys_failure(kind: str, url: str) -> None:
    error = await failure(kind, "http://proxy.invalid:1", url)
    assert (error.phase, error.sent) == ("proxy", False)


ANSWERS = {
    "407": (answer(b"", "407 X", proxy_authenticate="Basic"), False),
    "403": (answer(b"", "403 X"), True),
    "502": (answer(b"", "502 X"), True),
    "nothing": (b"", True),
    "no HTTP": (b"SSH-2.0\r\n\r\n", True),
    "a tunnel that ends at once": (b"HTTP/1.1 200 OK\r\n\r\n", True),
}


@pytest.mark.parametrize("kind", ["native", "httpx"])
@pytest.mark.parametrize("case", ANSWERS)
async def test_a_proxy_that_opens_no_tunnel_is_the_proxys_failure(kind: str, case: str) -> None:
    reply, retryable = ANSWERS[case]

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(reply)

    with RawServer(script) as proxy:
        error = await failure(kind, proxy.url, HTTPS)
    assert (error.phase, error.sent, error.retryable) == ("proxy", False, retryable)


SOCKS = {"closes": b"", "refuses": b"\x05\xff", "is none": b"HTTP/1.1 400 X\r\n\r\n"}


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("case", SOCKS)
async def test_a_socks_proxy_that_fails_is_the_proxys_failure(scheme: str, case: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(3)
        await peer.send(SOCKS[case])

    with RawServer(script) as proxy:
        error = await failure("native", proxy.url.replace("http:", f"{scheme}:"), "https://127.0.0.1:9/v1")
    assert (error.phase, error.sent) == ("proxy", False)


async def test_a_host_that_is_resolved_here_before_a_socks_proxy_is_asked_fails_by_itself() -> None:
    error = await failure("native", f"socks5://127.0.0.1:{free_port()}", HTTPS)
    assert error.phase == "dns"


@pytest.mark.parametrize("own", [False, True], ids=["native", "httpx"])
async def test_a_proxy_that_answers_a_plain_request_with_407_is_the_proxys_failure(own: bool) -> None:
    page = f"<html>Basic me:{PASSWORD}</html>".encode()

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer(page, "407 X", proxy_authenticate="Basic"))

    with RawServer(script) as proxy:
        url = proxy.url.replace("//", f"//me:{PASSWORD}@")
        builder = Ratatoskr.builder().compatible("house", base_url="http://127.0.0.1:9/v1", key="k").retries(2)
        async with httpx.AsyncClient(proxy=url, trust_env=False) as client:
            gateway = (builder.http_client(client) if own else builder.proxy(url)).build()
            with pytest.raises(ConnectionFailed) as caught:
                await gateway.chat("Who?", "house:m")
            await gateway.aclose()
        assert len(proxy.seen) == 1
    error = caught.value
    assert (error.phase, error.sent, error.status, error.retryable) == ("proxy", False, 407, False)
    assert PASSWORD not in f"{error}{error.attempts}"
    if not own:
        assert not leaks(error, PASSWORD)


@pytest.mark.parametrize("url", ["socks4://p:1", "ftp://p:1", "p:1", "http://", "http://p:x", "http://p:70000", ""])
def test_a_proxy_that_cannot_be_one_is_refused_by_the_builder(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"proxy must be \(http\|https\|socks5\|socks5h\)://") as caught:
        Ratatoskr.builder().proxy(url)
    assert caught.value.field == "proxy"


async def test_a_failing_proxy_shows_no_password_in_the_error_of_a_call() -> None:
    url = f"http://me:{PASSWORD}@127.0.0.1:{free_port()}"
    gateway = Ratatoskr.builder().openai("k", base_url=HTTPS).proxy(url).retries(0).build()
    with pytest.raises(RatatoskrError) as caught:
        await gateway.chat("Who?", "openai:m")
    await gateway.aclose()
    assert not leaks(caught.value, PASSWORD)
