"""The interface between providers and what carries their bytes: one method, `Transport.send`.

It suits a client that returns complete events in batches (the extension's own) and one that returns bytes (a user's
httpx client behind `transport.httpx`). This module does no I/O and does not parse JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from ratatoskr.types.timeouts import Deadlines

__all__ = ["Deadlines", "Framing", "HttpReply", "HttpRequest", "Transport"]

Framing = Literal["body", "sse", "ndjson"]


class HttpRequest(msgspec.Struct, frozen=True, gc=False):
    """One complete request: nothing is added from the environment, no cookie, no netrc, no proxy variable.

    Its repr shows neither headers nor body, so that a traceback with local variables shows no key and no prompt.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    framing: Framing = "body"
    deadlines: Deadlines = Deadlines()
    method: Literal["POST", "GET", "HEAD"] = "POST"

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url}, framing={self.framing}, deadlines={self.deadlines})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return what `repr` shows: rich would print every field."""
        return [("method", self.method), ("url", self.url), ("framing", self.framing)]


class HttpReply(Protocol):
    """A response whose headers have arrived.

    A reply is `streamed` if the request asked for events, the status is 2xx and the content type is that of the framing
    (`text/event-stream`; for NDJSON also `application/json`). Otherwise `body` is the complete body.
    """

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, names in lower case; values of a repeated name joined by ", "."""
        ...

    @property
    def streamed(self) -> bool:
        """Whether events follow."""
        ...

    @property
    def body(self) -> bytes:
        """The complete body; empty if events follow."""
        ...

    async def batch(self) -> list[tuple[str, bytes]] | None:
        """Return the complete events that have arrived, as (event name or "", data), or `None` after a clean end.

        Waits for at least one event. A stream that breaks off before the clean end of its body raises.

        Raises:
            ConnectionFailed: the connection broke (`phase="body"`).
            Timeout: nothing was received for `idle` seconds (`phase="idle"`).
            MalformedResponse: a line or event is over the limit, the encoding is broken, or the body ended inside an
                event.
        """
        ...

    def close(self) -> None:
        """Close the connection at once if the body has not ended; may be called twice and from `__del__`."""
        ...

    def release(self) -> None:
        """Close the connection after the last event that matters.

        A transport may wait a moment for the body to end, because a connection whose body has not ended cannot be
        reused; `close` afterwards does nothing.
        """
        ...


class Transport(Protocol):
    """Carries requests. It does not retry, follow redirects or parse a provider's JSON."""

    @property
    def loop_bound(self) -> bool:
        """Whether it can be used only from the event loop that uses it first."""
        ...

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send one request and return its reply when the headers (for `framing="body"`: the body, too) have arrived.

        Cancelling the call closes the connection; a request that is still queued is then never sent.

        Raises:
            ConnectionFailed: DNS failed, or the connection was refused, reset or closed before the headers; `phase` and
                `sent` say how far the request came.
            TlsError: the handshake failed.
            Timeout: one of the request's deadlines passed; `phase` says which.
            MalformedResponse: headers or body over a limit, a wrong length, or an encoding that was not asked for.
            GatewayClosed: the transport was closed.
        """
        ...

    async def preconnect(self, urls: Sequence[str]) -> None:
        """Open a connection to each origin, so that the first request need not."""
        ...

    async def aclose(self) -> None:
        """Close all connections; every open request ends with `GatewayClosed`."""
        ...
