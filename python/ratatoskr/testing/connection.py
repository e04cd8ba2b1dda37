"""One connection of the scripted upstream: HTTP/1.1 as an `asyncio.Protocol`, with a hand on every byte that leaves.

A protocol rather than streams, because a close by the other side must be seen while a stall is being acted.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, cast

import msgspec

from ratatoskr.testing.reply import Ending, Reply
from ratatoskr.testing.turns import Asked

_HEAD_LIMIT = 256 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: closing sends RST
_TLS_HANDSHAKE = 0x16
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(slots=True, eq=False)
class Received:
    """A request as it arrived, and what became of it.

    Attributes:
        method: such as "POST".
        target: path and query as sent.
        headers: names in lower case; values of a repeated name joined by ", ".
        raw: the body.
        connection: number of the connection that it came on, from 1.
        provider: whose address it was sent to.
        dialect: name of the dialect of that address.
        asked: what it asks for; `None` where it was refused or asks for no answer.
        answered: what answered it: `turn`, `default`, `refused`, `list`, … or the name of a fault.
        sent: bytes of the response's body written so far.
        finished: whether the response went out whole, in the way that the script wanted it.
        started_at: `time.monotonic()` when the request was complete.
        closed_at: `time.monotonic()` when the other side closed the connection before the response was finished.
    """

    method: str
    target: str
    headers: dict[str, str]
    raw: bytes
    connection: int
    provider: str = ""
    dialect: str = ""
    asked: Asked | None = None
    answered: str = ""
    sent: int = 0
    finished: bool = False
    started_at: float = 0.0
    closed_at: float | None = None
    _json: Any = field(default=msgspec.UNSET, repr=False)

    @property
    def path(self) -> str:
        """The address without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]

    @property
    def json(self) -> Any:
        """The body, parsed.

        Raises:
            msgspec.DecodeError: it is not JSON.
        """
        if self._json is msgspec.UNSET:
            self._json = msgspec.json.decode(self.raw)
        return self._json


class Hangup(Exception):  # it ends an exchange, it is no error of anybody
    """The exchange is over: the other side went, or the script says so."""


