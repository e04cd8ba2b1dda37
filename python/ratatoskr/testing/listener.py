"""The listening socket of a scripted upstream, and the faults that happen before any connection is had."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING

from ratatoskr.errors import ConfigurationError

if TYPE_CHECKING:
    from ratatoskr.testing.faults.table import Fault

_BACKLOG = 1024
_FILLERS = 4  # connections of our own that keep a backlog of none full


class Listener:
    """One address that can listen, refuse, or let connections pile up; its port stays the same throughout.

    Args:
        host: address to bind.
        port: 0 takes a free one at the first `open`.
        contexts: TLS contexts by name; without any the port speaks plain HTTP.
    """

    def __init__(self, host: str, port: int, contexts: Mapping[str, ssl.SSLContext]) -> None:
        self.host, self.port, self.contexts = host, port, contexts
        self.fault: Fault | None = None
        self._server: asyncio.Server | None = None
        self._sockets: list[socket.socket] = []
        self._accepting: set[asyncio.Task[None]] = set()

    async def open(self, connected: Callable[[], asyncio.Protocol], fault: Fault | None) -> None:
        """Listen, in the manner that `fault` wants.

        Raises:
            ConfigurationError: the fault needs a TLS context that the caller did not give.
        """
        self.close()
        door = fault.door if fault is not None else ""
        context = None if door in {"refuse", "never_accept"} else self._context(door)
        self.fault = fault
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # asyncio switches Nagle's delay off only where the protocol is named, and accepted sockets inherit the name
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)  # the socket module takes it so
        try:
            bound.bind((self.host, self.port))
        except BaseException:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        match door:
            case "refuse":
                self._sockets.append(bound)  # bound and not listening: the port is ours and nobody gets in
            case "never_accept":
                self._sockets.append(bound)
                await self._fill(bound)
            case "old_version" if context is not None:
                self._sockets.append(bound)
                bound.listen(_BACKLOG)
                self._start(self._accept(bound, connected, context))
            case _:
                self._server = await asyncio.get_running_loop().create_server(
                    connected, sock=bound, ssl=context, backlog=_BACKLOG
                )

    def _context(self, name: str) -> ssl.SSLContext | None:
        if name == "plain" or not (name or self.contexts):
            return None
        if (name or "good") not in self.contexts:
            raise ConfigurationError(f"the upstream has no TLS context named {name or 'good'!r}", field="tls")
        return self.contexts[name or "good"]

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    async def _accept(
        self, bound: socket.socket, connected: Callable[[], asyncio.Protocol], context: ssl.SSLContext
    ) -> None:
        while True:
            accepted, _ = await asyncio.get_running_loop().sock_accept(bound)
            self._start(_let_in(accepted, connected, context))

    async def _fill(self, bound: socket.socket) -> None:
        """Listen with no room and take up what room there is, so that handshakes are never completed (Linux)."""
        bound.listen(0)
        for _ in range(_FILLERS):
            filler = socket.socket(bound.family, socket.SOCK_STREAM)
            filler.setblocking(False)  # the socket module takes it so
            self._sockets.append(filler)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self.host, self.port))
        await asyncio.sleep(0)

    def close(self) -> None:
        """Stop listening; connections that were accepted live on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._accepting:
            task.cancel()
        for one in self._sockets:
            if self._accepting:  # before its number is given to another socket
                asyncio.get_running_loop().remove_reader(one)
            one.close()
        self._sockets.clear()
        self.fault = None


async def _let_in(accepted: socket.socket, connected: Callable[[], asyncio.Protocol], context: ssl.SSLContext) -> None:
    """Refuse a client that TLS has nothing in common with by the alert that says so, as servers do; let in others.

    asyncio's own server closes such a connection without a word, which clients take for a peer that went away.
    """
    loop = asyncio.get_running_loop()
    try:
        hello = await _first_flight(accepted)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(hello)
        try:
            context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        except ssl.SSLWantReadError:  # so far all is well
            with contextlib.suppress(OSError):  # it failed later, or the client went
                await loop.connect_accepted_socket(connected, accepted, ssl=context)
            return
        except ssl.SSLError:
            await loop.sock_recv(accepted, len(hello))  # what is left unread would turn the end into a reset
            with contextlib.suppress(OSError):  # the client went
                await loop.sock_sendall(accepted, outgoing.read())
        accepted.close()
    except BaseException:
        accepted.close()
        raise


async def _first_flight(accepted: socket.socket) -> bytes:
    """Return what came first, and leave it where it is."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(accepted, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(accepted)
    return accepted.recv(65536, socket.MSG_PEEK)
