"""A user's own `httpx.AsyncClient` or `httpx2.AsyncClient` as a transport (extra `[httpx]`).

Its proxies, authentication, hooks, mocks and limits apply. Bodies are requested without compression (`accept-encoding:
identity`), read raw and parsed by the extension. Redirects are not followed, whatever the client is configured to do.
The client belongs to the user: closing the transport ends its requests and leaves the client open. The transport works
only in the process and on the event loop of its first use.

The complete list of what these libraries cannot do, and what happens instead:

| the native transport                                 | this transport                                              |
|------------------------------------------------------|-------------------------------------------------------------|
| ends within milliseconds, whatever is cancelled when | httpx 0.28 may lose slots of its pool permanently when many |
|                                                      | calls are cancelled at once; httpx2 does not                |
| `sent` is exact                                      | exact if the client's transport supports tracing (the       |
|                                                      | default one does); else true unless the connection failed   |
| REFUSED_STREAM and GOAWAY were not sent              | HTTP/2 resets count as sent                                 |
| `first_byte` counts from the end of sending          | the same with tracing; else from the call, with `connect`   |
|                                                      | added                                                       |
| `connect` bounds resolution, TCP and TLS together    | each of TCP and TLS                                         |
| response headers up to 64 KiB                        | the library's own limit applies first: 100 KiB              |
| fair slots per origin; cancelled waiters are unsent  | the client's own pool limits; waiting counts in `total`     |
| a cancelled reader may read the rest later           | cancelling a reader closes the response                     |
| deadlines apply while no task reads                  | `total` is checked at the next read                         |
| nothing comes from the environment                   | as the client is configured: see its `trust_env`            |
| usable from several loops, after a fork, any thread  | one loop, one process; only `close` from any thread         |
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
import weakref
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ratatoskr._core import SseParser
from ratatoskr.errors import ConfigurationError, GatewayClosed, MalformedResponse, RatatoskrError
from ratatoskr.transport.client import Deadlines, Framing, HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.httpx_errors import body_error, request_error
from ratatoskr.transport.httpx_timer import DeadlineTimer

_LIBRARIES = ("httpx", "httpx2")
_STREAMED: Final[Mapping[Framing, frozenset[str]]] = {
    "body": frozenset(),
    "sse": frozenset({"text/event-stream"}),
    "ndjson": frozenset(
        {
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
            "application/json",
        }
    ),
}


def _library_of(client: object) -> Any:
    """Return the module of this client's class, which is imported already."""
    for cls in type(client).__mro__:
        root = cls.__module__.partition(".")[0]
        if root in _LIBRARIES and cls.__name__ == "AsyncClient":
            return sys.modules.get(root) or importlib.import_module(root)
    name = f"{type(client).__module__}.{type(client).__qualname__}"
    raise ConfigurationError(f"http_client takes an httpx.AsyncClient or an httpx2.AsyncClient, not {name}")


async def _read_chunks(response: Any) -> AsyncIterator[bytes]:
    """Yield the raw body as it arrives, or the body that a hook or a mock has already read."""
    if response.is_stream_consumed:
        yield response.content
        return
    async for piece in response.aiter_raw():
        yield piece