class Connection(asyncio.Protocol):
    """Reads requests, has them answered one after another, and writes replies piece by piece."""

    def __init__(
        self,
        number: int,
        answer: Callable[[Received], Awaitable[Reply]],
        changed: Callable[[Connection], Ending],
        gate: asyncio.Semaphore,
    ) -> None:
        self.number = number
        self.closed = False
        self._deaf = False
        self._answer, self._changed, self._gate = answer, changed, gate
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._exchange: asyncio.Task[None] | None = None
        self._current: Received | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, if the script does."""
        self._transport = cast("asyncio.Transport", transport)
        match self._changed(self):
            case "reset":
                self.reset()
            case "end":
                self.end()
            case "hold":
                self._deaf = True

    def data_received(self, data: bytes) -> None:
        """Collect a request; those that come early wait for their turn."""
        if self._deaf:
            return
        self._buffer += data
        if self._exchange is None:
            self._next()

    def eof_received(self) -> None:
        """The other side closed its half: nobody who talks to a provider does that and then reads on."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note when it happened and stop answering."""
        self.closed = True
        if self._current is not None and not self._current.finished:
            self._current.closed_at = monotonic()
        if self._exchange is not None:
            self._exchange.cancel()
        self._writable.set()
        self._changed(self)

    def pause_writing(self) -> None:
        """The other side reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The other side caught up."""
        self._writable.set()

    # what ends it

    def reset(self) -> None:
        """End the connection with an RST."""
        if self._transport is not None and not self.closed:
            raw = self._transport.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):  # it may be closed under our hands
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def end(self) -> None:
        """End the connection with a FIN after what has been written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    # requests

    def _next(self) -> None:
        """Start to answer the next request if it is complete."""
        if self._buffer and self._buffer[0] == _TLS_HANDSHAKE:
            return self._refuse()
        try:
            request = self._take()
        except ValueError:
            return self._refuse()
        if request is not None:
            self._exchange = asyncio.get_running_loop().create_task(self._converse(request))
        return None

    def _refuse(self) -> None:
        """Answer what is no HTTP request, as an HTTP server would, and close."""
        if self._transport is not None:
            self._transport.write(_BAD_REQUEST)
            self._transport.close()

    def _take(self) -> Received | None:
        """Take one complete request off the buffer.

        Raises:
            ValueError: this is no HTTP/1.1 request.
        """
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD_LIMIT:
                raise ValueError("head too long")
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(version)
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = _chunked(self._buffer, end + 4)
        else:
            size = int(headers.get("content-length", "0"))
            body = (bytes(self._buffer[end + 4 : end + 4 + size]), end + 4 + size)
            if len(self._buffer) < body[1]:
                body = None
        if body is None:
            if headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        del self._buffer[: body[1]]
        return Received(method, target, headers, body[0], self.number, started_at=monotonic())

    # replies

    async def _converse(self, request: Received) -> None:
        """Answer one request, then look for the next."""
        self._current = request
        keep = request.headers.get("connection", "").lower() != "close"
        try:
            reply = await self._answer(request)
            await self._send(reply, request)
            keep = keep and not (reply.close or reply.framing == "close")
            if reply.ending != "clean":
                await self._leave(reply, request)
        except Hangup:
            return
        finally:
            self._exchange = self._current = None
            self._changed(self)
        if not keep:
            self.end()
        elif self._buffer:
            self._next()

    async def _leave(self, reply: Reply, request: Received) -> None:
        """Leave the connection as the reply wants it left; never returns."""
        if reply.ending == "hold":
            await asyncio.get_running_loop().create_future()  # until the other side closes and this task is cancelled
        await self._flushed()
        request.finished = True
        if reply.ending == "reset":
            self.reset()
        else:
            self.end()
        raise Hangup

    async def _send(self, reply: Reply, request: Received) -> None:
        if reply.delay:
            await asyncio.sleep(reply.delay)
        ready = reply.prelude + reply.head_bytes()
        chunked, begun = reply.framing == "chunked" and reply.status is not None, False
        if request.method == "HEAD":
            request.finished = True
            return await self._write(ready)
        for piece in reply.pieces():
            if isinstance(piece, float):
                await self._write(ready)
                ready = b""
                await self._wait(piece)
                continue
            if begun and reply.pace:
                await self._wait(reply.pace)
            if reply.gated:
                await self._write(ready)
                ready = b""
                await self._gate.acquire()
            ready += b"%x\r\n%b\r\n" % (len(piece), piece) if chunked and piece else piece
            begun = True
            request.sent += len(piece)
            await self._write(ready)
            ready = b""
        whole = reply.ending in {"clean", "stale"}
        if chunked and whole:
            trailers = "".join(f"{name}: {value}\r\n" for name, value in reply.trailers.items())
            ready += f"0\r\n{trailers}\r\n".encode("latin-1")
        request.finished = request.finished or whole
        return await self._write(ready)

    async def _write(self, data: bytes) -> None:
        if self.closed or self._transport is None or self._transport.is_closing():
            raise Hangup
        if data:
            self._transport.write(data)
        if not self._writable.is_set():
            await self._writable.wait()

    async def _wait(self, seconds: float) -> None:
        if math.isinf(seconds):
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(seconds)

    async def _flushed(self) -> None:
        """Wait until the kernel has everything."""
        if self._transport is not None and not self.closed and self._transport.get_write_buffer_size():
            self._transport.set_write_buffer_limits(0)
            await self._writable.wait()


def _chunked(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Return the body that begins at `start` in chunks and where it ends, or `None` while it is incomplete."""
    body = bytearray()
    while True:
        line = buffer.find(b"\r\n", start)
        if line < 0:
            return None
        size = int(bytes(buffer[start:line]).partition(b";")[0], 16)
        if len(buffer) < line + 4 + size:
            return None
        if size == 0:
            return bytes(body), line + 4  # trailers of requests are not spoken here
        body += buffer[line + 2 : line + 2 + size]
        start = line + 4 + size
