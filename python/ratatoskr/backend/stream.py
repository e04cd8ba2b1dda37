"""The opening of a stream: sent, and waited for until its first semantic event."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratatoskr.backend.deadline import Deadline
from ratatoskr.types.event import ChatEvent, UsageEvent
from ratatoskr.types.fairness import yield_to_loop

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import EventSource
    from ratatoskr.errors import RatatoskrError
    from ratatoskr.providers.protocol import CallOptions, ChatProvider
    from ratatoskr.types.attempt import Attempt
    from ratatoskr.types.chat import ChatRequest

__all__ = ["OpenStream", "StreamLimits", "open_stream"]


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Seconds that hold after the first event; `math.inf` for no limit.

    Attributes:
        no_progress: the longest wait for a semantic event.
        life: of the whole stream.
    """

    no_progress: float = math.inf
    life: float = math.inf


NO_LIMITS = StreamLimits()


@dataclass(slots=True)
class OpenStream:
    """A stream whose first events are there.

    Attributes:
        source: where the rest comes from.
        events: the first events, which the reader takes.
        attempts: every try, this answer last.
        limits: what the reader enforces from now on.
        on_close: called once, when the stream has ended or was closed.
        on_error: called with the error that ends the stream.
    """

    source: EventSource
    events: list[ChatEvent]
    attempts: tuple[Attempt, ...] = ()
    limits: StreamLimits = NO_LIMITS
    on_close: Callable[[], object] | None = None
    on_error: Callable[[RatatoskrError], object] | None = None

    def call_on_close(self, function: Callable[[], object]) -> None:
        """Call a function once when the stream has ended or was closed, after those that were given before."""
        before = self.on_close

        def call_both() -> None:
            try:
                if before is not None:
                    before()
            finally:
                function()

        self.on_close = function if before is None else call_both

    def close(self) -> None:
        """Close the upstream; may be called twice."""
        self.source.close()
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()


async def open_stream(provider: ChatProvider, request: ChatRequest, call: CallOptions) -> OpenStream:
    """Open a stream at one provider and wait for its first semantic event within the attempt's deadline."""
    source: EventSource | None = None
    try:
        async with Deadline(call.deadlines.total, call.deadlines.total_phase, "the first event of the stream"):
            source = await provider.open(request, call)
            events: list[ChatEvent] = []
            while True:
                batch = await source.batch()
                events += batch
                if any(type(event) is not UsageEvent for event in batch):
                    break
                await yield_to_loop()
        stream = OpenStream(source, events)
        source = None
    finally:
        if source is not None:
            source.close()
    return stream
