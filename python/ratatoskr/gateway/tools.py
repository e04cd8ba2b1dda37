"""The tool loop: chat, run the tools that the model calls, send their results, until it calls none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ratatoskr.errors import InvalidInput
from ratatoskr.gateway.request import backend_of, check_request
from ratatoskr.gateway.stream import ChatStream
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.generic import GenericBase
from ratatoskr.types.message import Message
from ratatoskr.types.part import ToolCall, ToolResult
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.types.generic import T


async def run_tools(
    gateway: object, request: ChatRequest, max_rounds: int = 8
) -> tuple[ChatResponse[Any], tuple[Message, ...]]:
    """Chat, run the tools that the model calls, all calls of a turn at once, and chat again with their results.

    A forced `tool_choice` holds for the first round only, or the loop would never end.

    Args:
        gateway: any.
        request: whose tools have functions to run.
        max_rounds: the most turns of the model.

    Returns:
        The last response, and every message that came after the request's: append them to the history. After
        `max_rounds` the last response may still hold calls that were not run.

    Raises:
        InvalidInput: a tool has no function to run, `max_rounds` is below 1, or what `chat` refuses.
        RatatoskrError: what `chat` raises.
    """
    rounds = _Rounds(request, max_rounds)
    response = await backend_of(gateway).chat(rounds.request)
    while await rounds.add(response):
        response = await backend_of(gateway).chat(rounds.request)
    return response, rounds.new


class ToolStream(GenericBase["T"]):
    """The events of every round of `run_tools`; each round ends with its own `Done`.

    Use it as an async context manager, or call `aclose()`: leaving it before the end closes the upstream.

    Args:
        gateway: any.
        make_request: returns the request; called when the first event is asked for.
        max_rounds: the most turns of the model.
    """

    def __init__(self, gateway: object, make_request: Callable[[], ChatRequest], max_rounds: int) -> None:
        self._gateway = gateway
        self._make_request = make_request
        self._max_rounds = max_rounds
        self._rounds: _Rounds | None = None
        self._response: ChatResponse[Any] | None = None
        self._iterator = self._iterate()

    async def _iterate(self) -> AsyncGenerator[ChatEvent, None]:
        rounds = self._rounds = _Rounds(self._make_request(), self._max_rounds)
        going_on = True
        while going_on:
            async with ChatStream(lambda: backend_of(self._gateway).open_stream(rounds.request)) as stream:
                async for event in stream:
                    yield event
                response = stream.response
            going_on = await rounds.add(response)
        self._response = response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatEvent:
        """Return the next event."""
        return await anext(self._iterator)

    async def aclose(self) -> None:
        """Close the upstream; may be called twice."""
        await self._iterator.aclose()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that came so far, answers and tool results; append them to the history."""
        return () if self._rounds is None else self._rounds.new

    @property
    def response(self) -> ChatResponse[T]:
        """The last round's response.

        Raises:
            RuntimeError: the stream has not ended.
        """
        if self._response is None:
            raise RuntimeError("the response is there after the last event; iterate to the end first")
        return self._response


class _Rounds:
    """The requests of the rounds, each of which holds what came before."""

    def __init__(self, request: ChatRequest, max_rounds: int) -> None:
        if isinstance(max_rounds, bool) or not isinstance(max_rounds, int) or max_rounds < 1:
            raise InvalidInput(
                f"max_rounds must be a whole number, 1 or more, not {quote(max_rounds)}", field="max_rounds"
            )
        self.request = check_request(request)
        self.new: tuple[Message, ...] = ()
        self._left = max_rounds
        self._tools = {tool.name: tool for tool in self.request.tools if isinstance(tool, ToolDefinition)}
        if without := [name for name, tool in self._tools.items() if not tool.runs]:
            message = f"no function to run for {', '.join(without)}: make the tool by ToolDefinition.from_function"
            raise InvalidInput(message, field="tools")

    async def add(self, response: ChatResponse[Any]) -> bool:
        """Take an answer, run its calls, and return whether `request` asks for another."""
        self._left -= 1
        added: tuple[Message, ...] = (response.message,)
        if more := bool(response.tool_calls) and self._left > 0:
            added += (Message.tool_results(*await asyncio.gather(*map(self._run, response.tool_calls))),)
        self.new += added
        choice = self.request.tool_choice
        self.request = replace(
            self.request,
            messages=(*self.request.messages, *added),
            tool_choice=choice if choice in (None, "auto", "none") else "auto",
        )
        return more

    async def _run(self, call: ToolCall) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            return call.result(f"there is no tool named {quote(call.name)}", is_error=True)
        return await tool.run(call)
