"""A user's own `httpx.AsyncClient` or `httpx2.AsyncClient` as a transport (extra `[httpx]`).

Its proxies, authentication, hooks, mocks and limits hold as they are. Framing is ours: bodies are asked for as they are
(`accept-encoding: identity`), read raw, and cut by the extension's parser. Redirects are not followed, whatever the
client says. The client stays the user's: closing the transport ends what is open on it and leaves the client open. It
works in the process and the event loop of its first use alone.

What these libraries cannot do, and what happens instead; this table is closed:

| the native transport                                 | here                                                        |
|------------------------------------------------------|-------------------------------------------------------------|
| ends within milliseconds, whatever is cancelled when | httpx 0.28 may lose places of its pool for good when many   |
|                                                      | calls are cancelled at once; httpx2 does not                |
| `sent` is exact                                      | exact where the client's transport traces (the default one  |
|                                                      | does); else true unless the connection failed               |
| REFUSED_STREAM and GOAWAY were not sent              | HTTP/2 resets count as sent                                 |
| `first_byte` counts from the request having left     | so too where the transport traces; else from the call, with |
|                                                      | `connect` on top                                            |
| `connect` bounds resolution, TCP and TLS together    | each of TCP and TLS                                         |
| heads up to 64 KiB                                   | the library's own cap before ours: 100 KiB                  |
| slots per origin, fair, left unsent when cancelled   | the client's own pool limits; waiting counts in `total`     |
| a cancelled reader may come back for the rest        | cancelling a reader closes the response                     |
| deadlines and closing hold while nobody reads        | `total` is looked at when the reader comes back             |
| nothing comes from the environment                   | as the client was made: `trust_env=False` switches it off   |
| usable from several loops, after a fork, any thread  | one loop, one process; `close` alone from any thread        |
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
from ratatoskr.transport.httpx_errors import before_head, in_body

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
    """Return the module that made this client, which is loaded already."""
    for cls in type(client).__mro__:
        root = cls.__module__.partition(".")[0]
        if root in _LIBRARIES and cls.__name__ == "AsyncClient":
            return sys.modules.get(root) or importlib.import_module(root)
    name = f"{type(client).__module__}.{type(client).__qualname__}"
    raise ConfigurationError(f"http_client takes an httpx.AsyncClient or an httpx2.AsyncClient, not {name}")


class _Watch:
    """The deadlines of one exchange, and how far it was seen to come."""

    def __init__(self, deadlines: Deadlines, authority: str) -> None:
        self.deadlines = deadlines
        self.authority = authority
        self.step: str | None = None
        self._began = asyncio.get_running_loop().time()
        self._scope: asyncio.Timeout | None = None
        self._due: str = deadlines.total_phase
        self._closed: RatatoskrError | None = None

    @contextlib.asynccontextmanager
    async def within(self, phase: str, limit: float | None) -> AsyncIterator[None]:
        """Run a wait that may last `limit` seconds, and no longer than the whole exchange may."""
        if self._closed is not None:
            raise self._closed
        try:
            async with asyncio.timeout(None) as self._scope:
                self._set(phase, limit)
                yield
        except TimeoutError:
            if self._scope is None or not self._scope.expired():
                raise
            raise self._closed or Timeout(f"{self.authority}: not done within the deadline", phase=self._due) from None
        finally:
            self._scope = None

    def _set(self, phase: str, limit: float | None) -> None:
        if self._scope is None or self._scope.expired():
            return
        due = [] if limit is None else [(asyncio.get_running_loop().time() + limit, phase)]
        if self.deadlines.total is not None:
            due.append((self._began + self.deadlines.total, self.deadlines.total_phase))
        at, self._due = min(due, default=(None, phase))
        self._scope.reschedule(at)

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        """Follow the request; called by the client's transport."""
        step = _STEPS.get(event.partition(".")[2])
        if step is not None:
            self.step = step
        if step in {"send", "head"}:
            self._set("first_byte", self.deadlines.first_byte)

    def close(self, reason: RatatoskrError) -> None:
        """End what is waited for, now or later, with `reason`."""
        self._closed = self._closed or reason
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(0)


