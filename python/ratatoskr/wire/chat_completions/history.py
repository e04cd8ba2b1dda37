"""Our messages as the API's messages; opaque state is sent back to its issuer only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    FileRef,
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
from ratatoskr.wire.chat_completions.media import encode_part
from ratatoskr.wire.encode import EncodeContext, require_utf8

_SEPARATOR = "\n\n"
"""Between the texts of a message whose content must be one string."""

_RESULT_READ = "I have the result."
"""The message of the assistant that separates a tool's result from a message of the user."""

_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")
_OPENAI_ID_LENGTH = 40


def encode_messages(messages: Sequence[Message], context: EncodeContext) -> list[dict[str, Any]]:
    """Return the member `messages`.

    Raises:
        InvalidInput: the API does not support something in it; `field` is its path.
    """
    encoder = _MessageEncoder(context)
    for i, message in enumerate(messages):
        encoder.add(message, f"messages[{i}]")
    encoder.flush()
    out = _without_system(encoder.out) if context.has("no_system") else encoder.out
    return _separate_results(out, context) if context.has("mistral") else out


class _MessageEncoder:
    """The messages encoded so far, and media of tool results that go into the next message of the user."""

    def __init__(self, context: EncodeContext) -> None:
        self.context = context
        self.out: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}
        self._media: list[dict[str, Any]] = []

    def add(self, message: Message, where: str) -> None:
        """Encode one message."""
        if message.role == "assistant":
            self.flush()
            self.out.append(self._with_name(_AssistantMessage(self.context, where).encode(message), message, where))
            for call in message.tool_calls:
                self._names[call.id] = call.name
        elif message.role == "system":
            self.flush()
            self._add_system(message, where)
        else:
            self._add_input(message, where)

    def flush(self) -> None:
        """Add a message of the user with the media that tool messages cannot contain."""
        if self._media:
            self.out.append({"role": "user", "content": self._media})
            self._media = []

    def _with_name(self, value: dict[str, Any], message: Message, where: str) -> dict[str, Any]:
        if message.name is not None and not self.context.has("no_name", "mistral"):
            value["name"] = require_utf8(message.name, f"{where}.name")
        return value

    def _add_system(self, message: Message, where: str) -> None:
        for j, part in enumerate(message.content):
            if not isinstance(part, TextPart):
                raise InvalidInput(f"a system message cannot contain a {part.type}", field=f"{where}.content[{j}]")
        role = self.context.target.rules.instructions_role
        self._add_texts(role, message, message.content, where)

    def _add_input(self, message: Message, where: str) -> None:
        """Encode a message of the user or of tools; each tool result in it becomes a message, in its place."""
        run: list[tuple[int, Part]] = []
        for j, part in enumerate(message.content):
            if isinstance(part, ToolResult):
                self._add_user(run, message, where)
                run = []
                self._add_result(part, f"{where}.content[{j}]")
            elif message.role == "tool":
                raise InvalidInput(f"a tool message cannot contain a {part.type}", field=f"{where}.content[{j}]")
            else:
                run.append((j, part))
        if run or not message.content:
            self._add_user(run, message, where, allow_empty=True)

    def _add_user(
        self, run: list[tuple[int, Part]], message: Message, where: str, *, allow_empty: bool = False
    ) -> None:
        if not run and not (allow_empty and message.role == "user"):
            return
        self.flush()
        if len(run) == 1 and isinstance(run[0][1], TextPart):
            self._add_texts("user", message, (run[0][1],), where, run[0][0])
            return
        content = [encode_part(part, f"{where}.content[{j}]", self.context) for j, part in run]
        for _, part in run:
            _note_foreign_state(part, where, self.context)
        self.out.append(self._with_name({"role": "user", "content": self._join_content(content)}, message, where))

    def _add_texts(self, role: str, message: Message, parts: Sequence[Part], where: str, first: int = 0) -> None:
        """Add a message of texts; a single one is a string."""
        if len(parts) == 1 and isinstance(part := parts[0], TextPart) and not (part.cache and self.context.cache_mark):
            _note_foreign_state(part, where, self.context)
            content: Any = require_utf8(part.text, f"{where}.content[{first}]")
        else:
            objects = [encode_part(part, f"{where}.content[{j}]", self.context) for j, part in enumerate(parts)]
            content = self._join_content(objects)
        self.out.append(self._with_name({"role": role, "content": content}, message, where))

    def _join_content(self, objects: list[dict[str, Any]]) -> Any:
        texts = [value["text"] for value in objects if value["type"] == "text" and len(value) == 2]
        if not objects:
            return ""
        if self.context.has("string_content") and len(texts) == len(objects):
            return _SEPARATOR.join(texts)
        return [value for value in objects if value.get("text") != ""] or ""

    def _add_result(self, result: ToolResult, where: str) -> None:
        texts: list[str] = []
        media: list[dict[str, Any]] = []
        user_media: list[dict[str, Any]] = []
        for k, part in enumerate(result.content):
            value = encode_part(part, f"{where}.content[{k}]", self.context)
            if value["type"] == "text":
                texts.append(value["text"])
            elif self.context.has("tool_media"):
                media.append(value)
            else:
                user_media.append(value)
        name = result.name or self._names.get(result.tool_call_id)
        text = ("Error: " if result.is_error else "") + _SEPARATOR.join(texts)
        if user_media:
            caption = f"Result of tool {name or 'call'} ({result.tool_call_id}):"
            self._media += [{"type": "text", "text": require_utf8(caption, where)}, *user_media]
            text = text or "The result is attached to the next message of the user."
        content: Any = text
        if media or (result.cache and self.context.cache_mark):
            block = self.context.mark_cached({"type": "text", "text": text}, cache=result.cache)
            content = [block, *media] if text else media
        value = {
            "role": "tool",
            "tool_call_id": _encode_id(result.tool_call_id, where, self.context),
            "content": content,
        }
        if name is not None and self.context.has("mistral"):
            value["name"] = require_utf8(name, where)
        self.out.append(value)


