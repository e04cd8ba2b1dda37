"""The default transport: the extension's own client.

One native thread for each process runs every request and never enters Python. Each event loop has one descriptor that
becomes readable when exchanges have updates. The loop wakes once and resolves the futures of all tasks that wait; each
task then takes everything that arrived for it: head, complete events, end, error.

A transport belongs to no event loop and may be used from several threads at once. A forked child starts a new native
thread at the first use; requests that were open before the fork end there with `GatewayClosed`.
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
from typing import TYPE_CHECKING, Any
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
from ratatoskr.types.secret import Secret

if TYPE_CHECKING:
    from ratatoskr._core import _Failure, _Update

# The phases in which a connection fails by its proxy, by the proxy's scheme. With socks5 the name is resolved here.
_PROXY_PHASES = {
    **dict.fromkeys(("http", "https", "socks5h"), ("dns", "connect", "tls")),
    "socks5": ("connect", "tls"),
}
# Seconds after which the thread that serves a loop without `add_reader` checks whether that loop still exists.
_LOOP_CHECK_INTERVAL = 5.0
# With at least this many open requests on one loop, requests that follow one another within this interval (in seconds)
# are started together at the end of the loop's turn: to wake the native thread for each costs more than the wait.
_BATCH_MINIMUM = 8
_BATCH_INTERVAL = 0.0005


class _ProcessState:
    """The state that all transports of a process share; replaced in a forked child."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runtime: _core.Runtime | None = None
        self.wakers: dict[int, weakref.ref[_LoopWaker]] = {}

    def get_runtime(self) -> _core.Runtime:
        """Return the native thread, started on first use; the caller holds the lock."""
        if self.runtime is None:
            self.runtime = _core.Runtime()
        return self.runtime


_process = _ProcessState()


def _after_fork() -> None:
    global _process  # noqa: PLW0603  # a fork replaces it
    _core.after_fork()
    abandon(_process)
    _process = _ProcessState()


call_in_child(_after_fork)


class _LoopWaker:
    """Wakes one event loop, which keeps this object alive."""

    __slots__ = ("__weakref__", "_flush_scheduled", "_last_flush", "loop", "waiters", "wakeup")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.wakeup = _core.WakeupFd()
        self.loop = weakref.ref(loop)
        self.waiters: dict[int, asyncio.Future[None]] = {}
        self._last_flush = 0.0
        self._flush_scheduled = False
        try:
            loop.add_reader(self.wakeup.fileno(), self.drain)
        except NotImplementedError:
            threading.Thread(target=_watch_descriptor, args=(self,), name="ratatoskr-wake", daemon=True).start()

    def start_requests(self, loop: asyncio.AbstractEventLoop, client: _core.Client) -> None:
        """Start the requests that `client.send` created, now or at the end of this turn of the loop."""
        now = time.monotonic()
        if len(self.waiters) < _BATCH_MINIMUM or now - self._last_flush > _BATCH_INTERVAL:
            self._last_flush = now
            client.flush()
        elif not self._flush_scheduled:
            self._flush_scheduled = True
            loop.call_soon(self._flush, client)

    def _flush(self, client: _core.Client) -> None:
        self._flush_scheduled = False
        self._last_flush = time.monotonic()
        client.flush()

    def drain(self) -> None:
        self.wake(self.wakeup.drain())

    def wake(self, tokens: list[int]) -> None:
        waiters = self.waiters
        for token in tokens:
            future = waiters.pop(token, None)
            # A task that does not wait yet will find the update without waiting.
            if future is not None and not future.done():
                future.set_result(None)


def _watch_descriptor(waker: _LoopWaker) -> None:
    """Serve a loop that cannot watch descriptors, until it is closed or collected."""
    with selectors.DefaultSelector() as selector:
        selector.register(waker.wakeup.fileno(), selectors.EVENT_READ)
        while True:
            readable = selector.select(_LOOP_CHECK_INTERVAL)
            loop = waker.loop()
            if loop is None or loop.is_closed():
                return
            if readable:
                try:
                    loop.call_soon_threadsafe(waker.wake, waker.wakeup.drain())
                except RuntimeError:  # the loop was closed since the check above
                    return
            del loop


def _waker_for(loop: asyncio.AbstractEventLoop) -> _LoopWaker:
    wakers = _process.wakers
    known = wakers.get(id(loop))
    waker = None if known is None else known()
    # A new loop may have the address, and so the id, of one that was collected.
    if waker is None or waker.loop() is not loop:
        for key in [key for key, ref in wakers.copy().items() if ref() is None]:
            wakers.pop(key, None)
        waker = _LoopWaker(loop)
        wakers[id(loop)] = weakref.ref(waker)
    return waker


async def _next_update(exchange: _core.Exchange, waker: _LoopWaker) -> _Update:
    """Return the next update of an exchange."""
    token = exchange.token
    waiters = waker.waiters
    while (update := exchange.take()) is None:
        if token in waiters:
            raise RuntimeError("two tasks wait for the same response")
        waiters[token] = future = asyncio.get_running_loop().create_future()
        try:
            await future
        finally:
            waiters.pop(token, None)
    return update


def _to_exception(failure: _Failure, total_phase: str, proxy_scheme: str | None = None) -> RatatoskrError:
    kind, phase, sent, retryable, message = failure
    match kind:
        case "connection" if phase in _PROXY_PHASES.get(proxy_scheme or "", ()):
            retryable &= "authorization required" not in message  # status 407, as hyper reports it
            return ConnectionFailed(f"the proxy failed: {message}", phase="proxy", retryable=retryable)
        case "connection":
            return ConnectionFailed(message, phase=phase, sent=sent, retryable=retryable)
        case "tls":
            return TlsError(message, phase=phase, sent=sent)
        case "timeout":
            phase = total_phase if phase == "total" else phase
            error = Timeout(message.replace(" s while ", f" s ({phase}) while ", 1), phase=phase)
            error.queued = message.endswith("waiting for a free connection slot")
            return error
        case "malformed":
            return MalformedResponse(message)
        case "configuration":
            return ConfigurationError(message)
        case "closed":
            return GatewayClosed(message)


