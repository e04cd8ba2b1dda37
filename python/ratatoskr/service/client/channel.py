"""Channels: one a process and event loop, made at first use, without proxies and without retries of their own."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from ratatoskr._fork import abandon, call_in_child
from ratatoskr.errors import ConfigurationError, ConnectionFailed, InvalidInput, MalformedResponse, TlsError
from ratatoskr.service.address import Address, address_of
from ratatoskr.service.methods import MAX_MESSAGE, READS
from ratatoskr.types.secret import Secret
from ratatoskr.types.visible import escape_hidden

__all__ = ["CHANNEL_OPTIONS", "Channels", "credentials_of", "line_to", "metadata_of", "renewal_of", "unreachable"]
__all__ += ["wrong_answer"]

CHANNEL_OPTIONS: Final[dict[str, int]] = {
    "grpc.enable_http_proxy": 0,  # else even 127.0.0.1 is asked through the environment's proxy
    "grpc.enable_retries": 0,  # the daemon tries again; both together would multiply
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.max_send_message_length": MAX_MESSAGE,
    "grpc.max_metadata_size": 16 * 1024,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.use_local_subchannel_pool": 1,  # connections are not shared between event loops
}
"""The options of a channel by name; the rest are gRPC's defaults."""


def line_to(url: str, token: str | Secret | None, ca: Any, cert: Any, key: Any) -> tuple[Address, Secret | None, Any]:
    """Return the address, the token and the credentials of a channel, from the arguments of a client.

    Raises:
        ConfigurationError: one is wrong.
    """
    address = address_of(url)
    if token is not None and not isinstance(token, Secret):
        token = _secret(token)
    if token is not None and not (address.tls or address.loopback):
        raise ConfigurationError(f"a token must not travel in the clear: use https:// in place of {address.url}")
    return address, token, credentials_of(address, ca, cert, key)


def _secret(token: str) -> Secret:
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        raise ConfigurationError("the token is empty, or holds spaces, line breaks or non-ASCII characters")
    return Secret(token)


def metadata_of(token: Secret | None) -> tuple[tuple[str, str], ...]:
    """Return what is sent with every call."""
    reads = (READS, "1")
    return (reads,) if token is None else (reads, ("authorization", f"Bearer {token.reveal()}"))


def credentials_of(address: Address, ca: Any, cert: Any, key: Any) -> Any:
    """Return the credentials of a channel; `None` for one that is not encrypted.

    Args:
        address: of the daemon.
        ca: the path of the certificates that are trusted, or `None` for those that gRPC brings.
        cert: the path of the client's certificate.
        key: the path of its key.

    Raises:
        ConfigurationError: a file cannot be read, or key and certificate do not belong together.
    """
    if not address.tls:
        if ca is not None or cert is not None or key is not None:
            raise ConfigurationError(f"ca, cert and key are for https:// addresses, and this is {address.url}")
        return None
    if (cert is None) != (key is None):
        raise ConfigurationError("cert and key go together")
    if cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise ConfigurationError(f"the certificate {cert} and the key {key} cannot be used: {reason}") from None
    roots, chain, secret = (None if path is None else _read(path) for path in (ca, cert, key))
    return grpc.ssl_channel_credentials(root_certificates=roots, private_key=secret, certificate_chain=chain)


def renewal_of(address: Address, ca: Any, cert: Any, key: Any) -> Callable[[], Any]:
    """Return a function that returns new credentials once a file of theirs has changed, and `None` until then."""
    paths = [path for path in (ca, cert, key) if path is not None]
    seen = [_stamp(path) for path in paths]

    def renew() -> Any:
        nonlocal seen
        now = [_stamp(path) for path in paths]
        if now == seen:
            return None
        credentials = credentials_of(address, ca, cert, key)
        seen = now
        return credentials

    return renew


def _stamp(path: Any) -> tuple[int, int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: Any) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None


_channels: weakref.WeakSet[Channels] = weakref.WeakSet()


def _drop_idle() -> None:
    for channels in list(_channels):
        channels.drop_if_idle()


os.register_at_fork(before=_drop_idle)


