"""The default transport: the extension's own client.

One native thread a process carries every request and never enters Python. Each event loop has one wake-up line: a
descriptor that becomes readable when exchanges have news. The loop wakes once, resolves the futures of all that wait,
and each coroutine takes everything that came for it: head, complete events, end, error.

A transport belongs to no event loop and may be used from several threads at once. In a forked child it starts anew at
its first use; what was open before the fork ends there with `GatewayClosed`.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ratatoskr import _core
from ratatoskr._fork import abandon, call_in_child
from ratatoskr.errors import (
    ConfigurationError,
    ConnectionFailed,
    GatewayClosed,
    MalformedResponse,
    RatatoskrError,
    Timeout,
    TlsError,
)
from ratatoskr.transport.client import Deadlines, HttpRequest
from ratatoskr.transport.config import TransportConfig

if TYPE_CHECKING:
    from ratatoskr._core import _Failure, _News

# How often the thread behind a loop without `add_reader` looks whether that loop is still there, in seconds.
_LOOK_AFTER = 5.0
# From so many requests under way on one loop, those that follow one another closely (in seconds) are handed to the
# network thread together, at the end of the loop's turn: to wake it for each costs more than the wait.
_MANY = 8
_CLOSELY = 0.0005


class _Process:
    """What this process shares among all transports; replaced whole in a forked child."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runtime: _core.Runtime | None = None
        self.lines: dict[int, weakref.ref[_Line]] = {}

    def started(self) -> _core.Runtime:
        """Return the network thread; the caller holds the lock."""
        if self.runtime is None:
            self.runtime = _core.Runtime()
        return self.runtime


_process = _Process()


def _after_fork() -> None:
    global _process  # noqa: PLW0603  # the one thing that a fork has to replace
    _core.forked()
    abandon(_process)
    _process = _Process()


call_in_child(_after_fork)