async def _pieces(response: Any) -> AsyncIterator[bytes]:
    """Yield the body as it comes over the wire, or what a hook or a mock has read of it already."""
    if response.is_stream_consumed:
        yield response.content
        return
    async for piece in response.aiter_raw():
        yield piece


class HttpxReply:
    """A response whose head is there; see `ratatoskr.transport.client.HttpReply`."""

    def __init__(self, transport: HttpxTransport, response: Any, watch: _Watch, framing: Framing) -> None:
        self.status: int = response.status_code
        self.headers: dict[str, str] = {name.lower(): value for name, value in response.headers.items()}
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.streamed = 200 <= self.status < 300 and kind in _STREAMED[framing]
        self.body = b""
        self._transport = transport
        self._response = response
        self._watch = watch
        self._chunks = _pieces(response)
        self._parser: SseParser | None = None
        if self.streamed and framing != "body":
            self._parser = SseParser(framing, transport.config.max_line, transport.config.max_event)
        self._error: RatatoskrError | None = None
        self._ended = False
        self._reading = False

    async def whole(self) -> None:
        """Check the head and, unless the body comes as events, read it whole."""
        config, where = self._transport.config, self._watch.authority
        if sum(len(name) + len(value) + 4 for name, value in self.headers.items()) > config.max_head:
            raise MalformedResponse(f"{where}: the head of the response is larger than {config.max_head} bytes")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise MalformedResponse(f"{where}: the body is compressed, which was not asked for")
        if self.streamed:
            return
        announced = self.headers.get("content-length", "0")
        too_large = MalformedResponse(f"{where}: the body is larger than {config.max_body} bytes")
        if announced.isdecimal() and int(announced) > config.max_body:
            raise too_large
        parts = bytearray()
        while (chunk := await self._next()) is not None:
            parts += chunk
            if len(parts) > config.max_body:
                raise too_large
        self.body = bytes(parts)

    async def batch(self) -> list[tuple[str, bytes]] | None:
        """Return all complete events that have come, or `None` after a clean end; see `HttpReply.batch`."""
        if self._reading:
            raise RuntimeError("two tasks wait for the same response")
        if self._error is not None:
            raise self._error
        self._reading = True
        try:
            while not self._ended and self._parser is not None:
                chunk = await self._next()
                if events := self._parser.finish() if chunk is None else self._parser.feed(chunk):
                    return events
        except RatatoskrError as error:
            self.end(error)
            raise
        finally:
            self._reading = False
        return None

    async def _next(self) -> bytes | None:
        """Return the next piece of the body, or `None` at its end."""
        library, watch = self._transport.library, self._watch
        try:
            async with watch.within("idle", watch.deadlines.idle):
                chunk = await anext(self._chunks, None)
        except library.HTTPError as error:
            raise in_body(library, error, watch.authority, streamed=self.streamed) from None
        except asyncio.CancelledError:
            # The library's iterator is over now, and would pass that off as the end of the body.
            self.end(GatewayClosed("the response was closed when its reader was cancelled"))
            raise
        if chunk is None:
            self._ended = True
            await self._response.aclose()
        return chunk

    def end(self, reason: RatatoskrError) -> None:
        """Close the upstream if the body has not ended; `reason` is what a reader is told from now on."""
        if not self._ended:
            self._ended = True
            self._error = reason
            self._transport.dismiss(self._response, self._watch, reason)

    def close(self) -> None:
        """Close the upstream as soon as the loop runs, if the body has not ended."""
        self.end(GatewayClosed("the response was closed"))

    leave = close

    def __del__(self) -> None:
        if not getattr(self, "_ended", True):
            self.close()


