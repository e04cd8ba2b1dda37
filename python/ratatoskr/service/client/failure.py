"""Errors of calls: those that the daemon has told, and those of the line to it."""

from __future__ import annotations

from typing import Any, Final

from ratatoskr.errors import InvalidInput, NoProvider, RatatoskrError, Timeout
from ratatoskr.service.address import Address
from ratatoskr.service.client.channel import unreachable
from ratatoskr.service.convert.error import details_from_octets, error_of_status
from ratatoskr.service.methods import DETAILS, NOT_SERVED
from ratatoskr.types.visible import escape_hidden

__all__ = ["error_of_call", "error_of_unserved"]

_TOO_LARGE: Final = "message larger than max"
_OF_THE_LINE: Final = (
    "connect",
    "socket",
    "connection",
    "stream removed",
    "goaway",
    "keepalive",
    "ping timeout",
    "cancelling all calls",
    "recvmsg",
    "sendmsg",
    "broken pipe",
    "transport",
    "handshake",
    "dns",
    "name resolution",
)
"""Words of gRPC's own texts of UNAVAILABLE; a daemon that lacks a model says none of these."""


def error_of_call(error: Any, address: Address) -> RatatoskrError:
    """Return the error for one of gRPC, an `AioRpcError`."""
    code, text = error.code().name, error.details() or ""
    for name, value in error.trailing_metadata() or ():
        if name == DETAILS and (told := details_from_octets(value)) is not None:
            return told
    if code == "UNAVAILABLE" and any(word in text.lower() for word in _OF_THE_LINE):
        return unreachable(address, text, sent=True)
    if code == "RESOURCE_EXHAUSTED" and _TOO_LARGE in text:
        return InvalidInput(f"the message is larger than is allowed: {text}", field="request")
    if code == "DEADLINE_EXCEEDED":
        return Timeout(f"the daemon at {address.url} did not answer within the deadline", phase="total")
    if code == "UNIMPLEMENTED":
        return NoProvider(f"the daemon at {address.url} does not serve this: {text}")
    return error_of_status(code, text)


def error_of_unserved(path: str, error: Any, address: Address, version: str | None) -> NoProvider:
    """Return the error for a method that a daemon does not have, or whose gateway does not have what it needs.

    Args:
        path: of the method.
        error: of gRPC.
        address: of the daemon.
        version: of the daemon, if it told it.
    """
    from ratatoskr.version import VERSION

    name, text = path.rpartition("/")[2], error.details() or ""
    where = f"the daemon at {address.url} does not serve {name}"
    if text.endswith(NOT_SERVED):
        return NoProvider(f"{where}: {text}")
    its = "it did not tell its version" if version is None else f"its version is {escape_hidden(version, 40)}"
    return NoProvider(f"{where}: it is older than this client, or of another make; {its}, and this client's {VERSION}")
