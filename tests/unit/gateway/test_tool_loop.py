"""The loop that runs the tools which the model calls."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from ratatoskr import (
    ChatOptions,
    ChatRequest,
    ChatResponse,
    FinishReason,
    InvalidInput,
    Message,
    ProviderTool,
    RateLimited,
    ServerToolCall,
    ToolCall,
    ToolDefinition,
    ToolResult,
    run_tools,
)
from ratatoskr.testing import ScriptedGateway

if TYPE_CHECKING:
    pass


def request(*tools: Any, **more: Any) -> ChatRequest:
    definitions = tuple(t if isinstance(t, ProviderTool) else ToolDefinition.from_function(t) for t in tools)
    return ChatRequest((Message.user("Go."),), definitions, options=ChatOptions(model="m", temperature=0.5), **more)


def double(n: int) -> int:
    """Double."""
    return 2 * n


def call(number: int, id: str = "c1", name: str = "double") -> ToolCall:
    return ToolCall(id, name, json.dumps({"n": number}))


async def test_calls_of_a_turn_run_at_once_and_their_results_keep_the_order() -> None:
    met = asyncio.Barrier(2)

    async def meet(n: int) -> int:
        """Wait for the other call."""
        async with asyncio.timeout(10):
            await met.wait()
        return n

    gateway = ScriptedGateway(["Both:", call(1, "a", "meet"), call(2, "b", "meet")], "done")
    response, messages = await run_tools(gateway, request(meet))
    assert response.content == "done"
    assert [m.role for m in messages] == ["assistant", "tool", "assistant"]
    results = [part for part in messages[1].content if isinstance(part, ToolResult)]
    assert [(r.tool_call_id, r.text, r.is_error) for r in results] == [("a", "1", False), ("b", "2", False)]
    asked = gateway.requests[1]
    assert asked.messages == (Message.user("Go."), *messages[:2])
    assert asked.options == request().options
    assert [t.name for t in asked.tools if isinstance(t, ToolDefinition)] == ["meet"]


async def test_a_tool_that_nobody_knows_is_told_to_the_model() -> None:
    gateway = ScriptedGateway([call(1, "a", "triple"), call(1, "b")], "done")
    _, messages = await run_tools(gateway, request(double))
    results = [(r.text, r.is_error) for r in messages[1].content if isinstance(r, ToolResult)]
    assert results == [("there is no tool named 'triple'", True), ("2", False)]


async def test_the_loop_ends_after_so_many_rounds_with_the_calls_that_were_not_run() -> None:
    gateway = ScriptedGateway(*(call(n) for n in range(9)))
    response, messages = await run_tools(gateway, request(double), max_rounds=3)
    assert len(gateway.requests) == 3
    assert response.tool_calls == (call(2),)
    assert [m.role for m in messages] == ["assistant", "tool", "assistant", "tool", "assistant"]


@pytest.mark.parametrize("finish_reason", ["length", "content_filter", "refusal"])
@pytest.mark.parametrize("arguments", ["", "{}", '{"n": 1', '{"n": 1}'])
async def test_the_call_at_which_an_answer_was_cut_off_is_not_run(arguments: str, finish_reason: FinishReason) -> None:
    ran: list[int] = []

    def note(n: int = 0) -> str:
        """Note."""
        ran.append(n)
        return "noted"

    whole, cut = call(7, "a", "note"), ToolCall("b", "note", arguments)
    answer = ChatResponse(Message.assistant([whole, cut]), finish_reason=finish_reason)
    gateway = ScriptedGateway(answer, "done")
    response, messages = await run_tools(gateway, request(note))
    assert response.content == "done"
    assert ran == [7]
    results = [(r.text, r.is_error) for r in messages[1].content if isinstance(r, ToolResult)]
    assert results == [("noted", False), ("the answer was cut off at this call, so the tool was not run", True)]


async def test_calls_before_a_text_that_was_cut_off_are_run() -> None:
    answer = ChatResponse(Message.assistant([call(2), "And th"]), finish_reason="length")
    _, messages = await run_tools(ScriptedGateway(answer, "done"), request(double))
    assert [(r.text, r.is_error) for r in messages[1].content if isinstance(r, ToolResult)] == [("4", False)]


SEARCH = ServerToolCall("s1", "web_search", '{"query": "roots"}')
PAUSED: ChatResponse[None] = ChatResponse(Message.assistant(["Let me see.", SEARCH]), finish_reason="paused")


async def test_a_paused_answer_is_sent_back_to_be_continued() -> None:
    gateway = ScriptedGateway(PAUSED, "done")
    response, messages = await run_tools(gateway, request(double))
    assert response.content == "done"
    assert gateway.requests[1].messages == (Message.user("Go."), PAUSED.message)
    assert [m.role for m in messages] == ["assistant", "assistant"]


async def test_a_paused_answer_of_text_alone_is_not_sent_back() -> None:
    gateway = ScriptedGateway(ChatResponse(Message.assistant("Let me see."), finish_reason="paused"))
    response, _ = await run_tools(gateway, request(double))
    assert (response.content, response.finish_reason) == ("Let me see.", "paused")


async def test_a_stream_of_rounds_goes_on_after_a_pause_but_not_for_ever() -> None:
    stream = ScriptedGateway(*[PAUSED] * 3).run_tools_stream("Go.", "m", tools=[double], max_rounds=2)
    assert [event.finish_reason async for event in stream if event.type == "done"] == ["paused", "paused"]


@pytest.mark.parametrize(("choice", "then"), [("required", "auto"), ("double", "auto"), ("auto", "auto"), (None, None)])
async def test_a_forced_choice_holds_for_the_first_round(choice: str | None, then: str | None) -> None:
    gateway = ScriptedGateway(call(1), call(2), "done")
    await run_tools(gateway, request(double, tool_choice=choice))
    assert [r.tool_choice for r in gateway.requests] == [choice, then, then]


async def test_what_the_last_answer_is_to_be_goes_along() -> None:
    gateway = ScriptedGateway(call(1), '{"title": "roots"}')
    response, _ = await run_tools(gateway, request(double, output=dict[str, str]))
    assert isinstance(response, ChatResponse)
    assert response.parsed == {"title": "roots"}


async def test_a_failure_in_the_middle_is_raised() -> None:
    with pytest.raises(RateLimited):
        await run_tools(ScriptedGateway(call(1), RateLimited("slow down")), request(double))


async def test_a_stream_of_rounds_ends_where_it_is_left_and_says_what_came() -> None:
    def where(place: str) -> str:
        """Return a place."""
        return place

    call = ToolCall("1", "where", '{"place": "Oslo"}')
    gateway = ScriptedGateway(call, "done")
    async with gateway.run_tools_stream("Go.", "m", tools=[where], tool_choice="required") as stream:
        assert stream.messages == ()
        async for event in stream:
            if event.type == "done":
                break
        with pytest.raises(RuntimeError, match="iterate to the end first"):
            _ = stream.response
    assert len(gateway.requests) == 1
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_stream_of_rounds_raises_what_run_tools_raises() -> None:
    gateway = ScriptedGateway("never")
    with pytest.raises(InvalidInput, match="no function to run for f"):
        _ = [
            event
            async for event in gateway.run_tools_stream("Go.", tools=[ToolDefinition("f", "", {"type": "object"})])
        ]
    with pytest.raises(InvalidInput, match="max_rounds must be a whole number, 1 or more, not 0"):
        await anext(gateway.run_tools_stream("Go.", max_rounds=0))
    assert gateway.requests == []


async def test_a_stream_of_rounds_stops_after_the_most_rounds() -> None:
    def where(place: str) -> str:
        """Return a place."""
        return place

    call = ToolCall("1", "where", '{"place": "Oslo"}')
    gateway = ScriptedGateway(call, call, call)
    stream = gateway.run_tools_stream("Go.", "m", tools=[where], max_rounds=2)
    ends = [event.finish_reason async for event in stream if event.type == "done"]
    assert ends == ["tool_calls", "tool_calls"]
    assert [message.role for message in stream.messages] == ["assistant", "tool", "assistant"]
    assert stream.response.tool_calls
