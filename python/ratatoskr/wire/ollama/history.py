"""Encodes a history as Ollama's messages: text in one string, images beside it, thinking without a signature."""

from __future__ import annotations

import base64

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Notice
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    AudioPart,
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
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.encode import EncodeContext, Note, encode_arguments, foreign_state_notices, require_utf8
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import JsonObject
from ratatoskr.wire.media import inline_data_url, is_text, note_image_detail, text_of_file

_STATE_KINDS = {
    "reasoning_part": "thinking",
    "provider_part": "a provider's own part",
    "server_tool_call": "a call of a provider's own tool",
    "server_tool_result": "a call of a provider's own tool",
}
"""What a notice calls opaque state on these parts; on any other it is the signature of a part."""


class MessageWriter:
    """Writes a history as messages.

    Args:
        target: the model that is asked; state of other issuers is left out.
    """

    def __init__(self, target: Target) -> None:
        self._issuer = target.issuer
        self._context = EncodeContext(target)
        self._names: dict[str, str] = {}
        self._foreign: dict[str, str] = {}

    @property
    def notices(self) -> list[Notice]:
        """What was left out, one notice for each kind."""
        return [*foreign_state_notices(self._foreign), *self._context.notices]

    def write(self, messages: tuple[Message, ...], instructions: str | None) -> list[JsonObject]:
        """Return all messages; `instructions` are appended to the first system message.

        Raises:
            InvalidInput: Ollama cannot express a part of them, or they hold nothing to answer.
        """
        out: list[JsonObject] = []
        for i, message in enumerate(messages):
            if message.role == "assistant":
                written = self._write_assistant(message, i)
                if len(written) > 1:
                    out.append(written)
            elif message.role == "tool":
                out += [
                    self._write_result(part, f"messages[{i}].content[{j}]") for j, part in enumerate(message.content)
                ]
            else:
                out += self._write_system_or_user(message, i)
        if not out:
            raise InvalidInput("there is no message to answer", field="messages")
        if instructions is not None:
            first = next((written for written in out if written["role"] == "system"), None)
            if first is None:
                out.insert(0, {"role": "system", "content": instructions})
            else:
                first["content"] = f"{first['content']}\n\n{instructions}"
        return out

    def _write_system_or_user(self, message: Message, i: int) -> list[JsonObject]:
        """Write a system or user message; tool results in it come first, each as a message of its own."""
        results: list[JsonObject] = []
        content = _Content(self._context.notice)
        for j, part in enumerate(message.content):
            where = f"messages[{i}].content[{j}]"
            if isinstance(part, ToolResult) and message.role == "user":
                results.append(self._write_result(part, where))
            else:
                content.add(part, where)
        if message.role == "system" and content.images:
            raise InvalidInput("a system message must hold text only", field=f"messages[{i}].content")
        if results and not content.texts and not content.images:
            return results
        return [*results, content.to_message(message.role)]

    def _write_result(self, part: Part, where: str) -> JsonObject:
        if not isinstance(part, ToolResult):
            raise InvalidInput(f"a tool message must hold tool results, not a {part.type}", field=where)
        name = self._names.get(part.tool_call_id) or part.name
        if name is None:
            raise InvalidInput(f"no call in the history has the id {part.tool_call_id!r:.80}", field=where)
        content = _Content(self._context.notice, ["Error: "] if part.is_error else [])
        for k, item in enumerate(part.content):
            content.add(item, f"{where}.content[{k}]")
        message = content.to_message("tool")
        return {
            **message,
            "tool_name": require_utf8(name, where),
            "tool_call_id": require_utf8(part.tool_call_id, where),
        }

    def _write_assistant(self, turn: Message, i: int) -> JsonObject:
        content = _Content(self._context.notice)
        thinking: list[str] = []
        calls: list[JsonObject] = []
        for j, part in enumerate(turn.content):
            where = f"messages[{i}].content[{j}]"
            own = self._check_issuer(part)
            if isinstance(part, ReasoningPart):
                if own:
                    thinking.append(require_utf8(part.text, where))
            elif isinstance(part, ToolCall):
                calls.append(self._write_call(part, len(calls), where))
            elif isinstance(part, AudioPart | FilePart):
                message = f"a {part.type} in a message of the assistant was left out: Ollama accepts text and images"
                self._context.notice("media_dropped", part.type, message, where)
            elif not isinstance(part, ServerToolCall | ServerToolResult | ProviderPart):
                content.add(part, where)
        out: JsonObject = {"role": "assistant"}
        if content.texts or content.images or calls:
            out = content.to_message("assistant")
        if thinking:
            out = {"role": "assistant", "content": "", **out, "thinking": "".join(thinking)}
        if calls:
            out["tool_calls"] = calls
        return out

    def _write_call(self, call: ToolCall, index: int, where: str) -> JsonObject:
        name = require_utf8(call.name, where)
        self._names[call.id] = name
        arguments = encode_arguments(call, where, self._context.notice)
        function = {"index": index, "name": name, "arguments": arguments}
        return {"id": require_utf8(call.id, where), "function": function}

    def _check_issuer(self, part: Part) -> bool:
        """Return whether a part has no state or state of this issuer; note any other state as left out."""
        if isinstance(part, ProviderPart | ServerToolCall | ServerToolResult):
            issuer = part.issuer if isinstance(part, ProviderPart) else "another provider"
            self._foreign.setdefault(_STATE_KINDS[part.type], issuer)
            return False
        if not part.state:
            return True
        own = any(same_issuer(state.issuer, self._issuer) for state in part.state)
        if not own:
            self._foreign.setdefault(_STATE_KINDS.get(part.type, "the signature of a part"), part.state[0].issuer)
        return own


class _Content:
    """Text and images of one message."""

    def __init__(self, note: Note, texts: list[str] | None = None) -> None:
        self._note = note
        self.texts = texts or []
        self.images: list[str] = []

    def add(self, part: Part, where: str) -> None:
        if isinstance(part, TextPart):
            self.texts.append(require_utf8(part.text, where))
        elif isinstance(part, ImagePart):
            note_image_detail(part, where, self._note)
            self.images.append(_encode_image(part, where))
        elif isinstance(part, FilePart) and (text := _text_of_file(part, where)) is not None:
            self.texts.append(text)
        else:
            raise InvalidInput(f"Ollama accepts text and images only, not a {part.type}", field=where)

    def to_message(self, role: str) -> JsonObject:
        message: JsonObject = {"role": role, "content": "".join(self.texts)}
        if self.images:
            message["images"] = self.images
        return message


def _text_of_file(part: FilePart, where: str) -> str | None:
    part = inline_data_url(part, where)
    media_type = (part.media_type or "").partition(";")[0].strip().lower()
    return text_of_file(part.data, part.name, where) if part.data is not None and is_text(media_type) else None


def _encode_image(part: ImagePart, where: str) -> str:
    data = inline_data_url(part, where).data
    if data is not None:
        return base64.b64encode(data).decode("ascii")
    raise InvalidInput("Ollama does not fetch images by URL; pass the data", field=where)


def generate_prompt(messages: list[JsonObject]) -> JsonObject | None:
    """Return the fields of `/api/generate` for a single user message, or `None` if the history holds more."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    rest = [message for message in messages if message["role"] != "system"]
    if len(rest) != 1 or rest[0]["role"] != "user":
        return None
    out: JsonObject = {"prompt": rest[0]["content"]}
    if system:
        out["system"] = "\n\n".join(system)
    if "images" in rest[0]:
        out["images"] = rest[0]["images"]
    return out
