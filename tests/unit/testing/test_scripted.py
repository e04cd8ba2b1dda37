"""A scripted gateway answers with its turns, in order, and keeps what it was asked."""

from __future__ import annotations

import pytest

from ratatoskr import ChatResponse, ContentDelta, Message, ReasoningDelta, ServiceUnavailable, ToolCallEnd
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.part import ReasoningPart, ToolCall

CALL = ToolCall("c1", "look", '{"at":"it"}')


async def test_turns_are_texts_parts_responses_errors_or_functions_of_the_request():
    whole = ChatResponse(Message.assistant("whole"), provider="p", model="other")

    async def answer(request):
        return f"asked: {request.messages[0].text}"

    gateway = ScriptedGateway("text", CALL, ["text", CALL], whole, ServiceUnavailable("down"), answer)
    answers = [await gateway.chat("Hi", "m") for _ in range(4)]
    assert [one.content for one in answers] == ["text", "", "text", "whole"]
    assert [one.finish_reason for one in answers[:3]] == ["stop", "tool_calls", "tool_calls"]
    assert answers[3].model == "other"
    with pytest.raises(ServiceUnavailable):
        await gateway.chat("Hi", "m")
    assert (await gateway.chat("Moin", "m")).content == "asked: Moin"
    assert [request.messages[0].text for request in gateway.requests] == ["Hi"] * 5 + ["Moin"]
    with pytest.raises(AssertionError, match="6 turns, and this is call 7"):
        await gateway.chat("Hi", "m")


async def test_a_stream_has_the_events_of_the_answer():
    gateway = ScriptedGateway([ReasoningPart("I think."), "Hello, you.", CALL])
    async with gateway.chat_stream("Hi") as stream:
        events = [event async for event in stream]
    assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "Hello, you."
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "I think."
    assert [event.call for event in events if isinstance(event, ToolCallEnd)] == [CALL]
    assert (stream.response.content, stream.response.model) == ("Hello, you.", "scripted")
