"""`no_network()` stops whatever would leave this machine, and says where it wanted to go."""

from __future__ import annotations

import _socket
import asyncio
import socket
import threading

import httpx
import pytest

from ratatoskr.testing import NetworkUsed, ScriptedUpstream, no_network
from ratatoskr.transport.client import HttpRequest
from ratatoskr.transport.native import NativeTransport

ELSEWHERE = ("192.0.2.1", 443)  # an address for documentation, never routed


# The suite has a guard of its own on `socket.socket`; what lies below it is not guarded.


def test_sockets_are_stopped():
    with no_network(), pytest.raises(NetworkUsed, match=r"192\.0\.2\.1:443"):
        _socket.socket().connect(ELSEWHERE)


def test_datagrams_and_names_are_stopped():
    with no_network():
        with socket.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(NetworkUsed):
            one.sendto(b"x", ELSEWHERE)
        with pytest.raises(NetworkUsed, match=r"api\.example\.com:443"):
            socket.getaddrinfo("api.example.com", 443)


async def test_clients_on_asyncio_are_stopped():
    with no_network():
        with pytest.raises(NetworkUsed):
            await asyncio.open_connection("api.example.com", 443)
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(NetworkUsed, match=r"api\.example\.com"):
                await client.get("http://api.example.com/")


async def test_this_machine_may_be_reached_unless_it_may_not(client):
    async with ScriptedUpstream("Hello") as upstream:
        address = f"http://localhost:{upstream.port}/"
        with no_network():
            assert (await client.get(address)).status_code == 200
        with no_network(loopback=False), pytest.raises(NetworkUsed):
            await asyncio.open_connection("localhost", upstream.port)


async def test_the_native_client_is_stopped():
    transport = NativeTransport()
    with no_network(), pytest.raises(NetworkUsed, match=r"192\.0\.2\.1:8443"):
        await transport.send(HttpRequest("https://192.0.2.1:8443/v1?key=secret", ()))
    async with ScriptedUpstream() as upstream:
        address = f"http://127.0.0.1:{upstream.port}/"
        with no_network():
            assert (await transport.send(HttpRequest(address, (), method="GET"))).status == 200
        with no_network(loopback=False), pytest.raises(NetworkUsed):
            await transport.send(HttpRequest(address, (), method="GET"))
    await transport.aclose()


def test_other_threads_are_stopped_too():
    caught = []

    def go():
        try:
            _socket.socket().connect(ELSEWHERE)
        except NetworkUsed as error:
            caught.append(error)

    with no_network():
        thread = threading.Thread(target=go)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_the_stricter_of_two_holds_and_ends_with_its_block():
    with no_network(loopback=False), no_network(), pytest.raises(NetworkUsed):
        socket.create_connection(("127.0.0.1", 1))
    with no_network(), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 1))


@no_network(loopback=False)
def guarded(host):
    socket.create_connection((host, 1))


@no_network()
async def guarded_async():
    await asyncio.sleep(0)
    socket.getaddrinfo("api.example.com", 443)


async def test_functions_are_guarded_async_or_not():
    with pytest.raises(NetworkUsed):
        guarded("127.0.0.1")
    with pytest.raises(NetworkUsed):
        await guarded_async()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 1))
    assert guarded.__name__ == "guarded"
