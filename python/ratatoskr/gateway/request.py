"""From what a caller writes to one frozen `ChatRequest`: everything that can be known to be wrong is refused here."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.gateway.protocol import MessagesLike, ModelLike
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema
from ratatoskr.types.message import Message
from ratatoskr.types.part import ImagePart, Part, ToolResult
from ratatoskr.types.schema import check_schema
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of
from ratatoskr.types.tool import ProviderTool, Tool, ToolLike, tool_of

MAX_IMAGE = 20 * 1024 * 1024
"""Bytes of one picture; the largest that any provider documents."""
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
"""What at least one provider takes; most stop at letters, digits, `_` and `-`."""


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
    if not isinstance(request, ChatRequest):
        raise InvalidInput(f"a request must be a ChatRequest, not {type(request).__name__}", field="requests")
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
    history = (messages,) if isinstance(messages, Message) else _several(messages, "messages", "Messages")
    if not history:
        raise InvalidInput("messages is empty", field="messages")
    for i, message in enumerate(history):
        if not isinstance(message, Message):
            raise InvalidInput(
                f"messages[{i}] must be a Message, not {type(message).__name__}; Message.user(…) makes one",
                field="messages",
            )
        if not message.content and message.role in ("user", "tool"):
            raise InvalidInput(f"messages[{i}], of role {message.role}, holds nothing", field="messages")
        _check_images(message.content, f"messages[{i}]")
    return history


def _several(values: Any, field: str, what: str) -> tuple[Any, ...]:
    """Return several of something as a tuple; a mapping, bytes or one thing alone is a mistake."""
    if not isinstance(values, Iterable) or isinstance(values, (bytes, Mapping)):
        raise InvalidInput(f"{field} must be a sequence of {what}, not {type(values).__name__}", field=field)
    return tuple(values)


def _check_images(parts: Sequence[Part], where: str) -> None:
    for part in parts:
        if isinstance(part, ToolResult):
            _check_images(part.content, where)
        if not isinstance(part, ImagePart) or part.data is None:
            continue
        if len(part.data) > MAX_IMAGE:
            size = f"{len(part.data) / 2**20:.1f} MiB"
            raise InvalidInput(f"{where} holds an image of {size}; {MAX_IMAGE >> 20} MiB is the most", field="messages")
        if not part.data or not str(part.media_type).startswith("image/"):
            what = "without bytes" if not part.data else f"of type {part.media_type}, which is none"
            raise InvalidInput(f"{where} holds an image {what}", field="messages")


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
        options = ChatOptions(model=_several(model, "model", "names"))
    return options.override(params)


def models_of(options: ChatOptions) -> tuple[str, ...]:
    """Return the models that the caller named, at least one."""
    named = options.model
    models = (named,) if isinstance(named, str) else _several(named or (), "model", "names")
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
    chosen = tuple(tool_of(tool) for tool in _several(tools, "tools", "tools"))
    names: set[str] = set()
    for tool in chosen:
        if isinstance(tool, ProviderTool):
            continue
        if not _TOOL_NAME.fullmatch(tool.name):
            raise InvalidInput(
                f"no provider takes a tool named {tool.name!r}: letters, digits, _ and - are what a name is made of",
                field="tools",
            )
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
