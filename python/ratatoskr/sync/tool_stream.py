"""`SyncToolStream`: the events of a tool loop for callers that block."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ratatoskr.sync.loop_thread import LoopThread
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.generic import GenericBase
from ratatoskr.types.message import Message

if TYPE_CHECKING:
    from ratatoskr.gateway.tools import ToolStream
    from ratatoskr.types.generic import T


class SyncToolStream(GenericBase["T"]):
    """A `ToolStream` for callers that block; iterate over it, and leave its block or `close()` it."""

    def __init__(self, thread: LoopThread, stream: ToolStream[Any]) -> None:
        self._thread = thread
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatEvent:
        """Return the next event."""
        event = self._thread.run(_next_or_none(self._stream))
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Close the upstream; may be called twice."""
        self._thread.run(self._stream.aclose())

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that came so far, answers and tool results; append them to the history."""
        return self._stream.messages

    @property
    def response(self) -> ChatResponse[T]:
        """The last round's response; see `ToolStream.response`."""
        return self._stream.response


async def _next_or_none(stream: ToolStream[Any]) -> ChatEvent | None:
    return await anext(stream, None)