class _Line:
    """The wake-up line of one event loop, held alive by that loop."""

    __slots__ = ("__weakref__", "_handed_over", "_handing_over", "bell", "loop", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.bell = _core.Bell()
        self.loop = weakref.ref(loop)
        self.waiters: dict[int, asyncio.Future[None]] = {}
        self._handed_over = 0.0
        self._handing_over = False
        try:
            loop.add_reader(self.bell.fileno(), self.drain)
        except NotImplementedError:
            threading.Thread(target=_listen, args=(self,), name="ratatoskr-wake", daemon=True).start()

    def begin(self, loop: asyncio.AbstractEventLoop, client: _core.Client) -> None:
        """Let what was sent begin, now or at the end of this turn of the loop."""
        now = time.monotonic()
        if len(self.waiters) < _MANY or now - self._handed_over > _CLOSELY:
            self._handed_over = now
            client.hand_over()
        elif not self._handing_over:
            self._handing_over = True
            loop.call_soon(self._hand_over, client)

    def _hand_over(self, client: _core.Client) -> None:
        self._handing_over = False
        self._handed_over = time.monotonic()
        client.hand_over()

    def drain(self) -> None:
        self.wake(self.bell.drain())

    def wake(self, tokens: list[int]) -> None:
        waiters = self.waiters
        for token in tokens:
            future = waiters.pop(token, None)
            # Whoever comes later finds the news without waiting.
            if future is not None and not future.done():
                future.set_result(None)


def _listen(line: _Line) -> None:
    """Serve a loop that cannot watch descriptors, until it is closed or gone."""
    with selectors.DefaultSelector() as selector:
        selector.register(line.bell.fileno(), selectors.EVENT_READ)
        while True:
            rung = selector.select(_LOOK_AFTER)
            loop = line.loop()
            if loop is None or loop.is_closed():
                return
            if rung:
                try:
                    loop.call_soon_threadsafe(line.wake, line.bell.drain())
                except RuntimeError:  # closed between the two lines above
                    return
            del loop


def _line_of(loop: asyncio.AbstractEventLoop) -> _Line:
    lines = _process.lines
    known = lines.get(id(loop))
    line = None if known is None else known()
    # Another loop may have come to live at the address of one that is gone.
    if line is None or line.loop() is not loop:
        for key in [key for key, ref in lines.copy().items() if ref() is None]:
            lines.pop(key, None)
        line = _Line(loop)
        lines[id(loop)] = weakref.ref(line)
    return line


async def _news(exchange: _core.Exchange, line: _Line) -> _News:
    """Return what is new of an exchange, waiting for it if need be."""
    token = exchange.token
    waiters = line.waiters
    while (news := exchange.take()) is None:
        if token in waiters:
            raise RuntimeError("two tasks wait for the same response")
        waiters[token] = future = asyncio.get_running_loop().create_future()
        try:
            await future
        finally:
            waiters.pop(token, None)
    return news


def _error(failure: _Failure, total_phase: str) -> RatatoskrError:
    kind, phase, sent, retryable, message = failure
    match kind:
        case "connection":
            return ConnectionFailed(message, phase=phase, sent=sent, retryable=retryable)
        case "tls":
            return TlsError(message, phase=phase, sent=sent)
        case "timeout":
            return Timeout(message, phase=total_phase if phase == "total" else phase)
        case "malformed":
            return MalformedResponse(message)
        case "refused":
            return ConfigurationError(message)
        case "closed":
            return GatewayClosed(message)


class NativeReply:
    """A response whose head is there; see `ratatoskr.transport.client.HttpReply`."""

    __slots__ = (
        "_ended",
        "_events",
        "_exchange",
        "_failure",
        "_headers",
        "_line",
        "_total_phase",
        "body",
        "status",
        "streamed",
    )

    def __init__(self, exchange: _core.Exchange, line: _Line, news: _News, total_phase: str) -> None:
        head, self._events, self._ended, self._failure = news
        if head is None:
            raise _error(self._failure or _UNTOLD, total_phase)
        self.status, body = head
        self.streamed = body is None
        self.body = body or b""
        self._exchange = exchange
        self._line = line
        self._total_phase = total_phase
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; values of a repeated name joined by ", "."""
        if self._headers is None:
            self._headers = self._exchange.headers()
        return self._headers

    async def batch(self) -> list[tuple[str, bytes]] | None:
        """Return all complete events that have come, or `None` after a clean end; see `HttpReply.batch`."""
        while not self._events:
            if self._ended:
                if self._failure is not None:
                    raise _error(self._failure, self._total_phase)
                return None
            _, self._events, self._ended, self._failure = await _news(self._exchange, self._line)
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Close the upstream at once if the body has not ended."""
        self._exchange.close()

    def leave(self) -> None:
        """Let the body end by itself, for a second at most; see `HttpReply.leave`."""
        self._exchange.leave()


class NativeTransport:
    """Carries requests through the extension's client; see `ratatoskr.transport.client.Transport`.

    Connections, TLS and the network thread are set up at the first request, where a configuration that cannot be used
    is a `ConfigurationError`.
    """

    loop_bound = False

    def __init__(self, config: TransportConfig | None = None) -> None:
        self._config = config or TransportConfig()
        self._client: _core.Client | None = None
        self._process: _Process | None = None
        self._closed = False

    async def send(self, request: HttpRequest) -> NativeReply:
        """Send one request and return when the head, or the whole body, is there; see `Transport.send`."""
        sys.audit("ratatoskr.request", request.url)  # Python's own sockets tell; `testing.no_network` listens
        client = self._client
        if client is None or self._process is not _process:
            client = self._open()
        loop = asyncio.get_running_loop()
        line = _line_of(loop)
        deadlines = request.deadlines
        exchange = client.send(
            line.bell,
            request.method,
            request.url,
            request.headers,
            request.body,
            request.framing,
            deadlines.connect,
            deadlines.first_byte,
            deadlines.idle,
            deadlines.total,
        )
        line.begin(loop, client)
        try:
            news = await _news(exchange, line)
        except BaseException:
            # The traceback may keep the exchange alive for long; the connection must not live with it.
            exchange.close()
            raise
        return NativeReply(exchange, line, news, deadlines.total_phase)

    def _open(self) -> _core.Client:
        process = _process
        with process.lock:
            if self._closed:
                raise GatewayClosed("the gateway was closed")
            if self._client is None or self._process is not process:
                abandon(self._client)
                self._client = _make_client(process.started(), self._config)
                self._process = process
            return self._client

    async def preconnect(self, urls: Iterable[str]) -> None:
        """Open a connection to each URL's origin and keep it for the first call.

        Asks each origin once for the head of its root, without any key.

        Raises:
            ConnectionFailed, TlsError, Timeout: the first origin that could not be reached, when all were tried.
        """
        origins = dict.fromkeys("{0.scheme}://{0.netloc}/".format(urlsplit(url)) for url in urls)
        heads = (self.send(HttpRequest(url, (), method="HEAD", deadlines=_PRECONNECT)) for url in origins)
        for outcome in await asyncio.gather(*heads, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def aclose(self) -> None:
        """Close all connections; every open exchange ends with `GatewayClosed`."""
        self._closed = True
        client, self._client = self._client, None
        if client is None:
            return
        if self._process is not _process:
            abandon(client)
            return
        line = _line_of(asyncio.get_running_loop())
        await _news(client.close(line.bell), line)


_PRECONNECT = Deadlines(connect=10.0, first_byte=10.0, idle=10.0, total=20.0)
_UNTOLD: _Failure = ("closed", None, False, False, "the exchange was given up")


def _make_client(runtime: _core.Runtime, config: TransportConfig) -> _core.Client:
    certificate = _pem(config.tls_cert)
    key = _pem(config.tls_key) or certificate
    if certificate is None and key is not None:
        raise ConfigurationError("tls_key is set, but tls_cert is not")
    try:
        return _core.Client(
            runtime,
            limits=(config.max_head, config.max_body, config.max_line, config.max_event, config.queue),
            in_flight=config.in_flight,
            in_flight_by_origin=dict(config.in_flight_by_origin),
            keep_idle=config.keep_idle,
            proxy=config.proxy,
            unix_socket=None if config.unix_socket is None else str(config.unix_socket),
            authorities=_pem(config.tls_ca),
            identity=None if certificate is None or key is None else (certificate, key),
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _pem(given: str | Path | bytes | None) -> bytes | None:
    if given is None or isinstance(given, bytes):
        return given
    try:
        return Path(given).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{given}: {error.strerror}") from error
