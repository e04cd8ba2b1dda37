"""The listening socket of a scripted upstream, and the faults that happen before any connection is had."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ratatoskr.errors import ConfigurationError

if TYPE_CHECKING:
    from ratatoskr.testing.faults import Fault

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
        for one in self._sockets:
            one.close()
        self._sockets.clear()
        self.fault = None
