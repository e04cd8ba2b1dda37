"""`BypassTransport`: some hosts are reached directly, all others through a proxy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from ratatoskr.transport.client import HttpReply, HttpRequest, Transport

__all__ = ["BypassTransport"]


class BypassTransport:
    """Two transports, of which the host of a request chooses one.

    Args:
        proxied: for all other hosts.
        direct: for the hosts that bypass the proxy.
        bypasses: returns whether a host, with a port if it has one, does.
    """

    loop_bound = False

    def __init__(self, proxied: Transport, direct: Transport, bypasses: Callable[[str], bool]) -> None:
        self._proxied = proxied
        self._direct = direct
        self._bypasses = bypasses

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send a request by the transport of its host."""
        return await self._of(request.url).send(request)

    async def preconnect(self, urls: Sequence[str]) -> None:
        """Open a connection to each origin."""
        for transport in (self._proxied, self._direct):
            await transport.preconnect([url for url in urls if self._of(url) is transport])

    async def aclose(self) -> None:
        """Close both transports."""
        await self._proxied.aclose()
        await self._direct.aclose()

    def _of(self, url: str) -> Transport:
        return self._direct if self._bypasses(urlsplit(url).netloc.rpartition("@")[2]) else self._proxied
