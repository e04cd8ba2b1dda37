"""The configuration of the native transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ratatoskr.types.secret import Secret

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True, slots=True)
class TransportConfig:
    """All settings of the native transport; nothing here is read from the environment or from netrc.

    Attributes:
        in_flight: requests in flight to one origin at a time; the others wait until their deadline.
        in_flight_by_origin: exceptions, by origin as in `https://api.example.com` or `http://127.0.0.1:11434` (the
            port only where it is not the default of the scheme).
        stream_bytes_by_origin: exceptions from `max_stream`, by origin.
        proxy: URL of a proxy (http, https, socks5, socks5h) for all requests, loopback included; kept as a `Secret`.
        no_proxy: hosts that are reached without the proxy, separated by commas, as in the variable `NO_PROXY`.
        tls_ca: PEM of CA certificates to trust in addition to Mozilla's list: a path, or the PEM text as bytes.
        tls_cert: PEM of the client's certificate and its chain.
        tls_key: PEM of the client's private key; by default it is read from `tls_cert`.
        unix_socket: path of a Unix socket to which every connection goes, whatever the host of the URL; a proxy is
            then not used.
        keep_idle: seconds for which an idle connection is kept.
        max_head: the largest size of response headers in bytes.
        max_body: the largest size of a body that is not streamed, in bytes.
        max_line: the largest size of one line of a stream in bytes.
        max_event: the largest size of the data of one event in bytes.
        max_stream: the largest size of a whole stream in bytes.
        queue: bytes of events that may wait for their reader; above that the socket is not read.
        undelivered: bytes that all open streams together may hold. Above that no socket is read whose reader has not
            taken what came, and a stream fails that holds an incomplete event larger than `queue`.
    """

    in_flight: int = 256
    in_flight_by_origin: Mapping[str, int] = field(default_factory=dict)
    stream_bytes_by_origin: Mapping[str, int] = field(default_factory=dict)
    proxy: str | Secret | None = field(default=None, repr=False)
    no_proxy: str = ""
    tls_ca: str | Path | bytes | None = field(default=None, repr=False)
    tls_cert: str | Path | bytes | None = field(default=None, repr=False)
    tls_key: str | Path | bytes | None = field(default=None, repr=False)
    unix_socket: str | Path | None = None
    keep_idle: float = 60.0
    max_head: int = 64 * _KIB
    max_body: int = 32 * _MIB
    max_line: int = 8 * _MIB
    max_event: int = 8 * _MIB
    max_stream: int = 256 * _MIB
    queue: int = 256 * _KIB
    undelivered: int = 256 * _MIB

    def __post_init__(self) -> None:
        if isinstance(self.proxy, str):
            object.__setattr__(self, "proxy", Secret(self.proxy))

    @property
    def proxy_scheme(self) -> str | None:
        """The scheme of the proxy's URL; `None` if requests go to their hosts or to a Unix socket."""
        if not isinstance(self.proxy, Secret) or self.unix_socket is not None:
            return None
        return self.proxy.reveal().partition(":")[0].lower()
