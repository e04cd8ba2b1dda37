"""`ChatStream`: opening, reading, closing, and the deadlines that hold once it flows."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Awaitable
from typing import Any

import pytest

from ratatoskr import (
    ChatEvent,
    ChatResponse,
    ConnectionFailed,
    ContentDelta,
    Done,
    GatewayClosed,
    Message,
    ServiceUnavailable,
    StreamInterrupted,
    Timeout,
)
from ratatoskr.backend.stream import OpenStream, StreamLimits
from ratatoskr.errors import RatatoskrError
from ratatoskr.gateway.stream import ChatStream
from unit.other_tasks import OtherTask, work


class Source:
    """Gives batches in order; an error among them is raised, a future waited for."""

    provider = "p"
    request_id = "r"

    def __init__(self, *batches: list[ChatEvent] | RatatoskrError | Awaitable[Any]) -> None:
        self.batches = list(batches)
        self.text = ""
        self.closed = 0

    async def batch(self) -> list[ChatEvent]:
        following = self.batches.pop(0)
        if isinstance(following, RatatoskrError):
            raise following
        if isinstance(following, Awaitable):
            await following
            return []
        self.take(following)
        return following

    def take(self, events: list[ChatEvent]) -> None:
        self.text += "".join(e.text for e in events if isinstance(e, ContentDelta))

    def response(self) -> ChatResponse[Any]:
        return ChatResponse(Message.assistant(self.text), provider="p", model="m")

    def close(self) -> None:
        self.closed += 1


class LoopClock:
    """The running loop's clock, which can be put forward: what is due then is called, in order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._real, self._ahead = self._loop.time, 0.0
        self._loop.time = lambda: self._real() + self._ahead  # type: ignore[method-assign]  # of this loop alone

    async def advance(self, seconds: float) -> None:
        self._ahead += seconds
        due = asyncio.Event()
        self._loop.call_later(0, due.set)
        await due.wait()


A, B, END = ContentDelta("a"), ContentDelta("b"), Done("stop")


NO_LIMITS = StreamLimits()


def stream_of(source: Source, limits: StreamLimits = NO_LIMITS) -> ChatStream[None]:
    async def opener() -> OpenStream:
        return OpenStream(source, await source.batch(), limits=limits)

    return ChatStream(opener)


async def test_it_can_be_opened_in_three_ways_and_twice() -> None:
    async with stream_of(Source([A], [END])) as stream:
        assert [e async for e in stream] == [A, END]
    stream = await stream_of(Source([A], [END]))
    assert await stream is stream
    assert (await stream.collect()).content == "a"
    assert [e async for e in stream_of(Source([A, END]))] == [A, END]


async def test_what_is_known_when() -> None:
    stream = stream_of(Source([A], [B, END]))
    with pytest.raises(RuntimeError, match="not open"):
        _ = stream.provider
    assert stream.partial.content == ""
    await stream
    assert (stream.provider, stream.model, stream.request_id) == ("p", "m", "r")
    with pytest.raises(RuntimeError, match="Done"):
        _ = stream.response
    assert stream.partial.content == "a"
    assert [text async for text in stream.text()] == ["a", "b"]
    assert stream.response.content == "ab"
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_the_upstream_is_closed_by_every_way_out() -> None:
    for leave in ("block", "aclose", "end", "cancel", "error"):
        source = Source([A], ConnectionFailed("cut", phase="body"))
        stream = stream_of(source)
        if leave == "block":
            async with stream:
                pass
        elif leave == "end":
            source.batches = [[A, END]]
            await stream.collect()
        elif leave == "cancel":
            source.batches[1] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(stream.collect())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(RuntimeError, match="cancelled"):
                _ = stream.response
        elif leave == "error":
            with pytest.raises(StreamInterrupted):
                await stream.collect()
        else:
            await stream
            await stream.aclose()
        assert source.closed >= 1, leave


async def test_dropping_it_before_its_end_closes_and_warns() -> None:
    source = Source([A])
    stream = await stream_of(source)
    held = [stream]
    del stream
    with pytest.warns(ResourceWarning, match="dropped before its end"):
        held.clear()
    assert source.closed == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finished = stream_of(Source([A, END]))
        await finished.collect()
        del finished
        never_opened = stream_of(Source())
        del never_opened
        gc.collect()


async def test_an_error_before_the_first_event_is_itself_and_lasts() -> None:
    stream = stream_of(Source(ServiceUnavailable("down")))
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await stream
    with pytest.raises(ServiceUnavailable):
        _ = stream.response


async def test_an_error_after_it_is_an_interruption_with_what_came() -> None:
    stream = stream_of(Source([A], ConnectionFailed("cut", phase="body", provider="p", status=200)))
    with pytest.raises(StreamInterrupted) as caught:
        await stream.collect()
    error = caught.value
    assert isinstance(error.cause, ConnectionFailed)
    assert error.partial is not None
    assert (error.partial.content, error.provider, error.status) == ("a", "p", 200)
    with pytest.raises(StreamInterrupted):
        _ = stream.response
    with pytest.raises(StreamInterrupted):
        await anext(stream)
    assert stream.partial.content == "a"


