"""A service in the test's own event loop, and raw messages by field numbers alone."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc.aio

from ratatoskr import ServiceClient
from ratatoskr.service.methods import SERVICE
from ratatoskr.service.server.call import ServerHooks
from ratatoskr.service.server.listen import add_listener, make_server
from ratatoskr.service.server.service import Service


@dataclass(slots=True)
class Served:
    """A service that listens, and where."""

    service: Service
    server: Any
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Any]:
        """Open a channel without our client."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", [("grpc.enable_http_proxy", 0)]) as channel:
            yield channel


@asynccontextmanager
async def serve(
    backend: Any, hooks: ServerHooks | None = None, port: int = 0, **settings: Any
) -> AsyncIterator[Served]:
    """Serve a backend on loopback."""
    service = Service(backend, hooks, **settings)
    server = make_server(service)
    made = Served(service, server, add_listener(server, f"127.0.0.1:{port}"))
    await server.start()
    try:
        yield made
    finally:
        await server.stop(None)


@asynccontextmanager
async def client_of(backend: Any, hooks: ServerHooks | None = None, **arguments: Any) -> AsyncIterator[ServiceClient]:
    """Open a client of a backend that is served."""
    async with serve(backend, hooks) as served, ServiceClient(served.url, **arguments) as client:
        yield client


def path(method: str) -> str:
    return f"/{SERVICE}/{method}"


# messages by hand


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: Any) -> bytes:
    """Return one field: an int or bool as a varint, a float in 32 bits, anything else with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    octets = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(octets)) + octets


def fields(*pairs: tuple[int, Any]) -> bytes:
    return b"".join(field(number, value) for number, value in pairs)


def read(octets: bytes) -> dict[int, list[Any]]:
    """Return the values of a message by their numbers."""
    found: dict[int, list[Any]] = {}
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            value |= (octets[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if octets[at - 1] < 0x80:
                return value

    while at < len(octets):
        key = number()
        kind = key & 7
        value: Any
        if kind == 0:
            value = number()
        elif kind == 2:
            length = number()
            value, at = octets[at : at + length], at + length
        else:
            size, code = (4, "<f") if kind == 5 else (8, "<d")
            value, at = struct.unpack(code, octets[at : at + size])[0], at + size
        found.setdefault(key >> 3, []).append(value)
    return found
