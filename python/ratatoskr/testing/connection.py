"""One connection of the scripted upstream: HTTP/1.1 as an `asyncio.Protocol` that controls every write.

It is a protocol because a stalled response must notice at once that the client closed, which streams do not.
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
from ratatoskr.testing.turns import ParsedRequest

_HEAD_LIMIT = 256 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with a timeout of 0: closing sends RST
_TLS_HANDSHAKE = 0x16
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(slots=True, eq=False)
class Received:
    """A request as it arrived, and how it was answered.

    Attributes:
        method: The method, such as "POST".
        target: The path and the query as sent.
        headers: The headers, with names in lower case; values of a repeated name are joined by ", ".
        raw: The body.
        connection: The number of its connection, from 1.
        provider: The provider whose address was called.
        dialect: The name of the dialect of that address.
        asked: The parsed request; `None` if it was rejected or is not for an answer of a model.
        answered: What answered it: `turn`, `default`, `refused`, `list`, … or the name of a fault.
        sent: The number of bytes of the response body written so far.
        finished: Whether the response was sent completely, as the script describes it.
        started_at: `time.monotonic()` when the request was complete.
        closed_at: `time.monotonic()` when the client closed the connection before the response was finished.
    """

    method: str
    target: str
    headers: dict[str, str]
    raw: bytes
    connection: int
    provider: str = ""
    dialect: str = ""
    asked: ParsedRequest | None = None
    answered: str = ""
    sent: int = 0
    finished: bool = False
    started_at: float = 0.0
    closed_at: float | None = None
    _json: Any = field(default=msgspec.UNSET, repr=False)

    @property
    def path(self) -> str:
        """The path, without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, without the question mark."""
        return self.target.partition("?")[2]

    @property
    def json(self) -> Any:
        """The parsed body.

        Raises:
            msgspec.DecodeError: The body is not JSON.
        """
        if self._json is msgspec.UNSET:
            self._json = msgspec.json.decode(self.raw)
        return self._json


class Hangup(Exception):  # control flow, not an error
    """The exchange is over: the client closed the connection, or the script ends it."""


class Connection(asyncio.Protocol):
    """Reads requests, has them answered in order, and writes the replies piece by piece."""

    def __init__(
        self,
        number: int,
        answer: Callable[[Received], Awaitable[Reply]],
        changed: Callable[[Connection], Ending],
        gate: asyncio.Semaphore,
    ) -> None:
        self.number = number
        self.closed = False
        self._ignoring = False
        self._answer, self._changed, self._gate = answer, changed, gate
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._exchange: asyncio.Task[None] | None = None
        self._current: Received | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection, or end it as the script says."""
        self._transport = cast("asyncio.Transport", transport)
        match self._changed(self):
            case "reset":
                self.reset()
            case "end":
                self.end()
            case "hold":
                self._ignoring = True

    def data_received(self, data: bytes) -> None:
        """Collect a request; pipelined ones wait in the buffer."""
        if self._ignoring:
            return
        self._buffer += data
        if self._exchange is None:
            self._start_next()

    def eof_received(self) -> None:
        """Close: a client of a provider that has closed its half does not read the response."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Record the time and stop answering."""
        self.closed = True
        if self._current is not None and not self._current.finished:
            self._current.closed_at = monotonic()
        if self._exchange is not None:
            self._exchange.cancel()
        self._writable.set()
        self._changed(self)

    def pause_writing(self) -> None:
        """Pause: the client reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Continue: the client has caught up."""
        self._writable.set()

    # ending it

    def reset(self) -> None:
        """End the connection with an RST."""
        if self._transport is not None and not self.closed:
            raw = self._transport.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):  # it may be closed already
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def end(self) -> None:
        """End the connection with a FIN after what has been written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection without sending what is buffered."""
        if self._transport is not None:
            self._transport.abort()

    # requests

    def _start_next(self) -> None:
        """Start to answer the next request if it is complete."""
        if self._buffer and self._buffer[0] == _TLS_HANDSHAKE:
            return self._reject()
        try:
            request = self._parse_request()
        except ValueError:
            return self._reject()
        if request is not None:
            self._exchange = asyncio.get_running_loop().create_task(self._serve_request(request))
        return None

    def _reject(self) -> None:
        """Answer input that is not HTTP with status 400, and close."""
        if self._transport is not None:
            self._transport.write(_BAD_REQUEST)
            self._transport.close()

    def _parse_request(self) -> Received | None:
        """Remove one complete request from the buffer and return it.

        Raises:
            ValueError: The buffer does not hold an HTTP/1.1 request.
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
            body = _parse_chunked(self._buffer, end + 4)
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

    async def _serve_request(self, request: Received) -> None:
        """Answer one request, then start with the next."""
        self._current = request
        keep = request.headers.get("connection", "").lower() != "close"
        try:
            reply = await self._answer(request)
            await self._send(reply, request)
            keep = keep and not (reply.close or reply.framing == "close")
            if reply.ending != "clean":
                await self._end_connection(reply, request)
        except Hangup:
            return
        finally:
            self._exchange = self._current = None
            self._changed(self)
        if not keep:
            self.end()
        elif self._buffer:
            self._start_next()

    async def _end_connection(self, reply: Reply, request: Received) -> None:
        """End the connection as the reply describes; never returns."""
        if reply.ending == "hold":
            await asyncio.get_running_loop().create_future()  # until the client closes, which cancels this task
        await self._flush()
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
                await self._sleep(piece)
                continue
            if begun and reply.pace:
                await self._sleep(reply.pace)
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

    async def _sleep(self, seconds: float) -> None:
        if math.isinf(seconds):
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(seconds)

    async def _flush(self) -> None:
        """Wait until the kernel has accepted everything that was written."""
        if self._transport is not None and not self.closed and self._transport.get_write_buffer_size():
            self._transport.set_write_buffer_limits(0)
            await self._writable.wait()


def _parse_chunked(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Return the chunked body that begins at `start` and its end, or `None` while it is incomplete."""
    body = bytearray()
    while True:
        line = buffer.find(b"\r\n", start)
        if line < 0:
            return None
        size = int(bytes(buffer[start:line]).partition(b";")[0], 16)
        if len(buffer) < line + 4 + size:
            return None
        if size == 0:
            return bytes(body), line + 4  # trailers of requests are not supported
        body += buffer[line + 2 : line + 2 + size]
        start = line + 4 + size
