"""The seam between providers and whatever carries their bytes: one method, `Transport.send`.

It suits a client that hands over complete events in batches (the extension's own) as well as one that gives bytes
(a user's httpx client behind `transport.httpx`). What lives here is the shape alone: no I/O, no provider's JSON.
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
    """A response whose head is there.

    A reply is `streamed` when the request asked for events, the status is 2xx and the content type is that framing's
    (`text/event-stream`; for NDJSON also `application/json`). Otherwise `body` is the whole body already.
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
        """The whole body, where none follow."""
        ...

    async def batch(self) -> list[tuple[str, bytes]] | None:
        """Return all complete events that have come, as (event name or "", data), or `None` after a clean end.

        Waits for at least one. A stream cut anywhere before the clean end of its body raises.

        Raises:
            ConnectionFailed: the connection broke (`phase="body"`).
            Timeout: nothing at all came for `idle` seconds (`phase="idle"`).
            MalformedResponse: a line or event over the cap, a broken encoding.
        """
        ...

    def close(self) -> None:
        """Close the upstream at once if the body has not ended; may be called twice and from `__del__`."""
        ...

    def release(self) -> None:
        """Close the upstream because all that matters has come.

        A transport may give the body a moment to end by itself, as a connection whose body has not ended cannot serve
        again; `close` afterwards does nothing.
        """
        ...


class Transport(Protocol):
    """Carries requests. It neither retries nor follows redirects nor knows a provider's JSON."""

    @property
    def loop_bound(self) -> bool:
        """Whether it belongs to the event loop that uses it first."""
        ...

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send one request and return when the head (for `framing="body"`: the whole response) is there.

        Cancelling the call closes the connection; a request that waits for a slot then leaves the queue unsent.

        Raises:
            ConnectionFailed: DNS, refused, reset or ended before the head; `phase` and `sent` say how far it came.
            TlsError: the handshake failed.
            Timeout: one of the request's deadlines; `phase` says which.
            MalformedResponse: head or body over a limit, wrong length, an encoding that we did not ask for.
            GatewayClosed: the transport has been closed.
        """
        ...

    async def preconnect(self, urls: Sequence[str]) -> None:
        """Open a connection to each origin, so that the first request need not; failures are left to that request."""
        ...

    async def aclose(self) -> None:
        """Close all connections; every open exchange ends with `GatewayClosed`."""
        ...
