"""`DaemonHooks`: what the daemon decides about the calls of one listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ratatoskr.config.server import ListenerSection
from ratatoskr.errors import AuthenticationFailed
from ratatoskr.service.daemon.clients import Client
from ratatoskr.service.daemon.limits import check_message
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.service.server.call import Call, ServerHooks
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.service.daemon.daemon import Daemon

__all__ = ["DaemonHooks"]

HEALTH = "/grpc.health.v1.Health/"


class DaemonHooks(ServerHooks):
    """Authentication, limits and log, as configured at the time of each call.

    Args:
        daemon: holds what is in force.
        listener: that the calls come by.
    """

    def __init__(self, daemon: Daemon, listener: ListenerSection) -> None:
        self._daemon = daemon
        self._listener = listener

    def authenticate(self, call: Call) -> Client:
        """Return the client that calls."""
        if call.path.startswith(HEALTH) and self._daemon.config.server.health_without_token:
            return Client("health")
        return self._daemon.clients.identify(call, self._listener)

    def admit(self, call: Call) -> Callable[[], object]:
        """Count the call."""
        client: Any = call.caller  # of `authenticate`
        return self._daemon.limiter.admit(call, client)

    def check_message(self, call: Call, message: Any) -> None:
        """Raise `InvalidInput` for a message that holds too much."""
        check_message(message, self._daemon.config.server.limits)

    def check_models(self, call: Call, models: Sequence[str]) -> None:
        """Raise `AuthenticationFailed` for a model that the client may not use."""
        client: Any = call.caller
        for model in models:
            if not client.may_use(model):
                raise AuthenticationFailed(f"{client.name} may not use the model {quote(model)}", model=model)

    def limits(self, call: Call) -> pb.Limits:
        """Return what one call of the client may hold."""
        limits = self._daemon.config.server.limits
        client = cast("Client", call.caller)
        return pb.Limits(texts=limits.texts, message_bytes=limits.message_bytes, calls=client.calls)

    def log(self, call: Call) -> None:
        """Write the line of a call."""
        self._daemon.log.call(call)
