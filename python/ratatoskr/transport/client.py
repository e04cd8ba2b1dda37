"""The interface between providers and an HTTP client: one method, `Transport.send`.

It suits a client that returns batches of complete events (that of the extension) and one that returns bytes (a user's
httpx client in `transport.httpx`). This module contains only types: no I/O and no JSON of a provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ratatoskr.types.timeouts import Deadlines

__all__ = ["Deadlines", "Framing", "HttpReply", "HttpRequest", "Transport"]

Framing = Literal["body", "sse", "ndjson"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, complete: nothing is added to it from the environment, no cookie, no netrc, no proxy variable.

    Its repr tells neither headers nor body: a traceback with locals must hold no key and no prompt.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    framing: Framing = "body"
    deadlines: Deadlines = Deadlines()
    method: Literal["POST", "GET", "HEAD"] = "POST"


class HttpReply(Protocol):
    """A response whose status and headers have arrived.

    A reply is `streamed` if the request asked for events, the status is 2xx and the content type is that of the framing
    (`text/event-stream`; for NDJSON also `application/json`). Otherwise `body` is the whole body.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers: names in lower case, values of a repeated name joined by ", "."""
        ...

    @property
    def streamed(self) -> bool:
        """Whether events follow."""
        ...

    @property
    def body(self) -> bytes:
        """The whole body; empty if events follow."""
        ...

    async def batch(self) -> list[tuple[str, bytes]] | None:
        """Return all complete events that have arrived, as (event name or "", data), or `None` after the end.

        Waits for at least one. A stream that ends before the end of its body raises.

        Raises:
            ConnectionFailed: the connection broke (`phase="body"`).
            Timeout: nothing arrived for `idle` seconds (`phase="idle"`).
            MalformedResponse: a line or an event exceeds its limit, or the HTTP framing is invalid.
        """
        ...

    def close(self) -> None:
        """Close the connection at once if the body has not ended; may be called twice and from `__del__`."""
        ...

    def release(self) -> None:
        """Close the response after its last event.

        A transport may wait a moment for the end of the body in the background, as a connection can be used again only
        after that; `close` afterwards does nothing.
        """
        ...


class Transport(Protocol):
    """Sends requests. It does not retry, follow redirects or know the JSON of a provider."""

    @property
    def loop_bound(self) -> bool:
        """Whether it can be used only on the event loop of its first use."""
        ...

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send one request and return when the headers (for `framing="body"`: the whole response) have arrived.

        Cancelling the call closes the connection; a request that still waits for a slot is not sent.

        Raises:
            ConnectionFailed: DNS failed, or the connection was refused, reset or closed before the headers; `phase` and
                `sent` say how far the request had come.
            TlsError: the handshake failed.
            Timeout: one of the request's deadlines passed; `phase` says which.
            MalformedResponse: headers or body exceed a limit, have a wrong length or are compressed.
            GatewayClosed: the transport has been closed.
        """
        ...

    async def preconnect(self, urls: Sequence[str]) -> None:
        """Open a connection to each origin, so that the first request need not wait for it."""
        ...

    async def aclose(self) -> None:
        """Close all connections; every open exchange ends with `GatewayClosed`."""
        ...
