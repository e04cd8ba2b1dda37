"""`ChatStream`: the events of one answer, with the deadlines that hold after the first."""

from __future__ import annotations

import asyncio
import math
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from ratatoskr.backend.deadline import timed_out
from ratatoskr.errors import ContentFiltered, GatewayClosed, RatatoskrError, StreamInterrupted, Timeout
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import ChatEvent, ContentDelta, Done
from ratatoskr.types.fairness import STEP, yield_to_loop
from ratatoskr.types.frames import forget_locals
from ratatoskr.types.frozen import replace
from ratatoskr.types.generic import GenericBase
from ratatoskr.types.pending import as_it_is

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import EventSource
    from ratatoskr.backend.stream import OpenStream, StreamLimits
    from ratatoskr.types.generic import T


class ChatStream(GenericBase["T"]):
    """Events of one answer, exactly one `Done` last; any other end raises.

    `async with`, `await` or the first step of `async for` sends the request and returns when the first event has
    arrived; retry and fallback happen until then. Leaving the block, `aclose()`, cancellation or dropping the last
    reference closes the upstream.

    Raises:
        RatatoskrError: before the first event, what `chat` raises.
        StreamInterrupted: after it; `cause` is the reason, `partial` what has arrived.
        GatewayClosed: the gateway was closed.
    """

    def __init__(self, opener: Callable[[], Awaitable[OpenStream]]) -> None:
        self._opener: Callable[[], Awaitable[OpenStream]] | None = opener
        self._opening: asyncio.Lock | None = None
        self._opened: OpenStream | None = None
        self._events: list[ChatEvent] = []
        self._next = 0
        self._pause = 0  # the index at which `_more` lets other tasks run
        self._done = False
        self._closed = False
        self._error: BaseException | None = None
        self._response: ChatResponse[Any] | None = None
        self._watch: _Watch | None = None

    def __repr__(self) -> str:
        opened = self._opened
        state = "done" if self._done else "closed" if self._closed else "not opened" if opened is None else "open"
        return f"ChatStream({'' if opened is None else f'{opened.source.provider}, '}{state})"

    # opening

    async def _open(self) -> Self:
        if self._opened is not None:
            return self
        if self._closed:
            raise self._error or RuntimeError("the stream was closed before it was opened")
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._opened is None:
                opener, self._opener = self._opener, None
                if opener is None:
                    raise self._error or RuntimeError("an earlier attempt to open the stream failed")
                try:
                    self._begin(await opener())
                except BaseException as error:
                    self._error = _error_for_later(error)
                    raise
        return self

    def _begin(self, opened: OpenStream) -> None:
        self._opened = opened
        self._events, opened.events = opened.events, []
        limits = opened.limits
        if limits.no_progress != math.inf or limits.life != math.inf:
            self._watch = _Watch(limits, opened.close)

    def __await__(self) -> Generator[Any, None, Self]:
        return self._open().__await__()

    async def __aenter__(self) -> Self:
        return await self._open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # reading

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatEvent:
        """Return the next event."""
        while self._next >= self._pause:
            await self._more()
        event = self._events[self._next]
        self._next += 1
        if type(event) is Done:
            self._finish()
        return event

    async def _more(self) -> None:
        """Let other tasks run, fetch events if none are left, or raise what ends the iteration."""
        if self._opened is None:
            await self._open()
            return
        if self._error is not None:
            raise self._error
        if self._next == len(self._events) and (self._done or self._closed):
            raise StopAsyncIteration
        handled = sys.exception()
        try:
            await yield_to_loop()
            if self._next == len(self._events) and not self._closed:
                batch = self._opened.source.batch()
                self._events = await (batch if self._watch is None else self._watch.wait(batch))
                self._next = 0
            self._pause = min(self._next + STEP, len(self._events))
        except RatatoskrError as error:
            if self._closed:  # by its owner while this read waited; `response` raises
                raise StopAsyncIteration from None
            forget_locals(error, handled)
            if self._opened.on_error is not None:
                self._opened.on_error(error)
            self._error = self._to_interruption(error)
            self.close()
            raise self._error from None
        except BaseException as error:
            self._error = _error_for_later(error)
            self.close()
            raise

    def _finish(self) -> None:
        assert self._opened is not None  # noqa: S101  # an event has come, so the stream is open
        self._done = True
        self._response = self._answer(whole=True)
        self.close()

    def _to_interruption(self, error: RatatoskrError) -> RatatoskrError:
        """Return the error that ends the stream; one from another process comes complete and passes unchanged."""
        if isinstance(error, StreamInterrupted):
            return error
        partial = replace(self.partial, raw=None)  # errors hold no headers
        attempts = self._opened.attempts if self._opened is not None else ()
        error.provider = error.provider or partial.provider
        error.model = error.model or partial.model
        error.request_id = error.request_id or partial.request_id
        if isinstance(error, GatewayClosed | ContentFiltered):
            error.partial, error.attempts = partial, attempts
            return error
        return StreamInterrupted(
            f"the stream was interrupted: {error.message}",
            cause=error,
            partial=partial,
            provider=error.provider,
            model=error.model,
            status=error.status,
            request_id=error.request_id,
            provider_code=error.provider_code,
            retry_after=error.retry_after,
            attempts=attempts,
        )

    async def events(self) -> list[ChatEvent]:
        """Return all events that have arrived, at least one; an empty list after the last."""
        while self._next >= self._pause:
            try:
                await self._more()
            except StopAsyncIteration:
                return []
        found, self._next = self._events[self._next :], len(self._events)
        if type(found[-1]) is Done:
            self._finish()
        return found

    async def text(self) -> AsyncIterator[str]:
        """Iterate over the text alone."""
        async for event in self:
            if type(event) is ContentDelta:
                yield event.text

    async def collect(self) -> ChatResponse[T]:
        """Read to the end and return the response."""
        async for _ in self:
            pass
        return self.response

    # what is known

    @property
    def provider(self) -> str:
        """The provider that answers; known once the stream is open."""
        return self._source().provider

    @property
    def model(self) -> str:
        """The model as the provider names it; known once the stream is open."""
        return self.partial.model

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request; known once the stream is open."""
        return self._source().request_id

    @property
    def response(self) -> ChatResponse[T]:
        """The whole response.

        Raises:
            RuntimeError: `Done` has not come yet.
            RatatoskrError: the stream failed, with that failure.
        """
        if self._response is not None:
            return self._response
        if self._error is not None:
            raise self._error
        raise RuntimeError("the response is complete only after Done has been read; use `partial` before")

    @property
    def partial(self) -> ChatResponse[T]:
        """What has arrived so far, at any time; unfinished tool calls are left out."""
        if self._response is not None:
            return self._response
        if self._opened is None:
            from ratatoskr.types.message import Message

            return ChatResponse(Message("assistant", ()))
        return self._answer()

    def _answer(self, *, whole: bool = False) -> ChatResponse[T]:
        opened = self._opened
        assert opened is not None  # noqa: S101  # callers have looked
        response = opened.source.response()
        if whole and opened.attempts and opened.attempts[-1].usage is None:
            *before, last = opened.attempts
            last = replace(last, usage=response.usage, cost=as_it_is(response, "cost"))
            opened.attempts = (*before, last)
        return response.with_attempts(opened.attempts)

    def _source(self) -> EventSource:
        if self._opened is None:
            raise RuntimeError("the stream is not open yet: use `async with`, or await it")
        return self._opened.source

    # closing

    async def aclose(self) -> None:
        """Close the upstream; what has arrived stays in `partial`."""
        self.close()

    @property
    def ended(self) -> bool:
        """Whether the stream has been read to its end, has failed or was closed."""
        return self._closed

    def close(self) -> None:
        """Close the upstream, on the event loop that reads it."""
        self._closed = True
        if self._watch is not None:
            self._watch.stop()
        if self._opened is not None:
            self._opened.close()

    def __del__(self) -> None:
        if self._opened is None or self._closed or sys.is_finalizing():
            return
        self.close()
        warnings.warn("a ChatStream was dropped before its end; leave its block or close it", ResourceWarning, 2, self)


def _error_for_later(error: BaseException) -> BaseException:
    """Return what later uses raise; a cancellation concerns only the task that it was meant for."""
    return RuntimeError("the stream was cancelled") if isinstance(error, asyncio.CancelledError) else error


class _Watch:
    """One timer a stream: interrupts a wait that lasts too long, closes a stream that lives too long.

    The timer is set once and reads the clock when it fires, so that an event costs no timer of its own. Time that the
    reader spends elsewhere does not count.
    """

    def __init__(self, limits: StreamLimits, close: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._close = close
        self._ends = self._loop.time() + limits.life
        self._since: float | None = None
        self._waiter: asyncio.Task[Any] | None = None
        self._late: Literal["no_progress", "stream_life"] | None = None
        self._timer = self._loop.call_later(min(limits.no_progress, limits.life), self._on_timer)

    async def wait(self, batch: Awaitable[list[ChatEvent]]) -> list[ChatEvent]:
        """Wait for a batch within the limits."""
        if self._is_late():
            if asyncio.iscoroutine(batch):
                batch.close()
            raise self._timeout()
        task = self._waiter = asyncio.current_task(self._loop)
        already = task.cancelling() if task is not None else 0
        self._since = self._loop.time()
        try:
            return await batch
        except asyncio.CancelledError:
            if self._is_late() and task is not None and task.uncancel() <= already:
                raise self._timeout() from None
            raise
        finally:
            self._waiter = self._since = None

    def _on_timer(self) -> None:
        now = self._loop.time()
        stuck_at = math.inf if self._since is None else self._since + self._limits.no_progress
        if now >= self._ends:
            self._end("stream_life")
        elif now >= stuck_at:
            self._end("no_progress")
        else:
            again = min(self._ends, stuck_at, now + self._limits.no_progress)
            self._timer = self._loop.call_at(again, self._on_timer)

    def _end(self, phase: Literal["no_progress", "stream_life"]) -> None:
        self._late = phase
        if self._waiter is None:
            self._close()
        else:
            self._waiter.cancel(self._timeout())  # the reason, for those who see only the cancellation

    def _is_late(self) -> bool:
        return self._late is not None

    def _timeout(self) -> Timeout:
        if self._late == "no_progress":
            return timed_out(self._limits.no_progress, "no_progress", "the next event of the stream")
        return timed_out(self._limits.life, "stream_life", "the end of the stream")

    def stop(self) -> None:
        """Cancel the timer."""
        self._timer.cancel()