class HttpxReply:
    """A response whose status and headers have arrived; see `ratatoskr.transport.client.HttpReply`."""

    def __init__(self, transport: HttpxTransport, response: Any, timer: DeadlineTimer, request: HttpRequest) -> None:
        framing = request.framing
        self.status: int = response.status_code
        self.headers: dict[str, str] = {name.lower(): value for name, value in response.headers.items()}
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.streamed = 200 <= self.status < 300 and kind in _STREAMED[framing]
        self.body = b""
        self._transport = transport
        self._response = response
        self._timer = timer
        self._max_stream = self._left = transport.max_stream(request.url)
        self._incomplete = 0  # bytes that have come since the last event
        self._chunks = _read_chunks(response)
        self._parser: SseParser | None = None
        if self.streamed and framing != "body":
            self._parser = SseParser(framing, transport.config.max_line, transport.config.max_event)
        self._error: RatatoskrError | None = None
        self._ended = False
        self._reading = False

    async def read_body(self) -> None:
        """Check the headers and, unless the body is streamed, read it."""
        config, where = self._transport.config, self._timer.authority
        if sum(len(name) + len(value) + 4 for name, value in self.headers.items()) > config.max_head:
            raise MalformedResponse(f"{where}: the response headers are larger than {config.max_head} bytes")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise MalformedResponse(f"{where}: the body is compressed although the request did not accept it")
        if self.streamed:
            return
        announced = self.headers.get("content-length", "0")
        too_large = MalformedResponse(f"{where}: the body is larger than {config.max_body} bytes")
        if announced.isdecimal() and int(announced) > config.max_body:
            raise too_large
        parts = bytearray()
        while (chunk := await self._next_chunk()) is not None:
            parts += chunk
            if len(parts) > config.max_body:
                raise too_large
        self.body = bytes(parts)

    async def batch(self) -> list[tuple[str, bytes]] | None:
        """Return all complete events that have arrived, or `None` after the end; see `HttpReply.batch`."""
        if self._reading:
            raise RuntimeError("two tasks wait for the same response")
        if self._error is not None:
            raise self._error
        self._reading = True
        try:
            while not self._ended and self._parser is not None:
                self._check_size()
                chunk = await self._next_chunk()
                if chunk is not None:
                    self._left -= len(chunk)
                    chunk = chunk[: self._left] if self._left < 0 else chunk
                events = self._parser.finish() if chunk is None else self._parser.feed(chunk)
                self._hold(0 if events or chunk is None else self._incomplete + len(chunk))
                if events:
                    return events
            if self._parser is not None and self._parser.truncated:
                raise MalformedResponse(f"{self._timer.authority}: the body ended inside an event")
        except RatatoskrError as error:
            self.end(error)
            raise
        finally:
            self._reading = False
        return None

    def _check_size(self) -> None:
        config, where = self._transport.config, self._timer.authority
        if self._left < 0:
            raise MalformedResponse(f"{where}: the stream is larger than {self._max_stream} bytes")
        if self._incomplete > config.queue and self._transport.held > config.undelivered:
            raise MalformedResponse(f"{where}: all open streams together hold more than {config.undelivered} bytes")

    def _hold(self, size: int) -> None:
        self._transport.held += size - self._incomplete
        self._incomplete = size

    async def _next_chunk(self) -> bytes | None:
        """Return the next piece of the body, or `None` at its end."""
        library, timer = self._transport.library, self._timer
        try:
            async with timer.limit("idle", timer.deadlines.idle):
                chunk = await anext(self._chunks, None)
        except library.HTTPError as error:
            raise body_error(library, error, timer.authority, streamed=self.streamed) from None
        except asyncio.CancelledError:
            # The library's iterator is exhausted now, which would look like the end of the body.
            self.end(GatewayClosed("the response was closed when its reader was cancelled"))
            raise
        if chunk is None:
            self._ended = True
            response, self._response = self._response, None  # it holds the request, with its headers
            await response.aclose()
        return chunk

    def end(self, reason: RatatoskrError) -> None:
        """Close the response if the body has not ended; later reads raise `reason`."""
        if not self._ended:
            self._ended = True
            self._error = reason
            response, self._response = self._response, None  # it holds the request, with its headers
            self._hold(0)
            self._transport.close_response(response, self._timer, reason)

    def close(self) -> None:
        """Close the response on the next turn of the loop, if the body has not ended."""
        self.end(GatewayClosed("the response was closed"))

    release = close

    def __del__(self) -> None:
        if not getattr(self, "_ended", True):
            self.close()


