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
from ratatoskr.errors import ConfigurationError, GatewayClosed, MalformedResponse, RatatoskrError, Timeout
from ratatoskr.transport.client import Deadlines, Framing, HttpRequest
from ratatoskr.transport.config import TransportConfig
from ratatoskr.transport.httpx_errors import body_error, request_error

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
# Steps of a request as httpcore traces them (https://www.encode.io/httpcore/extensions/, November 2026).
_STEPS: Final[Mapping[str, str]] = {
    "connect_tcp.started": "connect",
    "connect_unix_socket.started": "connect",
    "start_tls.started": "tls",
    "send_request_headers.started": "send",
    "send_request_body.started": "send",
    "send_request_body.complete": "send",
    "receive_response_headers.started": "head",
}


def _library_of(client: object) -> Any:
    """Return the module of this client's class, which is imported already."""
    for cls in type(client).__mro__:
        root = cls.__module__.partition(".")[0]
        if root in _LIBRARIES and cls.__name__ == "AsyncClient":
            return sys.modules.get(root) or importlib.import_module(root)
    name = f"{type(client).__module__}.{type(client).__qualname__}"
    raise ConfigurationError(f"http_client takes an httpx.AsyncClient or an httpx2.AsyncClient, not {name}")


class _DeadlineTimer:
    """Watches the deadlines of one request and its traced progress."""

    def __init__(self, deadlines: Deadlines, authority: str) -> None:
        self.deadlines = deadlines
        self.authority = authority
        self.step: str | None = None
        self.by_proxy = False
        self._began = asyncio.get_running_loop().time()
        self._scope: asyncio.Timeout | None = None
        self._due: tuple[str, float | None] = (deadlines.total_phase, deadlines.total)
        self._closed: RatatoskrError | None = None

    @contextlib.asynccontextmanager
    async def limit(self, phase: str, limit: float | None) -> AsyncIterator[None]:
        """Limit the block to `limit` seconds, and to what is left of `total`."""
        if self._closed is not None:
            raise self._closed
        try:
            async with asyncio.timeout(None) as self._scope:
                self._reschedule(phase, limit)
                yield
        except TimeoutError:
            if self._scope is None or not self._scope.expired():
                raise
            raise self._closed or self._timeout(phase) from None
        finally:
            self._scope = None

    def _timeout(self, phase: str) -> Timeout:
        due, limit = self._due
        activity = "reading the response body" if phase == "idle" else "waiting for the response headers"
        if phase == "first_byte" and self.step in {"connect", "tls"}:
            activity = "connecting"
        return Timeout(f"{self.authority}: timed out after {limit:g} s while {activity}", phase=due)

    def _reschedule(self, phase: str, limit: float | None) -> None:
        if self._scope is None or self._scope.expired():
            return
        total = self.deadlines.total
        due = [] if limit is None else [(asyncio.get_running_loop().time() + limit, phase, limit)]
        if total is not None:
            due.append((self._began + total, self.deadlines.total_phase, total))
        at, due_phase, due_limit = min(due, default=(None, phase, None))
        self._due = (due_phase, due_limit)
        self._scope.reschedule(at)

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Record the step of the request; called by the client's transport."""
        step = _STEPS.get(event.partition(".")[2])
        if step == "connect" and "host" in info:
            self.by_proxy = f"{info['host']}:{info['port']}" != self.authority
        if getattr(info.get("request"), "method", b"") == b"CONNECT":
            step = step and "proxy"
        if step is not None:
            self.step = step
        if step in {"send", "head"}:
            self._reschedule("first_byte", self.deadlines.first_byte)

    def close(self, reason: RatatoskrError) -> None:
        """End the present and every later wait with `reason`."""
        self._closed = self._closed or reason
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(0)


async def _read_chunks(response: Any) -> AsyncIterator[bytes]:
    """Yield the raw body as it arrives, or the body that a hook or a mock has already read."""
    if response.is_stream_consumed:
        yield response.content
        return
    async for piece in response.aiter_raw():
        yield piece


class HttpxReply:
    """A response whose status and headers have arrived; see `ratatoskr.transport.client.HttpReply`."""

    def __init__(self, transport: HttpxTransport, response: Any, timer: _DeadlineTimer, framing: Framing) -> None:
        self.status: int = response.status_code
        self.headers: dict[str, str] = {name.lower(): value for name, value in response.headers.items()}
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.streamed = 200 <= self.status < 300 and kind in _STREAMED[framing]
        self.body = b""
        self._transport = transport
        self._response = response
        self._timer = timer
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
                chunk = await self._next_chunk()
                if events := self._parser.finish() if chunk is None else self._parser.feed(chunk):
                    return events
        except RatatoskrError as error:
            self.end(error)
            raise
        finally:
            self._reading = False
        return None

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

    Raises:
        ConfigurationError: the client is of another type.
    """

    loop_bound = True

    def __init__(self, client: Any, config: TransportConfig | None = None) -> None:
        self.library = _library_of(client)
        self.config = config or TransportConfig()
        self._client = client
        self._owner: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._sending: set[_DeadlineTimer] = set()
        self._replies: weakref.WeakSet[HttpxReply] = weakref.WeakSet()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def send(self, request: HttpRequest) -> HttpxReply:
        """Send one request and return its response; see `Transport.send`."""
        self._check_owner()
        parts = urlsplit(request.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("the URL is not an absolute http or https URL")
        timer = _DeadlineTimer(
            request.deadlines, f"{parts.hostname}:{parts.port or (80, 443)[parts.scheme == 'https']}"
        )
        self._sending.add(timer)
        try:
            reply = HttpxReply(self, await self._send_request(request, timer), timer, request.framing)
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

    async def _send_request(self, request: HttpRequest, timer: _DeadlineTimer) -> Any:
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

    def close_response(self, response: Any, timer: _DeadlineTimer, reason: RatatoskrError) -> None:
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

    def _start_closing(self, response: Any, timer: _DeadlineTimer, reason: RatatoskrError) -> None:
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
