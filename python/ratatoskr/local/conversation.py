"""What a conversation consists of, for an estimate of its tokens: texts, tools, images, and what is not known here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from ratatoskr.errors import UnsupportedParameter
from ratatoskr.types.chat import ChatRequest, JsonSchema
from ratatoskr.types.part import (
    FilePart,
    ImagePart,
    Part,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.types.tool import ProviderTool

__all__ = ["Contents", "contents_of"]


@dataclass(slots=True)
class Contents:
    """The parts of a conversation.

    Attributes:
        texts: what the model reads as text.
        opaque: what it may read or not: reasoning that is sent back, and parts in a provider's own form.
        tools: each tool's definition as JSON.
        messages: the number of messages.
        images: the number of images.
    """

    texts: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    messages: int = 0
    images: int = 0


def contents_of(request: ChatRequest) -> Contents:
    """Return the parts of a conversation.

    Raises:
        UnsupportedParameter: it holds a file, audio or a tool of the provider, whose tokens only the provider knows.
    """
    found = Contents(messages=len(request.messages))
    for index, message in enumerate(request.messages):
        _add(found, message.content, f"messages[{index}]")
    for tool in request.tools:
        if isinstance(tool, ProviderTool):
            raise _unknown(f"the tokens of {tool.provider}'s own tools", "tools")
        definition = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        found.tools.append(_dump(definition))
    wanted = request.options.response_format
    if isinstance(wanted, JsonSchema):
        found.tools.append(_dump({"name": wanted.name, "parameters": wanted.schema}))
    return found


def _add(found: Contents, parts: Iterable[Part], where: str) -> None:
    for part in parts:
        match part:
            case TextPart():
                found.texts.append(part.text)
            case ReasoningPart():
                found.opaque.append(part.text)
                found.opaque.extend(state.data.decode("utf-8", "replace") for state in part.state)
            case ToolCall():
                found.texts += (part.name, part.arguments)
                found.opaque.extend(state.data.decode("utf-8", "replace") for state in part.state)
            case ToolResult():
                _add(found, part.content, where)
            case ImagePart():
                found.images += 1
            case ServerToolCall():
                found.opaque += (part.name, part.arguments)
            case ServerToolResult():
                found.opaque += (part.name, part.content)
            case ProviderPart():
                found.opaque.append(part.data.decode("utf-8", "replace"))
            case FilePart(data=bytes(data), media_type=str(kind)) if kind.startswith("text/"):
                found.texts.append(data.decode("utf-8", "replace"))
            case _:
                raise _unknown(f"{where} holds a {type(part).__name__}, whose tokens", "messages")


def _unknown(what: str, name: str) -> UnsupportedParameter:
    return UnsupportedParameter(
        f"{what} cannot be estimated: ask the provider with method='provider' where it counts tokens", field=name
    )


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict)
