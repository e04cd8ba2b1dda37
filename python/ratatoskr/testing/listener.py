"""The listening socket of a scripted upstream, and the faults that prevent connections."""

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
_FILLERS = 4  # our own connections that fill a backlog of 0


class Listener:
    """An address that listens, refuses connections, or never accepts them; its port stays the same.

    Args:
        host: The address to bind.
        port: The port; 0 selects a free one at the first `open`.
        contexts: TLS contexts by name; without any, it serves plain HTTP.
    """

    def __init__(self, host: str, port: int, contexts: Mapping[str, ssl.SSLContext]) -> None:
        self.host, self.port, self.contexts = host, port, contexts
        self.fault: Fault | None = None
        self._server: asyncio.Server | None = None
        self._sockets: list[socket.socket] = []
        self._accepting: set[asyncio.Task[None]] = set()

    async def open(self, connected: Callable[[], asyncio.Protocol], fault: Fault | None) -> None:
        """Listen as `fault` says.

        Raises:
            ConfigurationError: The fault needs a TLS context that the caller did not provide.
        """
        self.close()
        manner = fault.listener if fault is not None else ""
        context = None if manner in {"refuse", "never_accept"} else self._context(manner)
        self.fault = fault
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # asyncio disables Nagle's algorithm only where the protocol is given; accepted sockets inherit it
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)  # a flag of `setblocking`, which has no keyword
        try:
            bound.bind((self.host, self.port))
        except BaseException:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        match manner:
            case "refuse":
                self._sockets.append(
                    bound
                )  # bound but not listening: the port stays reserved and connections are refused
            case "never_accept":
                self._sockets.append(bound)
                await self._fill_backlog(bound)
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
            self._start(_accept_tls(accepted, connected, context))

    async def _fill_backlog(self, bound: socket.socket) -> None:
        """Listen with a backlog of 0 and fill it, so that handshakes are never completed (Linux)."""
        bound.listen(0)
        for _ in range(_FILLERS):
            filler = socket.socket(bound.family, socket.SOCK_STREAM)
            filler.setblocking(False)  # a flag of `setblocking`, which has no keyword
            self._sockets.append(filler)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self.host, self.port))
        await asyncio.sleep(0)

    def close(self) -> None:
        """Stop listening; accepted connections stay open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._accepting:
            task.cancel()
        for one in self._sockets:
            if self._accepting:  # before its descriptor is reused
                asyncio.get_running_loop().remove_reader(one)
            one.close()
        self._sockets.clear()
        self.fault = None


async def _accept_tls(
    accepted: socket.socket, connected: Callable[[], asyncio.Protocol], context: ssl.SSLContext
) -> None:
    """Accept a client, or reject one that has no TLS version in common with an alert, as servers do.

    asyncio's own server closes such a connection without an alert, which clients report as a lost connection.
    """
    loop = asyncio.get_running_loop()
    try:
        hello = await _peek_client_hello(accepted)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(hello)
        try:
            context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        except ssl.SSLWantReadError:  # the handshake has begun
            with contextlib.suppress(OSError):  # it failed later, or the client closed
                await loop.connect_accepted_socket(connected, accepted, ssl=context)
            return
        except ssl.SSLError:
            await loop.sock_recv(accepted, len(hello))  # unread input would turn the close into a reset
            with contextlib.suppress(OSError):  # the client closed
                await loop.sock_sendall(accepted, outgoing.read())
        accepted.close()
    except BaseException:
        accepted.close()
        raise


async def _peek_client_hello(accepted: socket.socket) -> bytes:
    """Return the client's first bytes without consuming them."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(accepted, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(accepted)
    return accepted.recv(65536, socket.MSG_PEEK)
