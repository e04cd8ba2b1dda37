"""Requests: chats, bare prompts, and texts to embed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import numbers_beyond, read_json, refuse, write_json
from ratatoskr.service.convert.message import messages_from_pb, messages_to_pb
from ratatoskr.service.convert.options import (
    generate_options_to_pb,
    options_from_generate,
    options_from_pb,
    options_to_pb,
    timeouts_from_pb,
    timeouts_to_pb,
    tool_choice_from_pb,
)
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.embed import EmbedRequest
from ratatoskr.types.message import Message
from ratatoskr.types.tool import ProviderTool, Tool, ToolDefinition

__all__ = ["check_texts", "embed_request_from_pb", "embed_request_to_pb", "is_prompt", "prompt_from_pb", "prompt_to_pb"]
__all__ += ["embed_options_from_pb", "embed_options_to_pb", "request_from_pb", "request_to_pb"]

_CACHE_CONTROL: Final = '{"type":"ephemeral"}'


def tool_to_pb(tool: Tool) -> pb.ToolDefinition:
    """Return a tool; its function stays here."""
    try:
        if isinstance(tool, ProviderTool):
            definition = write_json(tool.definition, "tools.definition")
            return pb.ToolDefinition(provider=tool.provider, definition_json=definition)
        return pb.ToolDefinition(
            name=tool.name,
            description=tool.description,
            parameters_json=write_json(tool.parameters, f"tools.{tool.name}.parameters"),
            cache_control_json=_CACHE_CONTROL if tool.cache else None,
            strict=tool.strict,  # type: ignore[arg-type]  # the stub lacks that a missing field is `None`
        )
    except UnicodeError as error:
        raise refuse("tools", tool, error) from None


def tool_from_pb(message: pb.ToolDefinition) -> Tool:
    """Return a tool without a function; raises `InvalidInput` where its schema is not a JSON object."""
    if message.HasField("provider"):
        return ProviderTool(message.provider, read_json(message.definition_json, "tools.definition"))
    parameters = read_json(message.parameters_json, f"tools.{message.name}.parameters")
    strict = message.strict if message.HasField("strict") else None
    return ToolDefinition(message.name, message.description, parameters, strict, bool(message.cache_control_json))


def request_to_pb(request: ChatRequest) -> pb.ChatRequest:
    """Return a request; the type of `output=` travels as the schema that is its response format.

    Raises:
        InvalidInput: something in it has no form there; `field` names it.
    """
    return pb.ChatRequest(
        messages=messages_to_pb(request.messages),
        tools=[tool_to_pb(tool) for tool in request.tools] if request.tools else (),
        options=options_to_pb(request.options, request.tool_choice),
        timeouts=timeouts_to_pb(request.timeouts),
        generate=request.kind == "generate",
    )


def request_from_pb(message: pb.ChatRequest) -> ChatRequest:
    """Return a request; raises `InvalidInput`, which names the field, where it is not one."""
    options = message.options
    return ChatRequest(
        messages_from_pb(message.messages),
        tuple([tool_from_pb(tool) for tool in message.tools]) if message.tools else (),
        tool_choice_from_pb(options),
        options=options_from_pb(options),
        timeouts=timeouts_from_pb(message),
        kind="generate" if message.generate else "chat",
    )


def is_prompt(request: ChatRequest) -> bool:
    """Return whether a request is a bare prompt, which has a message of its own."""
    if request.kind != "generate" or request.tools or request.tool_choice is not None or len(request.messages) != 1:
        return False
    return request.messages[0] == Message.user(request.messages[0].text)


def prompt_to_pb(request: ChatRequest) -> pb.GenerateRequest:
    """Return a bare prompt."""
    try:
        return pb.GenerateRequest(
            prompt=request.messages[0].text,
            options=generate_options_to_pb(request.options),
            timeouts=timeouts_to_pb(request.timeouts),
        )
    except UnicodeError as error:
        raise refuse("prompt", "", error) from None


def prompt_from_pb(message: pb.GenerateRequest) -> ChatRequest:
    """Return a bare prompt as the request of one user turn."""
    options, timeouts = options_from_generate(message.options), timeouts_from_pb(message)
    return ChatRequest((Message.user(message.prompt),), options=options, timeouts=timeouts, kind="generate")


_EMBED_OPTIONS: Final = ("input_type", "dimensions", "truncate", "prompt")
_EMBED_DEFAULTS: Final = EmbedRequest((), "any")


def embed_options_to_pb(request: EmbedRequest) -> pb.EmbedOptions | None:
    """Return how texts are embedded; `None` for the defaults."""
    values: dict[str, Any] = {
        name: value for name in _EMBED_OPTIONS if (value := getattr(request, name)) != getattr(_EMBED_DEFAULTS, name)
    }
    timeouts = timeouts_to_pb(request.timeouts)
    if not values and timeouts is None:
        return None
    message = pb.EmbedOptions(timeouts=timeouts)
    for name, value in values.items():
        try:
            setattr(message, name, value)
        except (ValueError, OverflowError) as error:
            if not isinstance(value, int):
                raise refuse(name, value, error) from None
            message.beyond.numbers[name] = str(value)
    return message


def embed_options_from_pb(message: Any) -> dict[str, Any]:
    """Return how texts are embedded, as arguments of `EmbedRequest`."""
    options = message.options
    values: dict[str, Any] = {name: getattr(options, name) for name in _EMBED_OPTIONS[1:] if options.HasField(name)}
    if options.input_type:
        values["input_type"] = options.input_type
    if options.HasField("beyond"):
        numbers = numbers_beyond(options)
        if numbers.keys() - {"dimensions"}:
            raise InvalidInput("dimensions is the only whole number of these options", field="options")
        values.update(numbers)
    return {**values, "timeouts": timeouts_from_pb(options)}


def embed_request_to_pb(request: EmbedRequest) -> pb.EmbedBatchRequest:
    """Return texts to embed, which are checked already; raises `InvalidInput` for another option without a form."""
    try:
        return pb.EmbedBatchRequest(texts=request.texts, model=request.model, options=embed_options_to_pb(request))
    except (TypeError, ValueError) as error:
        check_texts(request.texts)
        raise refuse("model", request.model, error) from None


def check_texts(texts: Iterable[Any], first: int = 0) -> None:
    """Raise `InvalidInput`, which names its index, for what is no text or holds a lone surrogate.

    Args:
        texts: to embed.
        first: the index of the first.
    """
    for index, text in enumerate(texts, first):
        if not isinstance(text, str):
            raise InvalidInput(f"text {index} is not a str but {type(text).__name__}", field="texts")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InvalidInput(f"text {index} holds a lone surrogate", field="texts")


def embed_request_from_pb(message: pb.EmbedBatchRequest) -> EmbedRequest:
    """Return texts to embed."""
    return EmbedRequest(list(message.texts), message.model, **embed_options_from_pb(message))
