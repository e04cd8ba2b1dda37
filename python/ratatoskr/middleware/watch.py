"""`watch`: sees the events of a stream and its end, which comes exactly once."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

from ratatoskr.backend.stream import OpenStream
from ratatoskr.types.event import Done

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import EventSource
    from ratatoskr.types.attempt import Attempt
    from ratatoskr.types.chat import ChatResponse
    from ratatoskr.types.event import ChatEvent

P = ParamSpec("P")
R = TypeVar("R")

OnEvents: TypeAlias = "Callable[[list[ChatEvent]], object]"
OnEnd: TypeAlias = "Callable[[ChatResponse[Any], BaseException | None], object]"

__all__ = ["Guarded", "watch"]

_logger = logging.getLogger("ratatoskr.middleware")


class Guarded(Generic[P, R]):
    """An observer's function: if it raises, that is logged once, and it is not called again.

    Args:
        function: what to call.
        lets_pass: exceptions that come out and leave the function in.
    """

    def __init__(self, function: Callable[P, R], lets_pass: type[Exception] | tuple[()] = ()) -> None:
        self._function: Callable[P, R] | None = function
        self._lets_pass = lets_pass

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R | None:
        """Call the function; return `None` where it raises or is left out."""
        function = self._function
        if function is None:
            return None
        try:
            return function(*args, **kwargs)
        except self._lets_pass:
            raise
        except Exception as error:
            self._function = None
            name = getattr(function, "__qualname__", type(function).__qualname__)
            fields = {"observer": name, "error": type(error).__name__}
            _logger.exception("an observer failed and is left out", extra=fields)
            return None


@overload
def watch(source: OpenStream, *, on_events: OnEvents | None = None, on_end: OnEnd | None = None) -> OpenStream: ...
@overload
def watch(source: EventSource, *, on_events: OnEvents | None = None, on_end: OnEnd | None = None) -> EventSource: ...
def watch(
    source: OpenStream | EventSource, *, on_events: OnEvents | None = None, on_end: OnEnd | None = None
) -> OpenStream | EventSource:
    """Return a stream that calls functions with its events and at its end; the stream itself does not change.

    A function that raises is logged once and not called again for this stream.

    Args:
        source: what `ask` of `Middleware.open_stream` has returned, or the source of its events.
        on_events: called with each batch of events, the first ones included where `source` is an `OpenStream`.
        on_end: called once with the response as far as it has come and `None`, or the error that ended the stream: at
            `Done`, an error, a cancellation, when the stream is closed, or when its last reference is dropped. A stream
            that was closed or dropped early has no error, and no finish reason.
    """
    if not isinstance(source, OpenStream):
        return _WatchedSource(source, on_events, on_end)
    source.source = watched = _WatchedSource(source.source, on_events, on_end, source.attempts)
    watched.note(source.events)
    return source


class _WatchedSource:
    """The events of another source, observed."""

    def __init__(
        self,
        source: EventSource,
        on_events: OnEvents | None,
        on_end: OnEnd | None,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        self._source = source
        self._on_events = None if on_events is None else Guarded(on_events)
        self._on_end = [] if on_end is None else [Guarded(on_end)]
        self._attempts = attempts
        self._closed = False
        self.provider = source.provider

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._source.request_id

    async def batch(self) -> list[ChatEvent]:
        """Return the events that have arrived."""
        try:
            events = await self._source.batch()
        except GeneratorExit:  # the reading coroutine was closed
            self._end(None)
            raise
        except asyncio.CancelledError as error:
            self._end(_reason(error))
            raise
        except BaseException as error:
            self._end(error)
            raise
        self.note(events)
        return events

    def note(self, events: list[ChatEvent]) -> None:
        """Notify the observers of events, and of the end if they hold it."""
        if self._on_events is not None:
            self._on_events(events)
        if events and type(events[-1]) is Done:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        try:
            on_end = self._on_end.pop()
        except IndexError:  # told before, maybe by another thread
            return
        on_end(self.response(), error)

    def response(self) -> ChatResponse[Any]:
        """Return what has arrived so far."""
        response = self._source.response()
        return response.with_attempts(self._attempts) if self._attempts else response

    def close(self) -> None:
        """Close the upstream."""
        self._closed = True
        try:
            self._source.close()
        finally:
            self._end(None)

    def __del__(self) -> None:
        if not self._closed and not sys.is_finalizing():
            self.close()


def _reason(error: asyncio.CancelledError) -> BaseException:
    """Return the deadline that passed, where one has cancelled the read and says so, else the cancellation."""
    reason = error.args[0] if error.args else None
    return reason if isinstance(reason, BaseException) else error
