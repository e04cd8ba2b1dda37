"""How the native transport is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True, slots=True)
class TransportConfig:
    """Everything that the native transport goes by; nothing comes from the environment or from netrc.

    Attributes:
        in_flight: requests in flight to one origin at a time; the others queue until their deadline.
        in_flight_by_origin: exceptions, by origin as in `https://api.example.com` or `http://127.0.0.1:11434` (the
            port only where it is not the scheme's own).
        proxy: URL of a proxy (http, https, socks5, socks5h) for all requests, loopback included.
        tls_ca: PEM of authorities that are trusted beside Mozilla's list: a path, or the text itself as bytes.
        tls_cert: PEM of the client's certificate and its chain.
        tls_key: PEM of the client's private key; where it is left out, it is looked for in `tls_cert`.
        unix_socket: path of a Unix socket that every connection goes to, whatever the URL's host; a proxy is then
            not used.
        keep_idle: seconds that a connection may wait for its next request.
        max_head: cap of a response's head in bytes.
        max_body: cap of a body that is read whole, in bytes.
        max_line: cap of one line of a stream in bytes.
        max_event: cap of one event's data in bytes.
        queue: bytes of events that may wait for their reader before the socket is no longer read.
    """

    in_flight: int = 256
    in_flight_by_origin: Mapping[str, int] = field(default_factory=dict)
    proxy: str | None = field(default=None, repr=False)
    tls_ca: str | Path | bytes | None = field(default=None, repr=False)
    tls_cert: str | Path | bytes | None = field(default=None, repr=False)
    tls_key: str | Path | bytes | None = field(default=None, repr=False)
    unix_socket: str | Path | None = None
    keep_idle: float = 60.0
    max_head: int = 64 * _KIB
    max_body: int = 32 * _MIB
    max_line: int = 8 * _MIB
    max_event: int = 8 * _MIB
    queue: int = 256 * _KIB
