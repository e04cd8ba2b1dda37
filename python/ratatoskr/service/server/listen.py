"""The options of a server, and one that listens, for a daemon and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import grpc
import grpc.aio

from ratatoskr.errors import ConfigurationError
from ratatoskr.service.methods import MAX_MESSAGE
from ratatoskr.service.server.service import Service

__all__ = ["SERVER_OPTIONS", "add_listener", "make_server"]

SERVER_OPTIONS: Final[dict[str, int]] = {
    "grpc.so_reuseport": 0,  # else a second daemon shares the port without a word
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.max_send_message_length": MAX_MESSAGE,
    "grpc.max_metadata_size": 16 * 1024,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.min_ping_interval_without_data_ms": 30_000,  # the default of 5 minutes ends clients that wait
    "grpc.http2.max_ping_strikes": 2,
}
"""The options of a server by name; the rest are gRPC's defaults."""


def make_server(service: Service, *, handlers: Sequence[Any] = (), interceptors: Sequence[Any] = ()) -> grpc.aio.Server:
    """Return a server that is not listening yet.

    Args:
        service: answers every method that no other handler has.
        handlers: of other services, such as health and reflection.
        interceptors: around every method.
    """
    server = grpc.aio.server(options=list(SERVER_OPTIONS.items()), interceptors=list(interceptors))
    server.add_generic_rpc_handlers((*handlers, service))
    return server


def add_listener(server: grpc.aio.Server, address: str, credentials: Any = None) -> int:
    """Listen at `host:port` or `unix:PATH` and return the port.

    Raises:
        ConfigurationError: the address is in use or cannot be used.
    """
    try:
        if credentials is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, credentials))
    except RuntimeError:
        raise ConfigurationError(
            f"cannot listen at {address}: it is in use, or not an address of this machine"
        ) from None