class NativeReply:
    """A response whose status and headers have arrived; see `ratatoskr.transport.client.HttpReply`.

    `content` is the body as it is held: one that is large becomes `bytes` when `body` is first read.
    """

    __slots__ = (
        "_ended",
        "_events",
        "_exchange",
        "_failure",
        "_headers",
        "_total_phase",
        "_waker",
        "body",
        "content",
        "status",
        "streamed",
    )

    def __init__(self, exchange: _core.Exchange, waker: _LoopWaker, update: _Update, total_phase: str) -> None:
        head, self._events, self._ended, self._failure = update
        self.status, body = head or (0, b"")  # an update without a head has been raised
        self.streamed = body is None
        self.content = body or b""
        if not isinstance(self.content, _core.Body):
            self.body = self.content
        self._exchange = exchange
        self._waker = waker
        self._total_phase = total_phase
        self._headers: dict[str, str] | None = None

    def __getattr__(self, name: str) -> Any:
        # A large body is copied only where it is read as bytes.
        if name != "body":
            raise AttributeError(name)
        self.body = bytes(self.content)
        return self.body

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; values of a repeated name joined by ", "."""
        if self._headers is None:
            self._headers = self._exchange.headers()
        return self._headers

    async def batch(self) -> list[tuple[str, bytes]] | None:
        """Return all complete events that have arrived, or `None` after the end; see `HttpReply.batch`."""
        while not self._events:
            if self._ended:
                if self._failure is not None:
                    raise _to_exception(self._failure, self._total_phase)
                return None
            _, self._events, self._ended, self._failure = await _next_update(self._exchange, self._waker)
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Close the connection at once if the body has not ended."""
        self._exchange.close()

    def release(self) -> None:
        """Wait in the background for the end of the body, for a second at most; see `HttpReply.release`."""
        self._exchange.release()


class NativeTransport:
    """Sends requests through the HTTP client of the extension; see `ratatoskr.transport.client.Transport`.

    The connection pool, TLS and the native thread are created at the first request, which raises `ConfigurationError`
    if the configuration is invalid.
    """

    loop_bound = False

    def __init__(self, config: TransportConfig | None = None) -> None:
        self._config = config or TransportConfig()
        self._client: _core.Client | None = None
        self._process: _ProcessState | None = None
        self._closed = False

    async def send(self, request: HttpRequest) -> NativeReply:
        """Send one request and return its response; see `Transport.send`."""
        sys.audit("ratatoskr.request", request.url)  # as Python's own sockets do; `testing.no_network` listens
        client = self._client
        if client is None or self._process is not _process:
            client = self._open_client()
        loop = asyncio.get_running_loop()
        waker = _waker_for(loop)
        deadlines = request.deadlines
        exchange = client.send(
            waker.wakeup,
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
        waker.start_requests(loop, client)
        try:
            update = await _next_update(exchange, waker)
        except BaseException:
            # The traceback may keep the exchange alive; the connection must not stay open with it.
            exchange.close()
            raise
        if update[0] is None:
            raise _to_exception(update[3] or _ABORTED, deadlines.total_phase, self._config.proxy_scheme)
        return NativeReply(exchange, waker, update, deadlines.total_phase)

    def _open_client(self) -> _core.Client:
        process = _process
        with process.lock:
            if self._closed:
                raise GatewayClosed("the gateway was closed")
            if self._client is None or self._process is not process:
                abandon(self._client)
                self._client = _create_client(process.get_runtime(), self._config)
                self._process = process
            return self._client

    async def preconnect(self, urls: Iterable[str]) -> None:
        """Open a connection to the origin of each URL and keep it for the first call.

        Sends one HEAD request for `/` to each origin, without an API key.

        Raises:
            ConnectionFailed, TlsError, Timeout: the first error, after all origins were tried.
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
        waker = _waker_for(asyncio.get_running_loop())
        await _next_update(client.close(waker.wakeup), waker)


_PRECONNECT = Deadlines(connect=10.0, first_byte=10.0, idle=10.0, total=20.0)
_ABORTED: _Failure = ("closed", None, False, False, "the request was aborted")


def _create_client(runtime: _core.Runtime, config: TransportConfig) -> _core.Client:
    certificate = _read_pem(config.tls_cert)
    key = _read_pem(config.tls_key) or certificate
    if certificate is None and key is not None:
        del key
        raise ConfigurationError("tls_key is set, but tls_cert is not")
    try:
        return _core.Client(
            runtime,
            limits=(
                config.max_head,
                config.max_body,
                config.max_line,
                config.max_event,
                config.queue,
                config.max_stream,
                config.undelivered,
            ),
            in_flight=config.in_flight,
            in_flight_by_origin=dict(config.in_flight_by_origin),
            stream_by_origin=dict(config.stream_bytes_by_origin),
            keep_idle=config.keep_idle,
            proxy=config.proxy.reveal() if isinstance(config.proxy, Secret) else None,
            unix_socket=None if config.unix_socket is None else str(config.unix_socket),
            ca_certificates=_read_pem(config.tls_ca),
            identity=None if certificate is None or key is None else (certificate, key),
        )
    except ValueError as error:
        del certificate, key
        raise ConfigurationError(str(error)) from None


def _read_pem(source: str | Path | bytes | None) -> bytes | None:
    if source is None or isinstance(source, bytes):
        return source
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{source}: {error.strerror}") from error
