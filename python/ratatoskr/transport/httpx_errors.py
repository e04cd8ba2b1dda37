"""Maps the exceptions of httpx and httpx2 to those of `ratatoskr.errors`."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

from ratatoskr.errors import (
    ConfigurationError,
    ConnectionFailed,
    MalformedResponse,
    RatatoskrError,
    Timeout,
    TlsError,
)

# Parts of the messages of httpcore, h11 and h2 that mean a closed connection, not a protocol violation.
_DISCONNECT_TEXTS = ("disconnected", "closed connection", "ConnectionTerminated", "StreamReset")

# Raised by ssl while it waits and when the peer has closed the connection: neither is a failure of TLS.
_NOT_TLS_FAILURES = (
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all its causes."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__


def _is_disconnect(error: Exception) -> bool:
    text = str(error)
    return any(words in text for words in _DISCONNECT_TEXTS)


def request_error(
    library: Any, error: Exception, authority: str, step: str | None, *, by_proxy: bool = False
) -> RatatoskrError:
    """Return the error for an exception raised before the response headers.

    Args:
        library: the module that raised it, httpx or httpx2.
        error: the exception.
        authority: host and port, for the message.
        step: the last step of the request that was traced: `connect`, `proxy` (asked for a tunnel), `tls`, `send`,
            `head`; `None` without tracing.
        by_proxy: whether the connection was made to another host than the request's.
    """
    causes = list(_causes(error))
    connecting = isinstance(error, (library.ConnectError, library.ConnectTimeout, library.ProxyError))
    sent = step in {"send", "head"} or (step is None and not connecting)
    by_proxy = step == "proxy" or (by_proxy and step in {"connect", "tls"})
    lookup = next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
    if lookup is not None:
        again = lookup.errno == socket.EAI_AGAIN
        text = "temporary failure in name resolution" if again else "the host name does not exist"
        if by_proxy:
            return ConnectionFailed(f"the proxy failed: {text}", phase="proxy", retryable=again)
        return ConnectionFailed(f"{authority}: {text}", phase="dns", sent=False, retryable=again)
    tls = next(
        (cause for cause in causes if isinstance(cause, ssl.SSLError) and not isinstance(cause, _NOT_TLS_FAILURES)),
        None,
    )
    if tls is not None:
        return TlsError(f"{authority}: TLS failed: {tls.reason or 'unknown'}", phase="tls", sent=sent)
    match error:
        case library.ConnectTimeout():
            return Timeout(f"{authority}: timed out while connecting", phase="connect")
        case library.TimeoutException():
            timeout = Timeout(
                f"{authority}: timed out by a timeout of the httpx client while waiting for the response headers",
                phase="first_byte",
            )
            timeout.queued = isinstance(error, library.PoolTimeout)
            return timeout
        case library.ProxyError():
            status = str(error)[:3]
            answer = f"it answered with status {status}" if status.isdecimal() else "it refused the connection"
            message = f"the proxy failed: {authority}: {answer}"
            return ConnectionFailed(message, phase="proxy", retryable=status != "407")
        case _ if by_proxy:
            return ConnectionFailed(f"the proxy failed: {authority}: the connection failed", phase="proxy")
        case library.UnsupportedProtocol() | library.LocalProtocolError():
            return ConfigurationError("the URL or a header is invalid")
        case library.RemoteProtocolError() if not _is_disconnect(error):
            return MalformedResponse(f"{authority}: the response headers cannot be parsed or are too large")
    phase = "head" if sent else {None: "connect", "tls": "tls"}.get(step, "connect")
    return ConnectionFailed(
        f"{authority}: the connection failed or was closed before the response", phase=phase, sent=sent
    )


def body_error(library: Any, error: Exception, authority: str, *, streamed: bool) -> RatatoskrError:
    """Return the error for an exception raised while reading the body; `streamed` if it is streamed as events."""
    if isinstance(error, library.TimeoutException):
        return Timeout(
            f"{authority}: timed out by a timeout of the httpx client while reading the response body", phase="idle"
        )
    if isinstance(error, library.RemoteProtocolError):
        if not _is_disconnect(error):
            return MalformedResponse(f"{authority}: invalid HTTP framing in the response body")
        if not streamed:
            return MalformedResponse(f"{authority}: the response body is shorter than announced")
    return ConnectionFailed(
        f"{authority}: the connection was closed before the end of the response body", phase="body", sent=True
    )