async def test_closing_the_gateway_is_told_as_such_with_what_came() -> None:
    stream = stream_of(Source([A], GatewayClosed("closed")))
    with pytest.raises(GatewayClosed) as caught:
        await stream.collect()
    assert caught.value.partial is not None
    assert caught.value.partial.content == "a"


@pytest.mark.parametrize(
    ("limits", "phase"),
    [(StreamLimits(no_progress=0.02), "no_progress"), (StreamLimits(no_progress=9.0, life=0.02), "stream_life")],
)
async def test_a_wait_that_lasts_too_long_is_ended(limits: StreamLimits, phase: str) -> None:
    source = Source([A], asyncio.get_running_loop().create_future())
    with pytest.raises(StreamInterrupted) as caught:
        await stream_of(source, limits).collect()
    assert isinstance(caught.value.cause, Timeout)
    assert caught.value.cause.phase == phase
    assert source.closed
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_time_that_the_reader_takes_is_not_held_against_the_provider() -> None:
    clock = LoopClock()
    stream = await stream_of(Source([A], [B], [END]), StreamLimits(no_progress=20.0))
    assert await anext(stream) == A
    await clock.advance(60.0)
    assert (await stream.collect()).content == "ab"


async def test_a_stream_that_outlives_its_life_while_nobody_reads_is_closed() -> None:
    clock = LoopClock()
    source = Source([A], [B], [END])
    stream = await stream_of(source, StreamLimits(life=20.0))
    await anext(stream)
    assert not source.closed
    await clock.advance(21.0)
    assert source.closed
    with pytest.raises(StreamInterrupted) as caught:
        await stream.collect()
    assert isinstance(caught.value.cause, Timeout)


async def test_a_callers_own_timeout_is_the_callers() -> None:
    stream = stream_of(Source([A], asyncio.get_running_loop().create_future()), StreamLimits(no_progress=5.0))
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.02):
            await stream.collect()
    assert not isinstance(caught.value, RatatoskrError)


async def test_all_events_that_have_come_are_handed_over_at_once() -> None:
    stream = stream_of(Source([A, B], [A], [END]))
    assert [await stream.events() for _ in range(4)] == [[A, B], [A], [END], []]
    assert stream.response.content == "aba"


async def test_an_interruption_that_comes_complete_passes_unchanged() -> None:
    partial = ChatResponse(Message.assistant("what came elsewhere"), provider="q")
    cause = ServiceUnavailable("gone", provider="q", status=503)
    interruption = StreamInterrupted("cut off there", cause=cause, partial=partial, provider="q", attempts=())
    stream = await stream_of(Source([A], interruption))
    with pytest.raises(StreamInterrupted) as caught:
        await stream.collect()
    assert caught.value is interruption
    assert (caught.value.cause, caught.value.partial, caught.value.provider) == (cause, partial, "q")
    with pytest.raises(StreamInterrupted) as again:
        _ = stream.response
    assert again.value is interruption


# A source that always has events


class EagerSource(Source):
    """Never waits: each batch takes longer than a task may hold the event loop. Ends after many."""

    def __init__(self, batches: int = 500) -> None:
        super().__init__(*([A] for _ in range(batches)), [END])

    async def batch(self) -> list[ChatEvent]:
        work()
        return await super().batch()


async def test_other_tasks_run_between_batches_that_are_always_ready() -> None:
    async with OtherTask() as other:
        await stream_of(EagerSource(10)).collect()
    assert other.runs >= 10


async def test_other_tasks_run_between_the_events_of_one_batch() -> None:
    async with stream_of(Source([A] * 160, [END])) as stream, OtherTask() as other:
        for number in range(160):
            assert await anext(stream) == A
            if number % 16 == 0:
                work()
    assert other.runs >= 9


async def test_a_reader_of_events_that_are_always_ready_can_be_cancelled() -> None:
    source = EagerSource()
    reading = asyncio.create_task(stream_of(source).collect())
    for _ in range(3):
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert source.closed
    assert len(source.batches) > 400


async def test_a_reader_that_is_cancelled_between_the_events_of_a_batch_closes_the_upstream() -> None:
    source = Source([A] * 160, [END])
    stream = await stream_of(source)

    async def read() -> None:
        async for _ in stream:
            work()

    reading = asyncio.create_task(read())
    for _ in range(3):
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert source.closed
    with pytest.raises(RuntimeError, match="cancelled"):
        await anext(stream)


async def test_a_stream_whose_events_are_always_ready_ends_with_its_life() -> None:
    clock = LoopClock()
    source = EagerSource()
    reading = asyncio.create_task(stream_of(source, StreamLimits(life=20.0)).collect())
    for _ in range(3):
        await asyncio.sleep(0)
    await clock.advance(21.0)
    with pytest.raises(StreamInterrupted) as caught:
        await reading
    assert isinstance(caught.value.cause, Timeout)
    assert caught.value.cause.phase == "stream_life"
    assert source.closed
    assert len(source.batches) > 400


async def test_a_stream_that_is_closed_while_it_yields_ends_after_what_has_arrived() -> None:
    source = EagerSource()
    stream = await stream_of(source)
    reading = asyncio.create_task(stream.events())
    await asyncio.sleep(0)
    stream.close()
    await reading
    assert await stream.events() == []
    assert len(source.batches) > 400
