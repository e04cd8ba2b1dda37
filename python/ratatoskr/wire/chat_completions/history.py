"""Messages in the dialect's words, with what is opaque going back to its issuer and to nobody else."""

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
from ratatoskr.wire.chat_completions.content import Asked, checked, content_part
from ratatoskr.wire.issuer import same_issuer

_SEVERAL = "\n\n"
"""Stands between texts of a message that can only be one string."""

_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")
_OPENAI_ID_LENGTH = 40


def encode_messages(messages: Sequence[Message], asked: Asked) -> list[dict[str, Any]]:
    """Return the history as `messages`.

    Raises:
        InvalidInput: something in it cannot be said in this dialect; `field` names the part.
    """
    history = _History(asked)
    for i, message in enumerate(messages):
        history.add(message, f"messages[{i}]")
    history.flush()
    return _without_system(history.out) if asked.has("no_system") else history.out


class _History:
    """Messages said so far, and media of tools that wait for the next place where a user may speak."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.out: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}
        self._media: list[dict[str, Any]] = []

    def add(self, message: Message, where: str) -> None:
        """Say one message."""
        if message.role == "assistant":
            self.flush()
            self.out.append(self._named(_Assistant(self.asked, where).encode(message), message, where))
            for call in message.tool_calls:
                self._names[call.id] = call.name
        elif message.role == "system":
            self.flush()
            self._system(message, where)
        else:
            self._user(message, where)

    def flush(self) -> None:
        """Let the user say what a tool message could not carry."""
        if self._media:
            self.out.append({"role": "user", "content": self._media})
            self._media = []

    def _named(self, value: dict[str, Any], message: Message, where: str) -> dict[str, Any]:
        if message.name is not None and not self.asked.has("no_name", "mistral"):
            value["name"] = checked(message.name, f"{where}.name")
        return value

    def _system(self, message: Message, where: str) -> None:
        for j, part in enumerate(message.content):
            if not isinstance(part, TextPart):
                raise InvalidInput(f"a system message cannot hold a {part.type}", field=f"{where}.content[{j}]")
        role = self.asked.target.rules.instructions_role
        self._say(role, message, message.content, where)

    def _user(self, message: Message, where: str) -> None:
        """Say a message of the user or of tools; results in it are messages of their own, in their place."""
        run: list[tuple[int, Part]] = []
        for j, part in enumerate(message.content):
            if isinstance(part, ToolResult):
                self._speak(run, message, where)
                run = []
                self._result(part, f"{where}.content[{j}]")
            elif message.role == "tool":
                raise InvalidInput(f"a tool message cannot hold a {part.type}", field=f"{where}.content[{j}]")
            else:
                run.append((j, part))
        if run or not message.content:
            self._speak(run, message, where, even_empty=True)

    def _speak(self, run: list[tuple[int, Part]], message: Message, where: str, *, even_empty: bool = False) -> None:
        if not run and not (even_empty and message.role == "user"):
            return
        self.flush()
        if len(run) == 1 and _is_plain(run[0][1]):
            self._say("user", message, (run[0][1],), where, run[0][0])
            return
        content = [content_part(part, f"{where}.content[{j}]", self.asked) for j, part in run]
        for _, part in run:
            _note_foreign(part, where, self.asked)
        self.out.append(self._named({"role": "user", "content": self._joined(content)}, message, where))

    def _say(self, role: str, message: Message, parts: Sequence[Part], where: str, first: int = 0) -> None:
        """Say texts: one alone is a string."""
        if len(parts) == 1 and isinstance(part := parts[0], TextPart) and not (part.cache and self.asked.mark):
            _note_foreign(part, where, self.asked)
            content: Any = checked(part.text, f"{where}.content[{first}]")
        else:
            objects = [content_part(part, f"{where}.content[{j}]", self.asked) for j, part in enumerate(parts)]
            content = self._joined(objects)
        self.out.append(self._named({"role": role, "content": content}, message, where))

    def _joined(self, objects: list[dict[str, Any]]) -> Any:
        texts = [value["text"] for value in objects if value["type"] == "text" and len(value) == 2]
        if not objects:
            return ""
        if self.asked.has("string_content") and len(texts) == len(objects):
            return _SEVERAL.join(texts)
        return [value for value in objects if value.get("text") != ""] or ""

    def _result(self, result: ToolResult, where: str) -> None:
        texts, carried = [], []
        kept: list[dict[str, Any]] = []
        for k, part in enumerate(result.content):
            value = content_part(part, f"{where}.content[{k}]", self.asked)
            if value["type"] == "text":
                texts.append(value["text"])
            elif self.asked.has("tool_media"):
                kept.append(value)
            else:
                carried.append(value)
        name = result.name or self._names.get(result.tool_call_id)
        text = ("Error: " if result.is_error else "") + _SEVERAL.join(texts)
        if carried:
            said = f"Result of tool {name or 'call'} ({result.tool_call_id}):"
            self._media += [{"type": "text", "text": checked(said, where)}, *carried]
            text = text or "The result is attached to the next message of the user."
        content: Any = text
        if kept or (result.cache and self.asked.mark):
            block = self.asked.marked({"type": "text", "text": text}, cache=result.cache)
            content = [block, *kept] if text else kept
        value = {"role": "tool", "tool_call_id": wire_id(result.tool_call_id, where, self.asked), "content": content}
        if name is not None and self.asked.has("mistral"):
            value["name"] = checked(name, where)
        self.out.append(value)


class _Assistant:
    """One turn of the assistant."""

    def __init__(self, asked: Asked, where: str) -> None:
        self.asked = asked
        self.where = where
        self.chunks: list[tuple[TextPart | None, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.thought: list[str] = []
        self.details: list[Raw] = []
        self.images: list[Any] = []
        self.annotations: list[Raw] = []
        self.extra: dict[str, Any] = {}

    def encode(self, message: Message) -> dict[str, Any]:
        for j, part in enumerate(message.content):
            self._add(part, f"{self.where}.content[{j}]")
        value: dict[str, Any] = {"role": "assistant", "content": self._content()}
        if self.details:
            value["reasoning_details"] = self.details
        elif self.thought:
            value["reasoning_content" if self.asked.has("reasoning_content") else "reasoning"] = "".join(self.thought)
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
                self._text(part, where)
            case ToolCall():
                self.calls.append(self._call(part, where))
            case ReasoningPart():
                self._reasoning(part, where)
            case ImagePart() if self.asked.has("openrouter") and own_state(part, self.asked) is not None:
                self.images.append(content_part(part, where, self.asked))
            case ImagePart() if self.asked.has("mistral") and own_state(part, self.asked) is not None:
                self.chunks.append((None, content_part(part, where, self.asked)))
            case AudioPart() if own_state(part, self.asked) is not None:
                pass  # its transcript stands for it
            case ImagePart() | AudioPart() | FilePart() | FileRef():
                message = f"{self.asked.target.provider} takes no {part.type} in a turn of the assistant"
                self.asked.notice("media_dropped", part.type, message, where)
            case ProviderPart():
                self._provider_part(part, where)
            case ServerToolCall() | ServerToolResult():
                if own_state(part, self.asked) is None:
                    self._foreign(part.type, where)
            case ToolResult():
                raise InvalidInput("a turn of the assistant cannot hold the result of a tool", field=where)

    def _foreign(self, kind: str, where: str) -> None:
        _note(kind, where, self.asked)

    def _text(self, part: TextPart, where: str) -> None:
        for state in part.state:
            if same_issuer(state.issuer, self.asked.target.issuer):
                if state.data.startswith(b'{"audio":'):
                    self.extra["audio"] = msgspec.json.decode(state.data)["audio"]
                    return
                if (extra := _members(state.data).get("extra_content")) is not None:
                    self.extra["extra_content"] = Raw(extra)
            else:
                self._foreign(part.type, where)
        self.chunks.append((part, checked(part.text, where)))

    def _reasoning(self, part: ReasoningPart, where: str) -> None:
        data = own_state(part, self.asked)
        if data is None:
            self._foreign(part.type, where)
        elif data.startswith(b"{"):
            if self.asked.has("openrouter"):
                self.details.append(Raw(data))
            elif self.asked.has("mistral"):
                self.chunks.append((None, Raw(data)))
            else:
                self._plain(part, where)
        else:
            self._plain(part, where)

    def _plain(self, part: ReasoningPart, where: str) -> None:
        """Say thinking again as text, where the host has a member for it."""
        if part.text and self.asked.has("openrouter", "reasoning_content", "reasoning"):
            self.thought.append(checked(part.text, where))

    def _provider_part(self, part: ProviderPart, where: str) -> None:
        if not same_issuer(part.issuer, self.asked.target.issuer):
            self._foreign(part.type, where)
        elif part.kind.startswith("content."):
            self.chunks.append((None, Raw(part.data)))
        elif part.kind.startswith("annotations.") and self.asked.has("openrouter"):
            self.annotations.append(Raw(part.data))
        elif part.kind == "images" and self.asked.has("openrouter"):
            self.images.append(Raw(part.data))

    def _content(self) -> Any:
        """Return the content: a string, or a list where something in it is more than text."""
        marked = self.asked.mark is not None and any(part is not None and part.cache for part, _ in self.chunks)
        if not marked and all(part is not None for part, _ in self.chunks):
            return "".join(said for _, said in self.chunks) or (None if self.calls or self.extra else "")
        return [
            value if part is None else self.asked.marked({"type": "text", "text": value}, cache=part.cache)
            for part, value in self.chunks
            if part is None or value
        ]

    def _call(self, call: ToolCall, where: str) -> dict[str, Any]:
        name, arguments = checked(call.name, where), checked(call.arguments, where)
        state: dict[str, Any] = {}
        for one in call.state:
            if same_issuer(one.issuer, self.asked.target.issuer):
                state |= _members(one.data)
            else:
                self._foreign(call.type, where)
        value: dict[str, Any] = {"id": wire_id(call.id, where, self.asked), "type": "function"}
        if state.get("type") == b'"custom"':
            value |= {"type": "custom", "custom": {"name": name, "input": arguments}}
        else:
            value["function"] = {"name": name, "arguments": arguments if arguments.strip() else "{}"}
            if "type" in state:
                value["type"] = Raw(state["type"])
        if "extra_content" in state:
            value["extra_content"] = Raw(state["extra_content"])
        return self.asked.marked(value, cache=call.cache)


def own_state(part: Part, asked: Asked) -> bytes | None:
    """Return the state of a part that this target issued."""
    return next((s.data for s in part.state if same_issuer(s.issuer, asked.target.issuer)), None)


def _members(data: bytes) -> dict[str, bytes]:
    """Return the members of a state, each byte for byte; none if the state is not of this dialect."""
    try:
        return {name: bytes(raw) for name, raw in msgspec.json.decode(data, type=dict[str, Raw]).items()}
    except msgspec.DecodeError:
        return {}


def _is_plain(part: Part) -> bool:
    return isinstance(part, TextPart)


def _note(kind: str, where: str, asked: Asked) -> None:
    what = {
        "text_part": "state on text",
        "tool_call": "state on a tool call",
        "reasoning_part": "thinking",
        "provider_part": "a part without a word here",
        "server_tool_call": "a tool that ran there",
        "server_tool_result": "the result of a tool that ran there",
    }.get(kind, f"state on a {kind}")
    message = f"{what} of another provider or model was left out for {asked.target.provider}"
    asked.notice("foreign_state_dropped", kind, message, where)


def _note_foreign(part: Part, where: str, asked: Asked) -> None:
    if part.state and own_state(part, asked) is None:
        _note(part.type, where, asked)


def wire_id(id: str, where: str, asked: Asked) -> str:
    """Return a call's id as the host takes it; one that is too long or of another form becomes a digest of itself."""
    checked(id, where)
    if asked.has("mistral"):
        return id if _MISTRAL_ID.fullmatch(id) else hashlib.blake2s(id.encode()).hexdigest()[:9]
    if asked.has("openai") and len(id) > _OPENAI_ID_LENGTH:
        return f"call_{hashlib.blake2s(id.encode(), digest_size=12).hexdigest()}"
    return id


def _without_system(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the user say the instructions, together with what the user says next."""
    out: list[dict[str, Any]] = []
    before = ""
    for message in messages:
        if message["role"] in ("system", "developer"):
            if before:
                out.append({"role": "user", "content": before})
            before = _as_text(message["content"])
        elif before and message["role"] == "user":
            content = message["content"]
            both = f"{before}{_SEVERAL}{content}" if isinstance(content, str) else [_block(before), *content]
            out.append({**message, "content": both})
            before = ""
        else:
            out += [{"role": "user", "content": before}, message] if before else [message]
            before = ""
    return [*out, {"role": "user", "content": before}] if before else out


def _block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _as_text(content: Any) -> str:
    return content if isinstance(content, str) else _SEVERAL.join(block["text"] for block in content)
