"""One message of the assistant as the API's: what a host sent in a member of its own goes back in that member."""

from __future__ import annotations

import hashlib
import re
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
from ratatoskr.wire.chat_completions.thinking import OPAQUE_MEMBERS, TEXT_MEMBERS
from ratatoskr.wire.encode import EncodeContext, encode_argument_text, require_utf8
from ratatoskr.wire.turn import REFUSAL_STATE

_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")
_ANTHROPIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OPENAI_ID = re.compile(r"(?s).{0,40}")
_ID_OF_VENDOR = {"mistralai": _MISTRAL_ID, "anthropic": _ANTHROPIC_ID, "openai": _OPENAI_ID}
"""The ids of calls that OpenRouter's vendors accept; it passes ids on."""


class AssistantMessage:
    """One message of the assistant."""

    def __init__(self, context: EncodeContext, where: str) -> None:
        self.context = context
        self.where = where
        self.chunks: list[tuple[TextPart | None, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.thinking: dict[str, list[str]] = {}
        self.refusals: list[str] = []
        self.details: list[Raw] = []
        self.images: list[Any] = []
        self.annotations: list[Raw] = []
        self.extra: dict[str, Any] = {}

    def encode(self, message: Message) -> dict[str, Any] | None:
        """Return the message; `None` if nothing of it can be sent, or it is empty and the host refuses that."""
        for j, part in enumerate(message.content):
            self._add(part, f"{self.where}.content[{j}]")
        value: dict[str, Any] = {"role": "assistant", "content": self._encode_content()}
        if self.details:
            value["reasoning_details"] = self.details
        else:
            value |= {member: "".join(texts) for member, texts in self.thinking.items()}
        if self.refusals:
            value["refusal"] = "".join(self.refusals)
        if self.annotations:
            value["annotations"] = self.annotations
        if self.images:
            value["images"] = self.images
        if self.calls:
            value["tool_calls"] = self.calls
        value |= self.extra
        return None if self._is_refused(value, message) else value

    def _is_refused(self, value: dict[str, Any], message: Message) -> bool:
        """Return whether a message has nothing that a host accepts alone: an empty text is accepted by most."""
        if value["content"] or self.calls:
            return False
        if self.context.has("mistral"):
            if self.thinking:
                text = "thinking without an answer was left out: the provider refuses it"
                self.context.notice("reasoning_dropped", "alone", text, self.where)
            return True
        return len(value) == 2 and any(not isinstance(part, TextPart) for part in message.content)

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
                else:
                    message = f"a tool that {self.context.target.provider} ran was left out: its API does not accept it"
                    self.context.notice("server_call_dropped", "", message, where)
            case ToolResult():
                raise InvalidInput("a message of the assistant cannot contain a tool result", field=where)

    def _add_text(self, part: TextPart, where: str) -> None:
        text = require_utf8(part.text, where)
        for state in part.state:
            own = self.context.is_own(state.issuer)
            if state.data == REFUSAL_STATE and (own or self.context.has("openai")) and not self.context.has("mistral"):
                self.refusals.append(text)
                return
            if own:
                if state.data.startswith(b'{"audio":'):
                    self.extra["audio"] = msgspec.json.decode(state.data)["audio"]
                    return
                if (extra := _decode_members(state.data).get("extra_content")) is not None:
                    self.extra["extra_content"] = Raw(extra)
            else:
                _note_dropped(part.type, where, self.context)
        self.chunks.append((part, text))

    def _add_reasoning(self, part: ReasoningPart, where: str) -> None:
        """Add thinking as it came: in a member of the message, as an item, or as a chunk of the content."""
        own = [state.data for state in part.state if self.context.is_own(state.issuer)]
        if len(own) < len(part.state) or not part.state:
            _note_dropped(part.type, where, self.context)
        for data in own:
            members = _decode_members(data)
            if opaque := {name: Raw(members[name]) for name in OPAQUE_MEMBERS if name in members}:
                self.extra |= opaque
            elif members.get("type") == b'"thinking"':
                self.chunks.append((None, Raw(data)))
            elif members:
                self.details.append(Raw(data))
            elif (member := data.decode("utf-8", "replace").strip('"')) in TEXT_MEMBERS:
                if part.text:
                    self.thinking.setdefault(member, []).append(require_utf8(part.text, where))
            else:
                message = f"thinking that came in {member} was left out: the API has no member to send it back"
                self.context.notice("reasoning_dropped", member, message, where)

    def _add_provider_part(self, part: ProviderPart, where: str) -> None:
        if not self.context.is_own(part.issuer):
            _note_dropped(part.type, where, self.context)
        elif part.kind.startswith("content."):
            self.chunks.append((None, Raw(part.data)))
        elif part.kind.startswith("annotations.") and self.context.has("openrouter"):
            self.annotations.append(Raw(part.data))
        elif part.kind == "images" and self.context.has("openrouter"):
            self.images.append(Raw(part.data))
        else:
            message = f"{part.kind} of an answer was left out: the API has no member to send it back"
            self.context.notice("provider_part_dropped", part.kind, message, where)

    def _encode_content(self) -> Any:
        """Return the content: a string, or a list if it is more than text."""
        marked = self.context.cache_mark is not None and any(part is not None and part.cache for part, _ in self.chunks)
        if not marked and all(part is not None for part, _ in self.chunks):
            has_others = self.calls or self.refusals or self.extra.keys() - set(OPAQUE_MEMBERS)
            return "".join(text for _, text in self.chunks) or (None if has_others else "")
        return [
            value if part is None else self.context.mark_cached({"type": "text", "text": value}, cache=part.cache)
            for part, value in self.chunks
            if part is None or value
        ]

    def _encode_call(self, call: ToolCall, where: str) -> dict[str, Any]:
        name = require_utf8(call.name, where)
        state: dict[str, Any] = {}
        for one in call.state:
            if self.context.is_own(one.issuer):
                state |= _decode_members(one.data)
            else:
                _note_dropped(call.type, where, self.context)
        value: dict[str, Any] = {"id": encode_id(call.id, where, self.context), "type": "function"}
        if state.get("type") == b'"custom"':
            value |= {"type": "custom", "custom": {"name": name, "input": require_utf8(call.arguments, where)}}
        else:
            arguments = encode_argument_text(call, where, self.context.notice)
            value["function"] = {"name": name, "arguments": arguments}
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


def note_foreign_state(part: Part, where: str, context: EncodeContext) -> None:
    """Add a notice if a part has state of other issuers only."""
    if part.state and context.own_state(part) is None:
        _note_dropped(part.type, where, context)


def encode_id(id: str, where: str, context: EncodeContext) -> str:
    """Return a call's id as the host accepts it: one that is too long or of another form is replaced by its digest."""
    require_utf8(id, where)
    accepted = _ID_OF_VENDOR.get(context.target.model.partition("/")[0]) if context.has("openrouter") else None
    if context.has("openai", "mistral"):
        accepted = _OPENAI_ID if context.has("openai") else _MISTRAL_ID
    if accepted is None or accepted.fullmatch(id):
        return id
    digest = hashlib.blake2s(id.encode(), digest_size=12).hexdigest()
    return hashlib.blake2s(id.encode()).hexdigest()[:9] if accepted is _MISTRAL_ID else f"call_{digest}"
