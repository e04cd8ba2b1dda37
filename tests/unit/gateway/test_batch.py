"""Many chats at once: other tasks run, however fast requests and answers come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ratatoskr.gateway.batch import as_completed
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.message import Message
from unit.other_tasks import OtherTask, work


async def answer(request: ChatRequest) -> ChatResponse[Any]:
    return ChatResponse(Message.assistant("a"))


async def test_other_tasks_run_while_requests_are_taken() -> None:
    def requests() -> Iterator[ChatRequest]:
        for _ in range(10):
            work()
            yield ChatRequest((Message.user("x"),))

    async with OtherTask() as other:
        outcomes = as_completed(answer, requests(), 100)
        await anext(outcomes)
        assert other.runs >= 10
        assert len([index async for index, _ in outcomes]) == 9


async def test_other_tasks_run_while_answers_are_read() -> None:
    requests = [ChatRequest((Message.user("x"),))] * 10
    async with OtherTask() as other:
        outcomes = as_completed(answer, requests, 100)
        await anext(outcomes)
        before = other.runs
        async for _ in outcomes:
            work()
    assert other.runs - before >= 8
