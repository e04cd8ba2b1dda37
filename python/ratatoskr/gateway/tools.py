"""The tool loop: chat, run the tools that the model calls, send their results, until it calls none."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import InvalidInput
from ratatoskr.gateway.request import check_request
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.message import Message
from ratatoskr.types.part import ToolCall, ToolResult
from ratatoskr.types.tool import ToolDefinition

if TYPE_CHECKING:
    from ratatoskr.gateway.base import Gateway


async def run_tools(
    gateway: Gateway, request: ChatRequest, max_rounds: int = 8
) -> tuple[ChatResponse[Any], tuple[Message, ...]]:
    """Chat, run the tools that the model calls, all calls of a turn at once, and chat again with their results.

    A forced `tool_choice` holds for the first round only, or the loop would never end.

    Args:
        gateway: any.
        request: whose tools have functions to run.
        max_rounds: most turns of the model.

    Returns:
        The last response, and every message that came after the request's: append them to the history. After
        `max_rounds` the last response may still hold calls that were not run.

    Raises:
        InvalidInput: a tool has no function to run, `max_rounds` is below 1, or what `chat` refuses.
        RatatoskrError: whatever `chat` raises.
    """
    if max_rounds < 1:
        raise InvalidInput("max_rounds must be 1 or more", field="max_rounds")
    request = check_request(request)
    tools = {tool.name: tool for tool in request.tools if isinstance(tool, ToolDefinition)}
    if without := [name for name, tool in tools.items() if not tool.runs]:
        message = f"no function to run for {', '.join(without)}: make the tool by ToolDefinition.from_function"
        raise InvalidInput(message, field="tools")
    new: list[Message] = []
    choice = request.tool_choice
    for left in reversed(range(max_rounds)):
        turn = replace(request, messages=(*request.messages, *new), tool_choice=choice)
        response = await gateway.backend.chat(turn)
        new.append(response.message)
        if not response.tool_calls or not left:
            break
        results = await asyncio.gather(*(_run(tools, call) for call in response.tool_calls))
        new.append(Message.tool_results(*results))
        choice = choice if choice in (None, "auto", "none") else "auto"
    return response, tuple(new)


async def _run(tools: dict[str, ToolDefinition], call: ToolCall) -> ToolResult:
    tool = tools.get(call.name)
    if tool is None:
        return call.result(f"there is no tool named {call.name!r}", is_error=True)
    return await tool.run(call)
