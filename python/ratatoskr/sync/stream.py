"""`SyncChatStream`: a blocking stream; the loop thread keeps it open while any thread reads it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ratatoskr.errors import GatewayClosed
from ratatoskr.gateway.stream import ChatStream
from ratatoskr.sync.loop_thread import LoopThread
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import ChatEvent, ContentDelta
from ratatoskr.types.generic import GenericBase

if TYPE_CHECKING:
    from ratatoskr.types.generic import T


class SyncChatStream(GenericBase["T"]):
    """A `ChatStream` for callers that block; iterate over it, leave its block or `close()` it from any thread."""

    def __init__(self, thread: LoopThread, stream: ChatStream[Any]) -> None:
        self._thread = thread
        self._stream = stream
        self._events: list[ChatEvent] = []
        self._next = 0
        self._finished = True
        thread.run(_open(stream))
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatEvent:
        """Return the next event; one hop to the loop fetches all that have arrived."""
        if self._next >= len(self._events):
            if self._finished:
                raise StopIteration
            self._events, self._next = self._fetch(), 0
            if not self._events:
                self._finished = True
                raise StopIteration
        event = self._events[self._next]
        self._next += 1
        return event

    def _fetch(self) -> list[ChatEvent]:
        try:
            return self._thread.run(self._stream.events())
        except GatewayClosed as error:
            if error.partial is None:  # the loop ended first
                error.partial = replace(self._stream.partial, raw=None)
                self._close_stream()
            raise

    def text(self) -> Iterator[str]:
        """Iterate over the text alone."""
        for event in self:
            if type(event) is ContentDelta:
                yield event.text

    def collect(self) -> ChatResponse[T]:
        """Read to the end and return the response."""
        for _ in self:
            pass
        return self.response

    @property
    def provider(self) -> str:
        """The provider that answers."""
        return self._stream.provider

    @property
    def model(self) -> str:
        """The model as the provider names it."""
        return self._stream.model

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._stream.request_id

    @property
    def response(self) -> ChatResponse[T]:
        """The whole response; see `ChatStream.response`."""
        return self._stream.response

    @property
    def partial(self) -> ChatResponse[T]:
        """What has come so far, at any time."""
        return self._stream.partial

    def close(self) -> None:
        """Close the upstream; may be called twice and from another thread."""
        self._finished = True
        self._close_stream()

    def _close_stream(self) -> None:
        if not self._thread.post(self._stream.close):
            self._stream.close()  # the loop has ended, so nothing reads

    def __del__(self) -> None:
        if self._finished or self._stream.ended or sys.is_finalizing():
            return
        self.close()
        warnings.warn(
            "a SyncChatStream was dropped before its end; leave its block or close it", ResourceWarning, 2, self
        )


async def _open(stream: ChatStream[Any]) -> None:
    await stream
