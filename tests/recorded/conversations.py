"""The conversation of a recorded request as a caller of the gateway would give it, for estimates of its tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ratatoskr import (
    ChatRequest,
    ImagePart,
    Message,
    Part,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolDefinition,
    ToolResult,
)
from recorded.parameters import read_request

Body = Mapping[str, Any]
PIXEL = base64.b64decode("iVBORw0KGgo=")


class Unreadable(Exception):
    """The request holds something of which the number of tokens is not estimated."""


def read_conversation(family: str, model: str, body: Body) -> ChatRequest:
    """Return a request with messages, tools and format; raises `Unreadable`."""
    request = read_request(family, model, body)
    return replace(request, messages=tuple(READERS[family](body)), tools=tuple(_tools(body)))


def _tools(body: Body) -> Iterator[ToolDefinition]:
    if body.get("functions"):
        raise Unreadable("functions, which were before tools")
    for tool in body.get("tools") or ():
        declared = tool.get("functionDeclarations", tool.get("function_declarations"))
        if declared is None and (tool.get("type", "function") not in ("function", "custom") or "format" in tool):
            raise Unreadable(f"tool {tool['type']}")
        if declared is None and "type" not in tool and "input_schema" not in tool:
            raise Unreadable(f"tool {[*tool]}")
        for one in declared or (tool.get("function", tool),):
            schema = one.get("parameters", one.get("parametersJsonSchema", one.get("input_schema")))
            yield ToolDefinition(one["name"], one.get("description") or "", schema or {"type": "object"})


def _state(value: Any) -> tuple[ProviderState, ...]:
    return (ProviderState("p/d/m", json.dumps(value).encode()),) if value else ()


def _texts(content: Any) -> list[Part]:
    """Return text and images of the APIs that name them by a type."""
    if content is None:
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    return [part for one in content for part in _typed(one)]


def _typed(one: Body) -> Iterator[Part]:
    match one["type"]:
        case "text" | "input_text" | "output_text":
            yield TextPart(one["text"])
        case "image" | "image_url" | "input_image":
            yield ImagePart.from_bytes(PIXEL, "image/png")
        case "thinking":
            yield ReasoningPart(one["thinking"], state=_state(one.get("signature")))
        case "redacted_thinking":
            yield ProviderPart("redacted_thinking", json.dumps(one).encode(), "p/d/m")
        case "tool_use":
            yield ToolCall(one["id"], one["name"], json.dumps(one["input"]))
        case "tool_result":
            yield ToolResult(one["tool_use_id"], tuple(_texts(one.get("content"))))  # type: ignore[arg-type]
        case kind:
            raise Unreadable(kind)


def _anthropic(body: Body) -> Iterator[Message]:
    if body.get("system"):
        yield Message("system", tuple(_texts(body["system"])))
    for one in body["messages"]:
        parts = tuple(_texts(one["content"]))
        role = "tool" if parts and all(isinstance(part, ToolResult) for part in parts) else one["role"]
        yield Message(role, parts)


def _chat_completions(body: Body) -> Iterator[Message]:
    for one in body["messages"]:
        if one["role"] == "tool":
            yield Message.tool_result(one["tool_call_id"], tuple(_texts(one["content"])))  # type: ignore[arg-type]
            continue
        calls = [
            ToolCall(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in one.get("tool_calls") or ()
        ]
        role = "system" if one["role"] == "developer" else one["role"]
        thinking = one.get("reasoning_details") or one.get("reasoning_content") or one.get("reasoning")
        hidden = [ReasoningPart("", state=_state(thinking))] if thinking else []
        yield Message(role, (*hidden, *_texts(one.get("content")), *calls))


def _responses(body: Body) -> Iterator[Message]:
    if body.get("previous_response_id") or body.get("conversation") or body.get("prompt"):
        raise Unreadable("kept by the provider")
    if body.get("instructions"):
        yield Message.system(body["instructions"])
    items = body["input"]
    if isinstance(items, str):
        yield Message.user(items)
        return
    for item in items:
        match item.get("type", "message"):
            case "message":
                role = "system" if item["role"] == "developer" else item["role"]
                yield Message(role, tuple(_texts(item["content"])))
            case "function_call":
                yield Message.assistant(ToolCall(item["call_id"], item["name"], item["arguments"]))
            case "function_call_output":
                yield Message.tool_result(item["call_id"], tuple(_texts(item["output"])))  # type: ignore[arg-type]
            case "reasoning":
                yield Message.assistant(ReasoningPart("", state=_state(item)))
            case kind:
                raise Unreadable(kind)


def _gemini(body: Body) -> Iterator[Message]:
    system = body.get("systemInstruction", body.get("system_instruction"))
    if system:
        yield Message("system", tuple(_parts(system["parts"])))
    if body.get("cachedContent"):
        raise Unreadable("kept by the provider")
    contents = body["contents"]
    for one in contents if isinstance(contents, list) else [contents]:
        parts = tuple(_parts(one["parts"]))
        role = "assistant" if one.get("role") == "model" else "user"
        if any(isinstance(part, ToolResult) for part in parts):
            role = "tool"
        yield Message(role, parts)  # type: ignore[arg-type]


def _parts(parts: Any) -> Iterator[Part]:
    for part in parts if isinstance(parts, list) else [parts]:
        one = {name.replace("_", "").lower(): value for name, value in part.items()}
        state = _state(one.get("thoughtsignature"))
        data = one.get("inlinedata") or {}
        if "text" in one:
            yield ReasoningPart(one["text"], state=state) if one.get("thought") else TextPart(one["text"], state=state)
        elif "functioncall" in one:
            call = one["functioncall"]
            yield ToolCall("c", call["name"], json.dumps(call.get("args") or {}), state=state)
        elif "functionresponse" in one:
            answer = one["functionresponse"]
            yield ToolResult("c", (TextPart(json.dumps(answer["response"])),), name=answer["name"])
        elif str(data.get("mimeType", data.get("mime_type"))).startswith("image/"):
            yield ImagePart.from_bytes(PIXEL, "image/png")
        else:
            raise Unreadable(str([*one]))


def _ollama(body: Body) -> Iterator[Message]:
    if "prompt" in body:
        if body.get("raw") or body.get("template") or body.get("context") or body.get("suffix"):
            raise Unreadable("a prompt without the template of the model")
        if body.get("system"):
            yield Message.system(body["system"])
        yield Message.user(body["prompt"])
        return
    for one in body["messages"]:
        images = [ImagePart.from_bytes(PIXEL, "image/png") for _ in one.get("images") or ()]
        if one["role"] == "tool":
            yield Message.tool_result("c", one["content"])
            continue
        calls = [
            ToolCall("c", call["function"]["name"], json.dumps(call["function"]["arguments"]))
            for call in one.get("tool_calls") or ()
        ]
        yield Message(one["role"], (TextPart(one.get("content") or ""), *images, *calls))


READERS: Mapping[str, Callable[[Body], Iterator[Message]]] = {
    "chat_completions": _chat_completions,
    "responses": _responses,
    "messages": _anthropic,
    "generate_content": _gemini,
    "ollama": _ollama,
    "ollama generate": _ollama,
}
"""By the endpoint family."""