class Channels:
    """The channels of one client.

    Args:
        address: of the daemon.
        credentials: `None` for a connection that is not encrypted.
        is_idle: returns whether no call is under way.

    Attributes:
        renew: asked before a connection is made; returns other credentials where their files have changed.
    """

    def __init__(self, address: Address, credentials: Any, is_idle: Callable[[], bool]) -> None:
        self._address = address
        self._credentials = credentials
        self._is_idle = is_idle
        self._open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        self._broken = False
        self.renew: Callable[[], Any] | None = None
        _channels.add(self)
        call_in_child(self._renew)

    def drop_if_idle(self) -> None:
        """Close the channels before a fork, unless one is in use; the next call opens another.

        gRPC's own handling of forks gives up where one of its threads is running, and each open channel has one.
        """
        if self._is_idle():
            self._open.clear()

    def _renew(self) -> None:
        """Forget the channels in a forked child, where their threads do not exist."""
        self._broken = self._broken or bool(self._open)
        abandon(*self._open.values())
        self._open = weakref.WeakKeyDictionary()

    def get(self) -> Any:
        """Return the channel of the running event loop."""
        loop = asyncio.get_running_loop()
        channel = self._open.get(loop)
        if channel is None:
            options = list(CHANNEL_OPTIONS.items())
            if self._credentials is None:
                channel = grpc.aio.insecure_channel(self._address.target, options=options)
            else:
                channel = grpc.aio.secure_channel(self._address.target, self._credentials, options=options)
            self._open[loop] = channel
        return channel

    async def connect(self, seconds: float | None) -> Any:
        """Return the channel of the running event loop, connected.

        Raises:
            ConnectionFailed: the daemon could not be reached in time, or this process was forked during a call.
        """
        if self._broken:
            raise unreachable(self._address, "gRPC does not work in a process forked while a call was under way")
        channel = self.get()
        state = channel.get_state(try_to_connect=True)
        if state is grpc.ChannelConnectivity.READY:
            return channel
        if self.renew is not None and (renewed := self.renew()) is not None:
            self._credentials = renewed
            self._open.pop(asyncio.get_running_loop(), None)
            channel = self.get()
            state = channel.get_state(try_to_connect=True)
        try:
            async with asyncio.timeout(seconds):
                while state is not grpc.ChannelConnectivity.READY:
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE and self._address.tls:
                        failure = await self._failure(channel)
                        if isinstance(failure, TlsError):  # which no waiting mends
                            raise failure
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            raise await self._failure(channel) from None
        return channel

    async def _failure(self, channel: Any) -> ConnectionFailed:
        """Return why the daemon cannot be reached, which only a call is told."""
        reason = "it does not answer"
        try:
            await channel.unary_unary("/")(b"", timeout=1)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                reason = error.details() or reason
        return unreachable(self._address, reason)

    async def aclose(self) -> None:
        """Close all channels, those of other loops there; calls under way are cancelled."""
        channels, self._open = self._open, weakref.WeakKeyDictionary()
        here = asyncio.get_running_loop()
        for loop, channel in list(channels.items()):
            if loop is here:
                await channel.close()
            elif not loop.is_closed():
                asyncio.run_coroutine_threadsafe(channel.close(), loop)


_TLS_WORDS: Final = ("handshake", "ssl_error", "certificate", "tsi", "verification")
_AROUND: Final = re.compile(
    r"failed to connect to all addresses; last error: [A-Z_]+: (?=.)|Failed to connect to remote host: "
    r"|connect failed: addr: \S+ error: |\w+ handshake failed \(\w+\): |SSL_ERROR_SSL: error:\w+:SSL "
    r"routines:OPENSSL_internal:|: OK$|Custom verification check failed with error: UNAUTHENTICATED: "
)
"""What gRPC puts around the reason why there is no connection."""
_ADVICE: Final = {
    "unable to get local issuer": "ca= or --ca-file trusts the authority of its certificate",
    "self signed certificate": "ca= or --ca-file trusts its certificate",
    "self-signed certificate": "ca= or --ca-file trusts its certificate",
    "Hostname Verification": "its certificate is for another name than that of the address",
    "WRONG_VERSION_NUMBER": "it is not encrypted: use http://",
}
"""What to do by the reason why there is no encrypted connection."""


def unreachable(address: Address, reason: str, *, sent: bool = False) -> ConnectionFailed:
    """Return the error for a daemon that cannot be reached, or that has gone."""
    advice = next((advice for words, advice in _ADVICE.items() if address.tls and words in reason), "")
    if not address.tls and "Socket closed" in reason:
        advice = "if it is encrypted, use https://"
    plain = escape_hidden(_AROUND.sub("", reason), 300).rstrip(".")
    text = f"the daemon at {address.url} cannot be reached: {plain}" + (f"; {advice}" if advice else "")
    if address.tls and any(word in reason.lower() for word in _TLS_WORDS):
        return TlsError(text, phase="tls")
    return ConnectionFailed(text, phase="send" if sent else "connect", sent=sent)


def wrong_answer(address: Address, error: Exception) -> MalformedResponse:
    """Return the error for an answer that is no message of its method, or holds what cannot be."""
    reason = error.message if isinstance(error, InvalidInput) else "it is no message of this method"
    return MalformedResponse(f"the answer of the daemon at {address.url} is wrong: {reason}")
