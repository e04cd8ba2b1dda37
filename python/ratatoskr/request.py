"""From what a caller writes to one frozen `ChatRequest`: everything that can be known to be wrong is refused here."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ratatoskr.capabilities import MessagesLike, ModelLike
from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema
from ratatoskr.types.message import Message
from ratatoskr.types.part import ImagePart
from ratatoskr.types.schema import check_schema
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of
from ratatoskr.types.tool import ProviderTool, Tool, ToolLike, tool_of

MAX_IMAGE = 20 * 1024 * 1024
"""Bytes of one picture; the largest that any provider documents."""


def request_of(
    messages: MessagesLike,
    model: ModelLike = None,
    *,
    tools: Sequence[ToolLike] = (),
    tool_choice: str | None = None,
    output: Any = None,
    timeouts: TimeoutsLike = None,
    **params: Any,
) -> ChatRequest:
    """Return the request.

    Raises:
        InvalidInput: something in it is wrong; `field` names it.
        TypeError: a keyword that no parameter has.
    """
    options = options_of(model, params)
    chosen = tools_of(tools)
    check_tool_choice(tool_choice, chosen)
    if output is not None:
        if options.response_format is not None:
            raise InvalidInput("give either output or response_format, not both", field="response_format")
        from ratatoskr.types.output import schema_of

        schema_of(output)
    elif isinstance(options.response_format, JsonSchema):
        check_schema(options.response_format.schema, "response_format")
    return ChatRequest(messages_of(messages), chosen, tool_choice, output, options, timeouts_of(timeouts))


def normal(request: ChatRequest) -> ChatRequest:
    """Return a request that a caller made by hand, checked as `request_of` checks its arguments."""
    return request_of(
        request.messages,
        request.options,
        tools=request.tools,
        tool_choice=request.tool_choice,
        output=request.output,
        timeouts=request.timeouts,
    )


def with_schema(request: ChatRequest) -> ChatRequest:
    """Return the request with its output type said as a response format, as providers understand it."""
    if request.output is None:
        return request
    from ratatoskr.types.output import schema_of

    return replace(request, options=replace(request.options, response_format=schema_of(request.output)))


def messages_of(messages: MessagesLike) -> tuple[Message, ...]:
    """Return the history as a tuple."""
    if isinstance(messages, str):
        return (Message.user(messages),)
    history = (messages,) if isinstance(messages, Message) else tuple(messages)
    if not history:
        raise InvalidInput("messages is empty", field="messages")
    for i, message in enumerate(history):
        if not isinstance(message, Message):
            raise InvalidInput(f"messages[{i}] must be a Message, not {type(message).__name__}", field="messages")
        for part in message.content:
            if isinstance(part, ImagePart) and part.data is not None and len(part.data) > MAX_IMAGE:
                size = f"{len(part.data) / 2**20:.1f} MiB"
                raise InvalidInput(
                    f"messages[{i}] holds an image of {size}; {MAX_IMAGE >> 20} MiB is the most", field="messages"
                )
    return history


@functools.lru_cache(maxsize=512)
def _options_for(model: str) -> ChatOptions:
    return ChatOptions(model=model)


def options_of(model: ModelLike, params: Mapping[str, Any]) -> ChatOptions:
    """Return the options that a model argument and keyword parameters make."""
    if isinstance(model, ChatOptions):
        options = model
    elif model is None:
        options = ChatOptions()
    elif isinstance(model, str):
        options = _options_for(model)
    else:
        options = ChatOptions(model=tuple(model))
    return options.override(params)


def models_of(options: ChatOptions) -> tuple[str, ...]:
    """Return the models that the caller named, at least one."""
    models = (options.model,) if isinstance(options.model, str) else tuple(options.model or ())
    if not models:
        raise InvalidInput("no model: pass a name such as 'openai:gpt-5.4'", field="model")
    for model in models:
        if not isinstance(model, str) or not model.strip():
            raise InvalidInput("model must be a name, and not empty", field="model")
    return models


def tools_of(tools: Sequence[ToolLike]) -> tuple[Tool, ...]:
    """Return tools as definitions, each name once."""
    if not tools:
        return ()
    chosen = tuple(tool_of(tool) for tool in tools)
    names: set[str] = set()
    for tool in chosen:
        if isinstance(tool, ProviderTool):
            continue
        if tool.name in names:
            raise InvalidInput(f"two tools are named {tool.name!r}", field="tools")
        names.add(tool.name)
        check_schema(tool.parameters, f"tools.{tool.name}.parameters")
    return chosen


def check_tool_choice(choice: str | None, tools: Sequence[Tool]) -> None:
    """Raise `InvalidInput` for a choice that names no tool."""
    if choice is None or choice in ("auto", "none"):
        return
    names = [tool.name for tool in tools if not isinstance(tool, ProviderTool)]
    if choice == "required" and tools:
        return
    if choice not in names:
        known = ", ".join(names) or "there is none"
        raise InvalidInput(f"tool_choice {choice!r} names no tool ({known})", field="tool_choice")
