"""Many chats at once: in order or as they complete; other tasks run, however fast requests and answers come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ratatoskr.errors import RateLimited
from ratatoskr.gateway.batch import answer_many
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.message import Message
from unit.other_tasks import OtherTask, work


async def answer(request: Any) -> ChatResponse[Any]:
    return ChatResponse(Message.assistant("a"))


async def test_other_tasks_run_while_requests_are_taken() -> None:
    def requests() -> Iterator[ChatRequest]:
        for _ in range(10):
            work()
            yield ChatRequest((Message.user("x"),))

    async with OtherTask() as other:
        outcomes = answer_many(answer, requests(), 100)
        await anext(outcomes)
        assert other.runs >= 10
        assert len([index async for index, _ in outcomes]) == 9


async def test_other_tasks_run_while_answers_are_read() -> None:
    requests = [ChatRequest((Message.user("x"),))] * 10
    async with OtherTask() as other:
        outcomes = answer_many(answer, requests, 100)
        await anext(outcomes)
        before = other.runs
        async for _ in outcomes:
            work()
    assert other.runs - before >= 8


async def test_answers_come_in_order_on_request_and_a_slow_one_bounds_those_that_wait() -> None:
    release, started = asyncio.Event(), 0

    async def slow_first(item: str) -> ChatResponse[Any]:
        nonlocal started
        started += 1
        if item == "slow":
            await release.wait()
        return ChatResponse(Message.assistant(item))

    outcomes = answer_many(slow_first, ["slow", *"bcdefghij"], 3, ordered=True)
    first = asyncio.ensure_future(anext(outcomes))
    for _ in range(50):
        await asyncio.sleep(0)
    assert started == 1 + 3
    release.set()
    found = [await first, *[outcome async for outcome in outcomes]]
    assert [index for index, _ in found] == list(range(10))


async def test_a_failing_iterable_ends_the_iteration_after_the_answers_that_are_due() -> None:
    def requests() -> Iterator[str]:
        yield "a"
        yield "b"
        raise OSError("disk")

    seen: list[int] = []

    async def read() -> None:
        async for index, _ in answer_many(answer, requests(), 4):
            seen.append(index)

    with pytest.raises(OSError, match="disk"):
        await read()
    assert sorted(seen) == [0, 1]


async def test_errors_take_their_place_in_the_order() -> None:
    async def fail_b(item: str) -> ChatResponse[Any]:
        if item == "b":
            raise RateLimited("slow down")
        return ChatResponse(Message.assistant(item))

    found = [outcome async for outcome in answer_many(fail_b, ["a", "b", "c"], 2, ordered=True)]
    assert [type(outcome).__name__ for _, outcome in found] == ["ChatResponse", "RateLimited", "ChatResponse"]
