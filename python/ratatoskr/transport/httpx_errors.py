"""What the exceptions of httpx and httpx2 mean in the tree of `ratatoskr.errors`."""

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

# How httpcore, h11 and h2 say that the peer left, as opposed to having spoken nonsense.
_LEFT = ("disconnected", "closed connection", "ConnectionTerminated", "StreamReset")

# What ssl raises to go on waiting, and when the peer has gone: neither says anything about the handshake.
_NO_TLS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it came from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__


def _left(error: Exception) -> bool:
    text = str(error)
    return any(words in text for words in _LEFT)


def before_head(library: Any, error: Exception, authority: str, step: str | None) -> RatatoskrError:
    """Return what an exception before the head of the response means.

    Args:
        library: the module that raised it, httpx or httpx2.
        error: the exception.
        authority: host and port, for the message.
        step: how far the request was seen to come: `connect`, `tls`, `send`, `head`; `None` if nobody looked.
    """
    causes = list(_causes(error))
    connecting = isinstance(error, (library.ConnectError, library.ConnectTimeout, library.ProxyError))
    sent = step in {"send", "head"} or (step is None and not connecting)
    lookup = next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
    if lookup is not None:
        again = lookup.errno == socket.EAI_AGAIN
        text = "the name could not be resolved for the moment" if again else "no such name"
        return ConnectionFailed(f"{authority}: {text}", phase="dns", sent=False, retryable=again)
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError) and not isinstance(cause, _NO_TLS)), None)
    if tls is not None:
        return TlsError(f"{authority}: TLS failed: {tls.reason or 'unknown'}", phase="tls", sent=sent)
    match error:
        case library.ConnectTimeout():
            return Timeout(f"{authority}: no connection within the deadline", phase="connect")
        case library.TimeoutException():
            return Timeout(f"{authority}: not done within the client's own limit", phase="first_byte")
        case library.UnsupportedProtocol() | library.LocalProtocolError():
            return ConfigurationError("the URL or a header cannot be sent")
        case library.RemoteProtocolError() if not _left(error):
            return MalformedResponse(f"{authority}: the head of the response cannot be read or is too large")
    phase = "head" if sent else {None: "connect", "tls": "tls"}.get(step, "connect")
    return ConnectionFailed(f"{authority}: the connection failed or ended before the response", phase=phase, sent=sent)


def in_body(library: Any, error: Exception, authority: str, *, streamed: bool) -> RatatoskrError:
    """Return what an exception in the body of a response means; `streamed` when it comes as events."""
    if isinstance(error, library.TimeoutException):
        return Timeout(f"{authority}: the body stood still for longer than the client's own limit", phase="idle")
    if isinstance(error, library.RemoteProtocolError):
        if not _left(error):
            return MalformedResponse(f"{authority}: the body is not framed as HTTP says")
        if not streamed:
            return MalformedResponse(f"{authority}: the body ended before the length that was announced")
    return ConnectionFailed(f"{authority}: the body was cut", phase="body", sent=True)
