"""A caller's arguments as one frozen `ChatRequest`; whatever is wrong without asking a provider is refused here."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import ChatOptions, ChatParams, ChatRequest, JsonSchema
from ratatoskr.types.message import Message
from ratatoskr.types.part import ImagePart, Part, ToolResult
from ratatoskr.types.schema import check_schema
from ratatoskr.types.timeouts import Timeouts, TimeoutsLike, timeouts_of
from ratatoskr.types.tool import ProviderTool, Tool, ToolLike, tool_of
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend
    from ratatoskr.gateway.base import Gateway

MessageLike: TypeAlias = Message | Mapping[str, Any]
MessagesLike: TypeAlias = str | MessageLike | Sequence[MessageLike]
ModelLike: TypeAlias = str | Sequence[str] | ChatOptions | None


class ChatKeywords(ChatParams, total=False):
    """Keyword arguments of every method that chats, `output` aside.

    Attributes:
        tools: functions, `ToolDefinition` or `ProviderTool`, each name once.
        tool_choice: `auto`, `none`, `required` or a tool's name; `None` leaves it to the model.
        timeout: seconds for the whole call, or `Timeouts`.
    """

    tools: Sequence[ToolLike]
    tool_choice: str | None
    timeout: TimeoutsLike


MAX_IMAGE = 20 * 1024 * 1024
"""Bytes of one image: the largest that any provider documents."""
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
"""What at least one provider takes; most stop at letters, digits, `_` and `-`."""


def backend_of(gateway: object) -> Backend:
    """Return what answers the requests of a class that inherits the public methods."""
    return cast("Gateway", gateway).backend


def request_of(
    messages: MessagesLike,
    model: ModelLike = None,
    *,
    tools: Sequence[ToolLike] = (),
    tool_choice: str | None = None,
    output: Any = None,
    timeout: TimeoutsLike = None,
    **params: Any,
) -> ChatRequest:
    """Return the request.

    Raises:
        InvalidInput: something in it is wrong; `field` names it.
        TypeError: an unknown keyword.
    """
    return _build(messages, options_of(model, params), tools, tool_choice, output, timeout)


def refuse_retries(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a stream.

    Raises:
        InvalidInput: they ask for retries.
    """
    if arguments.pop("retries_on_invalid", 0):
        raise InvalidInput(
            "retries_on_invalid is for chat, chat_many and run_tools: what a stream has delivered cannot be taken back",
            field="retries_on_invalid",
        )
    return arguments


def check_request(request: ChatRequest) -> ChatRequest:
    """Return a request that a caller made by hand, checked as `request_of` checks its arguments."""
    if not isinstance(request, ChatRequest):
        raise InvalidInput(f"a request must be a ChatRequest, not {type(request).__name__}", field="requests")
    is_plain = request.tools == () and request.tool_choice is None and request.output is None
    if is_plain and not isinstance(request.options.response_format, JsonSchema):
        history = messages_of(request.messages)
        if history is request.messages and isinstance(request.timeouts, Timeouts):
            return request  # as it would be built
    return _build(
        request.messages,
        request.options,
        request.tools,
        request.tool_choice,
        request.output,
        request.timeouts,
        request.kind,
    )


def _build(
    messages: MessagesLike,
    options: ChatOptions,
    tools: Sequence[ToolLike],
    tool_choice: str | None,
    output: Any,
    timeout: TimeoutsLike,
    kind: Literal["chat", "generate"] = "chat",
) -> ChatRequest:
    definitions = tools_of(tools)
    check_tool_choice(tool_choice, definitions)
    if output is not None:
        from ratatoskr.types.output import schema_of

        schema = schema_of(output)
        if options.response_format not in (None, schema):
            raise InvalidInput("give either output or response_format, not both", field="response_format")
        options = replace(options, response_format=schema)
    elif isinstance(options.response_format, JsonSchema):
        check_schema(options.response_format.schema, "response_format")
    return ChatRequest(messages_of(messages), definitions, tool_choice, output, options, timeouts_of(timeout), kind)


def messages_of(messages: MessagesLike) -> tuple[Message, ...]:
    """Return the history as a tuple."""
    if isinstance(messages, str):
        return (Message.user(messages),)
    if not isinstance(messages, (list, tuple)) and isinstance(messages, (Message, Mapping)):
        messages = (messages,)
    history = _as_tuple(messages, "messages", "Messages")
    if not history:
        raise InvalidInput("messages is empty", field="messages")
    for item in history:
        if type(item) is not Message:
            history = tuple(_message_of(one, i) for i, one in enumerate(history))
            break
    for i, message in enumerate(history):
        if not message.content and message.role in ("user", "tool"):
            raise InvalidInput(f"messages[{i}] (role {message.role}) is empty", field="messages")
        _check_images(message.content, f"messages[{i}]")
    return history


def _message_of(item: Any, index: int) -> Message:
    if isinstance(item, Message):
        return item
    if isinstance(item, Mapping):
        from ratatoskr.types.openai_message import message_from_openai

        return message_from_openai(Message, item, f"messages[{index}]")
    raise InvalidInput(
        f"messages[{index}] must be a Message or a dict with role and content, not {type(item).__name__}; "
        "Message.user(…) makes one",
        field="messages",
    )


def _as_tuple(values: Any, field: str, what: str) -> tuple[Any, ...]:
    """Return a sequence as a tuple; a mapping, bytes or a single value is refused."""
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
            what = "without bytes" if not part.data else f"whose media type is {part.media_type}"
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
        options = ChatOptions(model=_as_tuple(model, "model", "names"))
    return options.override(params)


def tools_of(tools: Sequence[ToolLike]) -> tuple[Tool, ...]:
    """Return tools as definitions, each name once."""
    if tools is None or (isinstance(tools, (tuple, list)) and not tools):
        return ()
    chosen = tuple(tool_of(tool) for tool in _as_tuple(tools, "tools", "tools"))
    names: set[str] = set()
    for tool in chosen:
        if isinstance(tool, ProviderTool):
            continue
        if not _TOOL_NAME.fullmatch(tool.name):
            raise InvalidInput(
                f"no provider takes a tool named {quote(tool.name)}: use letters, digits, _ and -",
                field="tools",
            )
        if tool.name in names:
            raise InvalidInput(f"two tools are named {quote(tool.name)}", field="tools")
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
        known = ", ".join(names) or "none given"
        raise InvalidInput(f"tool_choice {quote(choice)} is not one of the tools ({known})", field="tool_choice")