class HttpxTransport:
    """Sends requests through a client of the user; see `ratatoskr.transport.client.Transport`.

    Args:
        client: an `httpx.AsyncClient` or `httpx2.AsyncClient`, used but never closed.
        config: only its size limits are used; everything else is configured on the client.

    Attributes:
        held: bytes of incomplete events that all open streams hold.

    Raises:
        ConfigurationError: the client is of another type.
    """

    loop_bound = True

    def __init__(self, client: Any, config: TransportConfig | None = None) -> None:
        self.library = _library_of(client)
        self.config = config or TransportConfig()
        self._client = client
        self._owner: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._sending: set[DeadlineTimer] = set()
        self._replies: weakref.WeakSet[HttpxReply] = weakref.WeakSet()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False
        self.held = 0

    def max_stream(self, url: str) -> int:
        """Return the largest size of a stream from the origin of a URL."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        return self.config.stream_bytes_by_origin.get(origin, self.config.max_stream)

    async def send(self, request: HttpRequest) -> HttpxReply:
        """Send one request and return its response; see `Transport.send`."""
        self._check_owner()
        parts = urlsplit(request.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("the URL is not an absolute http or https URL")
        timer = DeadlineTimer(request.deadlines, f"{parts.hostname}:{parts.port or (80, 443)[parts.scheme == 'https']}")
        self._sending.add(timer)
        try:
            reply = HttpxReply(self, await self._send_request(request, timer), timer, request)
            try:
                await reply.read_body()
            except BaseException:
                reply.close()
                raise
        finally:
            self._sending.discard(timer)
        if reply.streamed:
            self._replies.add(reply)
        return reply

    def _check_owner(self) -> None:
        if self._closed or self._client.is_closed:
            raise GatewayClosed("the gateway was closed")
        owner = (asyncio.get_running_loop(), os.getpid())
        if self._owner is None:
            self._owner = owner
        elif self._owner != owner:
            raise ConfigurationError(
                "this HTTP client can be used only in the process and on the event loop of its first use"
            )

    async def _send_request(self, request: HttpRequest, timer: DeadlineTimer) -> Any:
        library, connect, first_byte = self.library, request.deadlines.connect, request.deadlines.first_byte
        try:
            http_request = self._client.build_request(
                request.method,
                request.url,
                headers=[*request.headers, ("accept-encoding", "identity")],
                content=request.body,
                timeout=library.Timeout(None, connect=connect),
                extensions={"trace": timer.trace},
            )
        except (library.InvalidURL, UnicodeError):
            raise ConfigurationError("the URL or a header is invalid") from None
        # Without tracing the end of connecting is unknown, so its time is added.
        limit = None if first_byte is None else first_byte + (connect or 0.0)
        try:
            async with timer.limit("first_byte", limit):
                return await self._client.send(http_request, stream=True, follow_redirects=False)
        except library.HTTPError as error:
            raise request_error(library, error, timer.authority, timer.step, by_proxy=timer.by_proxy) from None

    def close_response(self, response: Any, timer: DeadlineTimer, reason: RatatoskrError) -> None:
        """Close a response on its own loop; may be called from any thread."""
        if self._owner is None or self._owner[1] != os.getpid() or self._owner[0].is_closed():
            return
        loop = self._owner[0]
        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:
            here = False
        if here:
            self._start_closing(response, timer, reason)
        else:
            loop.call_soon_threadsafe(self._start_closing, response, timer, reason)

    def _start_closing(self, response: Any, timer: DeadlineTimer, reason: RatatoskrError) -> None:
        timer.close(reason)
        # A separate task: the caller may be cancelled again, and the connection must be closed nevertheless.
        task = asyncio.get_running_loop().create_task(_close_response(response, self.library))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def preconnect(self, urls: Iterable[str]) -> None:
        """Open a connection to the origin of each URL; see `NativeTransport.preconnect`.

        Raises:
            ConnectionFailed, TlsError, Timeout: the first error, after all origins were tried.
        """
        origins = dict.fromkeys("{0.scheme}://{0.netloc}/".format(urlsplit(url)) for url in urls)
        deadlines = Deadlines(connect=10.0, first_byte=10.0, idle=10.0, total=20.0)
        heads = (self.send(HttpRequest(url, (), method="HEAD", deadlines=deadlines)) for url in origins)
        for outcome in await asyncio.gather(*heads, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def aclose(self) -> None:
        """End every open request with `GatewayClosed`; the client itself stays open."""
        self._closed = True
        reason = GatewayClosed("the gateway was closed")
        for timer in list(self._sending):
            timer.close(reason)
        for reply in list(self._replies):
            reply.end(reason)
        while self._closing:
            await asyncio.wait(list(self._closing))


async def _close_response(response: Any, library: Any) -> None:
    # An error means that the peer closed the connection first.
    with contextlib.suppress(library.HTTPError, OSError):
        await response.aclose()