class HttpxTransport:
    """Carries requests through a client of the user's; see `ratatoskr.transport.client.Transport`.

    Args:
        client: an `httpx.AsyncClient` or `httpx2.AsyncClient`, used but never closed.
        config: the caps in it are ours here; all the rest is the client's own.

    Raises:
        ConfigurationError: the client is neither of the two.
    """

    loop_bound = True

    def __init__(self, client: Any, config: TransportConfig | None = None) -> None:
        self.library = _library_of(client)
        self.config = config or TransportConfig()
        self._client = client
        self._home: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._sending: set[_Watch] = set()
        self._replies: weakref.WeakSet[HttpxReply] = weakref.WeakSet()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def send(self, request: HttpRequest) -> HttpxReply:
        """Send one request and return when the head, or the whole body, is there; see `Transport.send`."""
        self._check_home()
        parts = urlsplit(request.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("the URL is not an absolute http or https one")
        watch = _Watch(request.deadlines, f"{parts.hostname}:{parts.port or (80, 443)[parts.scheme == 'https']}")
        self._sending.add(watch)
        try:
            reply = HttpxReply(self, await self._head(request, watch), watch, request.framing)
            try:
                await reply.whole()
            except BaseException:
                reply.close()
                raise
        finally:
            self._sending.discard(watch)
        if reply.streamed:
            self._replies.add(reply)
        return reply

    def _check_home(self) -> None:
        if self._closed or self._client.is_closed:
            raise GatewayClosed("the gateway was closed")
        here = (asyncio.get_running_loop(), os.getpid())
        if self._home is None:
            self._home = here
        elif self._home != here:
            raise ConfigurationError("this HTTP client belongs to the event loop and the process of its first use")

    async def _head(self, request: HttpRequest, watch: _Watch) -> Any:
        library, connect, first_byte = self.library, request.deadlines.connect, request.deadlines.first_byte
        try:
            outgoing = self._client.build_request(
                request.method,
                request.url,
                headers=[*request.headers, ("accept-encoding", "identity")],
                content=request.body,
                timeout=library.Timeout(None, connect=connect),
                extensions={"trace": watch.trace},
            )
        except (library.InvalidURL, UnicodeError):
            raise ConfigurationError("the URL or a header cannot be sent") from None
        # Where nobody tells when the connection stands, its time is granted on top.
        limit = None if first_byte is None else first_byte + (connect or 0.0)
        try:
            async with watch.within("first_byte", limit):
                return await self._client.send(outgoing, stream=True, follow_redirects=False)
        except library.HTTPError as error:
            raise before_head(library, error, watch.authority, watch.step) from None

    def dismiss(self, response: Any, watch: _Watch, reason: RatatoskrError) -> None:
        """Close a response on its own loop, from whatever thread or moment this is called."""
        if self._home is None or self._home[1] != os.getpid() or self._home[0].is_closed():
            return
        loop = self._home[0]
        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:
            here = False
        if here:
            self._start_closing(response, watch, reason)
        else:
            loop.call_soon_threadsafe(self._start_closing, response, watch, reason)

    def _start_closing(self, response: Any, watch: _Watch, reason: RatatoskrError) -> None:
        watch.close(reason)
        # A task of its own: whoever gives up may be cancelled again, and the connection must be closed all the same.
        task = asyncio.get_running_loop().create_task(_close(response, self.library))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def preconnect(self, urls: Iterable[str]) -> None:
        """Open a connection to each URL's origin; see `NativeTransport.preconnect`.

        Raises:
            ConnectionFailed, TlsError, Timeout: the first origin that could not be reached, when all were tried.
        """
        origins = dict.fromkeys("{0.scheme}://{0.netloc}/".format(urlsplit(url)) for url in urls)
        deadlines = Deadlines(connect=10.0, first_byte=10.0, idle=10.0, total=20.0)
        heads = (self.send(HttpRequest(url, (), method="HEAD", deadlines=deadlines)) for url in origins)
        for outcome in await asyncio.gather(*heads, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def aclose(self) -> None:
        """End every open exchange with `GatewayClosed`; the client itself stays open."""
        self._closed = True
        reason = GatewayClosed("the gateway was closed")
        for watch in list(self._sending):
            watch.close(reason)
        for reply in list(self._replies):
            reply.end(reason)
        while self._closing:
            await asyncio.wait(list(self._closing))


async def _close(response: Any, library: Any) -> None:
    # It is to be closed, and where the peer was faster it is.
    with contextlib.suppress(library.HTTPError, OSError):
        await response.aclose()
