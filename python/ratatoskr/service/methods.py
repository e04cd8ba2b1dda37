"""The methods of the services, from the descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import message_factory

from ratatoskr.service.pb import ratatoskr_pb2 as pb

__all__ = ["ADMIN", "METHODS", "SERVICE", "Method"]


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service.

    Attributes:
        name: `Chat`.
        service: `ratatoskr.v1.Ratatoskr`.
        path: `/ratatoskr.v1.Ratatoskr/Chat`.
        request: the class of its request.
        response: the class of its response, or of each message of its stream.
        streams: whether the response is a stream.
    """

    name: str
    service: str
    path: str
    request: Any
    response: Any
    streams: bool


def _methods() -> dict[str, Method]:
    found = {}
    for service in pb.DESCRIPTOR.services_by_name.values():
        for one in service.methods:
            path = f"/{service.full_name}/{one.name}"
            request = message_factory.GetMessageClass(one.input_type)
            response = message_factory.GetMessageClass(one.output_type)
            found[path] = Method(one.name, service.full_name, path, request, response, one.server_streaming)
    return found


METHODS: Final = _methods()
"""Every method, by its path."""
SERVICE: Final = "ratatoskr.v1.Ratatoskr"
ADMIN: Final = "ratatoskr.v1.Admin"
READS: Final = "ratatoskr-reads"
"""The name of the metadata by which a client says which of the newer fields it reads; `1` for all there are."""
REQUEST_ID: Final = "x-request-id"
DETAILS: Final = "grpc-status-details-bin"
PUSHBACK: Final = "grpc-retry-pushback-ms"
NOT_SERVED: Final = "is not served here"
"""How the text ends by which a daemon says that its gateway does not have what a method needs."""
MAX_MESSAGE: Final = 32 * 1024 * 1024
"""The most bytes of a message in either direction."""
