"""Streams observed: every event once, and exactly one end, whatever ends them."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from ratatoskr import ChatResponse, ChatStream, ConnectionFailed, ContentDelta, Done, Message, Timeout
from ratatoskr.backend.stream import OpenStream, StreamLimits
from ratatoskr.errors import GatewayClosed, StreamInterrupted
from ratatoskr.middleware import watch
from ratatoskr.types.event import ChatEvent

A, B, END = ContentDelta("a"), ContentDelta("b"), Done("stop")


class Source:
    """Gives what it was given; an exception is raised, and `None` waits for ever."""

    provider = "p"
    request_id = "r"

    def __init__(self, *batches: list[ChatEvent] | Exception | None) -> None:
        self._batches = list(batches)
        self._text = ""
        self.closed = 0

    async def batch(self) -> list[ChatEvent]:
        following = self._batches.pop(0)
        if following is None:
            await asyncio.Event().wait()
        if isinstance(following, Exception):
            raise following
        assert following is not None
        self._text += "".join(event.text for event in following if isinstance(event, ContentDelta))
        return following

    def response(self) -> ChatResponse[Any]:
        return ChatResponse(Message.assistant(self._text), provider="p", model="m")

    def close(self) -> None:
        self.closed += 1


class Ends:
    """Collects what an observer is told."""

    def __init__(self) -> None:
        self.events: list[ChatEvent] = []
        self.ends: list[tuple[str, BaseException | None]] = []

    def on_events(self, events: list[ChatEvent]) -> None:
        self.events += events

    def on_end(self, response: ChatResponse[Any], error: BaseException | None) -> None:
        self.ends.append((response.text, error))


NO_LIMITS = StreamLimits()


def watched(source: Source, ends: Ends, limits: StreamLimits = NO_LIMITS) -> ChatStream[None]:
    async def opener() -> OpenStream:
        opened = OpenStream(source, await source.batch(), limits=limits)
        return watch(opened, on_events=ends.on_events, on_end=ends.on_end)

    return ChatStream(opener)


async def test_done_ends_it_once_and_every_event_is_seen_once() -> None:
    source, ends = Source([A], [B], [END]), Ends()
    async with watched(source, ends) as stream:
        assert (await stream.collect()).text == "ab"
    assert ends.events == [A, B, END]
    assert ends.ends == [("ab", None)]
    assert source.closed


async def test_a_stream_that_came_in_one_batch_ends_once() -> None:
    ends = Ends()
    assert (await watched(Source([A, B, END]), ends).collect()).text == "ab"
    assert ends.events == [A, B, END]
    assert ends.ends == [("ab", None)]


@pytest.mark.parametrize("error", [ConnectionFailed("cut", phase="body"), GatewayClosed("closed"), ValueError("bug")])
async def test_an_error_ends_it_once(error: Exception) -> None:
    source, ends = Source([A], error), Ends()
    with pytest.raises((StreamInterrupted, GatewayClosed, ValueError)):
        await watched(source, ends).collect()
    assert ends.ends == [("a", error)]
    assert source.closed


async def test_closing_ends_it_once_without_an_error() -> None:
    source, ends = Source([A], None), Ends()
    stream = await watched(source, ends)
    await stream.aclose()
    await stream.aclose()
    assert ends.ends == [("a", None)]
    assert source.closed


async def test_a_cancelled_read_ends_it_once() -> None:
    source, ends = Source([A], None), Ends()
    stream = await watched(source, ends)
    task = asyncio.ensure_future(stream.collect())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(text, type(error)) for text, error in ends.ends] == [("a", asyncio.CancelledError)]
    assert source.closed


async def test_dropping_the_last_reference_ends_it_once_and_closes_the_upstream() -> None:
    source, ends = Source([A], None), Ends()
    stream = await watched(source, ends)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del stream
        gc.collect()
    assert ends.ends == [("a", None)]
    assert source.closed


async def test_dropping_an_opened_stream_that_nobody_has_read_ends_it_too() -> None:
    source, ends = Source([A]), Ends()
    opened = watch(OpenStream(source, await source.batch()), on_end=ends.on_end)
    del opened
    assert ends.ends == [("a", None)]
    assert source.closed


async def test_a_deadline_that_passes_between_events_is_the_error() -> None:
    source, ends = Source([A], None), Ends()
    stream = await watched(source, ends, StreamLimits(no_progress=0.01))
    with pytest.raises(StreamInterrupted):
        await stream.collect()
    ((text, error),) = ends.ends
    assert text == "a"
    assert isinstance(error, Timeout)
    assert error.phase == "no_progress"


async def test_many_threads_that_close_it_give_one_end() -> None:
    ends = Ends()
    for _ in range(20):
        source = Source([A])
        opened = watch(OpenStream(source, await source.batch()), on_end=ends.on_end)
        together = threading.Barrier(4)

        def close(opened: OpenStream = opened, together: threading.Barrier = together) -> None:
            together.wait()
            opened.source.close()

        threads = [threading.Thread(target=close) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ends.ends == [("a", None)] * 20


def raises(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("which", ["on_events", "on_end"])
async def test_an_observer_that_raises_is_logged_once_and_left_out(
    which: str, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[object] = []

    def observer(*arguments: object) -> None:
        calls.append(arguments)
        raise ZeroDivisionError

    async def opener() -> OpenStream:
        source = Source([A], [B], [END])
        functions: dict[str, Callable[..., object]] = {which: observer}
        return watch(OpenStream(source, await source.batch()), **functions)

    with caplog.at_level(logging.WARNING, "ratatoskr"):
        assert (await ChatStream[None](opener).collect()).text == "ab"
    assert len(calls) == 1
    (record,) = caplog.records
    assert record.getMessage() == "an observer failed and is left out"
    assert vars(record)["error"] == "ZeroDivisionError"


async def test_the_end_comes_although_the_events_observer_raises() -> None:
    source, ends = Source([A], [END]), Ends()
    opened = watch(OpenStream(source, await source.batch()), on_events=raises, on_end=ends.on_end)
    await opened.source.batch()
    assert ends.ends == [("a", None)]


async def test_a_bare_source_is_watched_from_now_on() -> None:
    source, ends = Source([A], [B, END]), Ends()
    await source.batch()
    seen = watch(source, on_events=ends.on_events, on_end=ends.on_end)
    assert (seen.provider, seen.request_id) == ("p", "r")
    assert await seen.batch() == [B, END]
    assert ends.events == [B, END]
    assert ends.ends == [("ab", None)]
