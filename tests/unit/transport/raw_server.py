"""A server of raw bytes on loopback, in a thread of its own: each connection runs a script that the test wrote."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

PATIENCE = 20.0
"""Seconds until a test that waits for something gives up; nothing waits this long when all is well."""

SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
NDJSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole response; `content_type="text/html"` sets the header content-type."""
    lines = {"content-type": "application/json", "content-length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Peer:
    """One connection, as a script sees it."""

    def __init__(
        self, server: RawServer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self.server = server

    async def request(self) -> Seen | None:
        """Read one whole request, or `None` when the client has closed."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return None
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        seen = Seen(method, target, headers, body, self.number)
        self.server.note(lambda: self.server.seen.append(seen))
        return seen

    async def send(self, data: bytes) -> None:
        if self.writer.transport.is_closing() or self.reader.at_eof():
            raise ConnectionResetError("the client has gone")  # asyncio's TLS has no error of its own for this
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has closed, whatever it still sends."""
        try:
            while await self.reader.read(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass

    def reset(self) -> None:
        """Break the connection with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


async def serve_requests(peer: Peer) -> None:
    """Answer every request with `{}`, a HEAD with nothing, and keep the connection."""
    while seen := await peer.request():
        await peer.send(answer(b"" if seen.method == "HEAD" else b"{}"))


class RawServer:
    """Serves while the `with` block runs; counts what comes and goes."""

    def __init__(self, script: Script = serve_requests, tls: ssl.SSLContext | None = None, path: str = "") -> None:
        self.script = script
        self.tls = tls
        self.path = path
        self.port = 0
        self.opened = 0
        self.closed = 0
        self.seen: list[Seen] = []
        self.errors: list[BaseException] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="raw-server", daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        return self.opened - self.closed

    def note(self, change: Callable[[], object]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def until(self, holds: Callable[[RawServer], bool]) -> None:
        """Block until something holds of this server."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), PATIENCE), f"{self.opened=} {self.closed=} {self.seen=}"

    async def becomes(self, holds: Callable[[RawServer], bool]) -> None:
        """Wait until something holds of this server."""
        await asyncio.to_thread(self.until, holds)

    def call(self, function: Callable[[], object]) -> None:
        """Run something, such as setting an event that a script waits for, on the server's loop."""
        self._loop.call_soon_threadsafe(function)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(PATIENCE)
        if kind is None and self.errors:
            raise self.errors[0]

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    async def _serve(self) -> None:
        if self.path:
            server: asyncio.Server = await asyncio.start_unix_server(self._serve_one, self.path)
        else:
            server = await asyncio.start_server(self._serve_one, "127.0.0.1", 0, ssl=self.tls, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await server.serve_forever()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def opened() -> None:
            self.opened += 1

        def closed() -> None:
            self.closed += 1

        self.note(opened)
        try:
            await self.script(Peer(self, self.opened, reader, writer))
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # the client closed while the script wrote or read
        except asyncio.CancelledError:
            pass  # the test is over
        except BaseException as error:
            self.errors.append(error)
        finally:
            writer.transport.abort() if self.tls else writer.close()
            self.note(closed)
