"""The opening of a stream, which waits for the first event with a meaning."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ratatoskr.backend.stream import OpenStream, open_stream
from ratatoskr.errors import Timeout
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.event import ChatEvent, ContentDelta, UsageEvent
from ratatoskr.types.message import Message
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.usage import Usage
from unit.other_tasks import OtherTask, work

USAGE, TEXT = UsageEvent(Usage()), ContentDelta("a")


class UsageFirst:
    """A provider and its stream: counts of tokens, one per batch and without a wait, then text."""

    name = provider = "p"
    request_id = None

    def __init__(self, usages: int) -> None:
        self.left = usages
        self.closed = False

    async def chat(self, request: ChatRequest, call: CallOptions) -> ChatResponse[Any]:
        raise NotImplementedError

    async def open(self, request: ChatRequest, call: CallOptions) -> UsageFirst:
        return self

    async def batch(self) -> list[ChatEvent]:
        work()
        self.left -= 1
        return [TEXT] if self.left < 0 else [USAGE]

    def response(self) -> ChatResponse[Any]:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


async def open_at(provider: UsageFirst, total: float | None = None) -> OpenStream:
    deadlines = Deadlines(None, None, None, total, "attempt")
    return await open_stream(provider, ChatRequest((Message.user("x"),)), CallOptions("m", deadlines))


async def test_usage_before_the_first_text_is_kept() -> None:
    stream = await open_at(UsageFirst(2))
    assert stream.events == [USAGE, USAGE, TEXT]


async def test_other_tasks_run_while_only_usage_arrives() -> None:
    async with OtherTask() as other:
        await open_at(UsageFirst(10))
    assert other.runs >= 9


async def test_only_usage_ends_with_the_deadline_of_the_attempt() -> None:
    provider = UsageFirst(500)
    with pytest.raises(Timeout):
        await open_at(provider, 0.05)
    assert provider.closed
    assert provider.left > 0


async def test_an_opening_can_be_cancelled_while_only_usage_arrives() -> None:
    provider = UsageFirst(500)
    opening = asyncio.create_task(open_at(provider))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert provider.closed
    assert provider.left > 400