class _AssistantMessage:
    """One message of the assistant."""

    def __init__(self, context: EncodeContext, where: str) -> None:
        self.context = context
        self.where = where
        self.chunks: list[tuple[TextPart | None, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.thinking: list[str] = []
        self.details: list[Raw] = []
        self.images: list[Any] = []
        self.annotations: list[Raw] = []
        self.extra: dict[str, Any] = {}

    def encode(self, message: Message) -> dict[str, Any]:
        for j, part in enumerate(message.content):
            self._add(part, f"{self.where}.content[{j}]")
        value: dict[str, Any] = {"role": "assistant", "content": self._encode_content()}
        if self.details:
            value["reasoning_details"] = self.details
        elif self.thinking:
            member = "reasoning_content" if self.context.has("reasoning_content") else "reasoning"
            value[member] = "".join(self.thinking)
        if self.annotations:
            value["annotations"] = self.annotations
        if self.images:
            value["images"] = self.images
        if self.calls:
            value["tool_calls"] = self.calls
        return {**value, **self.extra}

    def _add(self, part: Part, where: str) -> None:
        match part:
            case TextPart():
                self._add_text(part, where)
            case ToolCall():
                self.calls.append(self._encode_call(part, where))
            case ReasoningPart():
                self._add_reasoning(part, where)
            case ImagePart() if self.context.has("openrouter") and self.context.own_state(part) is not None:
                self.images.append(encode_part(part, where, self.context))
            case ImagePart() if self.context.has("mistral") and self.context.own_state(part) is not None:
                self.chunks.append((None, encode_part(part, where, self.context)))
            case AudioPart() if self.context.own_state(part) is not None:
                pass  # its transcript refers to it
            case ImagePart() | AudioPart() | FilePart() | FileRef():
                message = f"{self.context.target.provider} does not accept a {part.type} in a message of the assistant"
                self.context.notice("media_dropped", part.type, message, where)
            case ProviderPart():
                self._add_provider_part(part, where)
            case ServerToolCall() | ServerToolResult():
                if self.context.own_state(part) is None:
                    _note_dropped(part.type, where, self.context)
            case ToolResult():
                raise InvalidInput("a message of the assistant cannot contain a tool result", field=where)

    def _add_text(self, part: TextPart, where: str) -> None:
        for state in part.state:
            if self.context.is_own(state.issuer):
                if state.data.startswith(b'{"audio":'):
                    self.extra["audio"] = msgspec.json.decode(state.data)["audio"]
                    return
                if (extra := _decode_members(state.data).get("extra_content")) is not None:
                    self.extra["extra_content"] = Raw(extra)
            else:
                _note_dropped(part.type, where, self.context)
        self.chunks.append((part, require_utf8(part.text, where)))

    def _add_reasoning(self, part: ReasoningPart, where: str) -> None:
        data = self.context.own_state(part)
        is_item = data is not None and data.startswith(b"{")
        if data is None:
            _note_dropped(part.type, where, self.context)
        elif is_item and self.context.has("openrouter"):
            self.details.append(Raw(data))
        elif is_item and self.context.has("mistral"):
            self.chunks.append((None, Raw(data)))
        elif part.text and self.context.has("openrouter", "reasoning_content", "reasoning"):
            self.thinking.append(require_utf8(part.text, where))

    def _add_provider_part(self, part: ProviderPart, where: str) -> None:
        if not self.context.is_own(part.issuer):
            _note_dropped(part.type, where, self.context)
        elif part.kind.startswith("content."):
            self.chunks.append((None, Raw(part.data)))
        elif part.kind.startswith("annotations.") and self.context.has("openrouter"):
            self.annotations.append(Raw(part.data))
        elif part.kind == "images" and self.context.has("openrouter"):
            self.images.append(Raw(part.data))

    def _encode_content(self) -> Any:
        """Return the content: a string, or a list if it is more than text."""
        marked = self.context.cache_mark is not None and any(part is not None and part.cache for part, _ in self.chunks)
        if not marked and all(part is not None for part, _ in self.chunks):
            return "".join(text for _, text in self.chunks) or (None if self.calls or self.extra else "")
        return [
            value if part is None else self.context.mark_cached({"type": "text", "text": value}, cache=part.cache)
            for part, value in self.chunks
            if part is None or value
        ]

    def _encode_call(self, call: ToolCall, where: str) -> dict[str, Any]:
        name, arguments = require_utf8(call.name, where), require_utf8(call.arguments, where)
        state: dict[str, Any] = {}
        for one in call.state:
            if self.context.is_own(one.issuer):
                state |= _decode_members(one.data)
            else:
                _note_dropped(call.type, where, self.context)
        value: dict[str, Any] = {"id": _encode_id(call.id, where, self.context), "type": "function"}
        if state.get("type") == b'"custom"':
            value |= {"type": "custom", "custom": {"name": name, "input": arguments}}
        else:
            value["function"] = {"name": name, "arguments": arguments if arguments.strip() else "{}"}
            if "type" in state:
                value["type"] = Raw(state["type"])
        if "extra_content" in state:
            value["extra_content"] = Raw(state["extra_content"])
        return self.context.mark_cached(value, cache=call.cache)


def _decode_members(data: bytes) -> dict[str, bytes]:
    """Return the members of a state, each byte for byte; none if the state is not a JSON object."""
    try:
        return {name: bytes(raw) for name, raw in msgspec.json.decode(data, type=dict[str, Raw]).items()}
    except msgspec.DecodeError:
        return {}


def _note_dropped(kind: str, where: str, context: EncodeContext) -> None:
    what = {
        "text_part": "state on text",
        "tool_call": "state on a tool call",
        "reasoning_part": "thinking",
        "provider_part": "a provider part",
        "server_tool_call": "a tool that ran there",
        "server_tool_result": "the result of a tool that ran there",
    }.get(kind, f"state on a {kind}")
    message = f"{what} of another provider or model was left out for {context.target.provider}"
    context.notice("foreign_state_dropped", kind, message, where)


def _note_foreign_state(part: Part, where: str, context: EncodeContext) -> None:
    if part.state and context.own_state(part) is None:
        _note_dropped(part.type, where, context)


def _encode_id(id: str, where: str, context: EncodeContext) -> str:
    """Return a call's id as the host accepts it: one that is too long or of another form is replaced by its digest."""
    require_utf8(id, where)
    if context.has("mistral"):
        return id if _MISTRAL_ID.fullmatch(id) else hashlib.blake2s(id.encode()).hexdigest()[:9]
    if context.has("openai") and len(id) > _OPENAI_ID_LENGTH:
        return f"call_{hashlib.blake2s(id.encode(), digest_size=12).hexdigest()}"
    return id


def _separate_results(messages: Iterable[dict[str, Any]], context: EncodeContext) -> list[dict[str, Any]]:
    """Put a message of the assistant between a tool's result and a message of the user, which Mistral requires."""
    out: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "user" and out and out[-1]["role"] == "tool":
            out.append({"role": "assistant", "content": _RESULT_READ})
            text = "a message of the assistant was added between a tool's result and a message of the user"
            context.notice("message_added", "assistant", text, "messages")
        out.append(message)
    return out


def _without_system(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Move the instructions into messages of the user, at the beginning of the next one."""
    out: list[dict[str, Any]] = []
    before = ""
    for message in messages:
        if message["role"] in ("system", "developer"):
            if before:
                out.append({"role": "user", "content": before})
            before = _join_text(message["content"])
        elif before and message["role"] == "user":
            content = message["content"]
            both = f"{before}{_SEPARATOR}{content}" if isinstance(content, str) else [_text_block(before), *content]
            out.append({**message, "content": both})
            before = ""
        else:
            out += [{"role": "user", "content": before}, message] if before else [message]
            before = ""
    return [*out, {"role": "user", "content": before}] if before else out


def _text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _join_text(content: Any) -> str:
    return content if isinstance(content, str) else _SEPARATOR.join(block["text"] for block in content)
