"""One call that is being served, and the hooks by which a daemon decides about it."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ratatoskr.errors import RatatoskrError
from ratatoskr.service.methods import MAX_MESSAGE, READS, REQUEST_ID, Method
from ratatoskr.service.pb import ratatoskr_pb2 as pb

__all__ = ["Call", "Caller", "ServerHooks"]

_logger = logging.getLogger("ratatoskr.service")
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ids: Final = random.Random()  # noqa: S311  # they tell calls apart, and are no secrets


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        name: for limits and the log.
        admin: whether administration is allowed, and origins and addresses are told.
    """

    name: str = "anonymous"
    admin: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """A call, from its first octet to its log line.

    Attributes:
        method: what is called; `None` for a method that does not exist.
        path: as asked for.
        metadata: what came with it; the last value of each name.
        size: bytes of the request.
        id: the caller's own where it is short and printable, else one made here; it comes back.
        caller: known once it is authenticated.
        began: when, by the monotonic clock.
        hooks: of the server.
        context: of gRPC.
        kept_free: whether limits keep room for it: health and administration.
        writing_since: when the message that is being written was handed over, by the loop's clock.
        task: what serves it; cancelling it ends the call and everything below.
        models: the models that the request names.
        answer: what was answered, for the log: provider, model, usage, attempts.
        first_event: seconds to the first event of a stream.
        error: what it failed with.
        ended_by: what an operator has ended it with.
    """

    method: Method | None
    path: str
    metadata: Mapping[str, Any]
    size: int
    id: str
    task: asyncio.Task[Any] | None
    hooks: ServerHooks
    context: Any
    caller: Caller = Caller()
    kept_free: bool = False
    began: float = field(default_factory=time.monotonic)
    models: tuple[str, ...] = ()
    answer: Any = None
    first_event: float | None = None
    error: RatatoskrError | None = None
    ended_by: RatatoskrError | None = None
    writing_since: float | None = None

    @property
    def listed(self) -> bool:
        """Whether the caller reads only the fields that every implementation has."""
        return self.metadata.get(READS) != "1"

    @property
    def peer(self) -> str:
        """Where it came from, as gRPC writes it."""
        return str(self.context.peer())

    def time_remaining(self) -> float | None:
        """Return the seconds until the caller's deadline; `None` without one."""
        remaining = self.context.time_remaining()
        return None if remaining is None else float(remaining)

    def limits(self) -> pb.Limits:
        """Return what this caller may send."""
        return self.hooks.limits(self)

    def end(self, error: RatatoskrError) -> None:
        """End the call with an error, from outside of it."""
        self.ended_by = error
        if self.task is not None:
            self.task.cancel()


def id_of(metadata: Mapping[str, Any]) -> str:
    """Return the caller's id of a call where it is sane, else a new one."""
    given = metadata.get(REQUEST_ID)
    if isinstance(given, str) and _SANE_ID.fullmatch(given):
        return given
    return f"{_ids.getrandbits(64):016x}"


class ServerHooks:
    """What a daemon decides about each call, in this order; the base allows everything.

    Every method runs on the event loop and must not block. A `RatatoskrError` that one raises is the call's answer.
    """

    def authenticate(self, call: Call) -> Caller:
        """Return who calls; asked before anything is parsed, for methods that do not exist, too."""
        return Caller()

    def admit(self, call: Call) -> Callable[[], object] | None:
        """Count the call against the limits; return what to call at its end."""
        return None

    def check_message(self, call: Call, message: Any) -> None:
        """Raise an error for a message that holds too much; asked before it is converted."""

    def check_models(self, call: Call, models: Sequence[str]) -> None:
        """Raise an error unless the caller may use these models."""

    def limits(self, call: Call) -> pb.Limits:
        """Return what one call of this caller may hold, and how many it may have at a time; for clients that ask."""
        return pb.Limits(texts=1024, message_bytes=MAX_MESSAGE)  # their vectors fit, up to 8191 dimensions

    def log(self, call: Call) -> None:
        """Note the end of a call; `call.error` is `None` where it went well."""
        error = call.error
        _logger.info(
            "failed" if error is not None else "answered",
            extra={
                "id": call.id,
                "caller": call.caller.name,
                "method": call.method.name if call.method is not None else "unknown",
                "code": error.code if error is not None else None,
                "seconds": time.monotonic() - call.began,
                "first_event": call.first_event,
            },
        )
