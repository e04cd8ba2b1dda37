"""The health of a daemon, asked without a gateway and its types: `rat health` imports little else than gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import grpc
from google.protobuf.message import DecodeError

from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.service.client.channel import CHANNEL_OPTIONS, line_to, metadata_of, unreachable, wrong_answer
from ratatoskr.service.convert.model import HEALTH
from ratatoskr.service.methods import SERVICE
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.timeouts import DEFAULTS

if TYPE_CHECKING:
    from ratatoskr.service.address import Address
    from ratatoskr.types.model import Health
    from ratatoskr.types.secret import Secret

__all__ = ["ask_health"]

_PATH: Final = f"/{SERVICE}/Health"
_FOR_THE_REASON: Final = 1.0
"""Seconds of a call that is only to be told why there is no connection."""


def ask_health(url: str, token: str | Secret | None, ca: Any, cert: Any, key: Any) -> Health:
    """Return the health of a daemon; the arguments are those of a `ServiceClient`, and so are the errors."""
    address, token, credentials = line_to(url, token, ca, cert, key)
    options = list(CHANNEL_OPTIONS.items())
    if credentials is None:
        channel = grpc.insecure_channel(address.target, options=options)
    else:
        channel = grpc.secure_channel(address.target, credentials, options=options)
    with channel:
        octets = _ask(channel, address, metadata_of(token))
    try:
        return cast("Health", HEALTH.from_pb(pb.HealthResponse.FromString(octets)))
    except (InvalidInput, DecodeError) as error:
        raise wrong_answer(address, error) from None


def _ask(channel: Any, address: Address, metadata: Any) -> bytes:
    connected = True
    try:
        grpc.channel_ready_future(channel).result(DEFAULTS.connect)
    except grpc.FutureTimeoutError:
        connected = False
    try:
        seconds = DEFAULTS.total if connected else _FOR_THE_REASON
        return cast("bytes", channel.unary_unary(_PATH)(b"", timeout=seconds, metadata=metadata))
    except grpc.RpcError as error:
        raise _error_of(error, address, connected=connected) from None


def _error_of(error: Any, address: Address, *, connected: bool) -> RatatoskrError:
    if not connected:
        is_told = error.code() is grpc.StatusCode.UNAVAILABLE and error.details()
        return unreachable(address, error.details() if is_told else "it does not answer")
    from ratatoskr.service.client.failure import error_of_call

    return error_of_call(error, address)
