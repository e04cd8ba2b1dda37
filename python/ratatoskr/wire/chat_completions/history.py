"""Our messages as the API's messages; opaque state is sent back to its issuer only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    Part,
    TextPart,
    ToolResult,
)
from ratatoskr.wire.chat_completions.assistant import AssistantMessage, encode_id, note_foreign_state
from ratatoskr.wire.chat_completions.media import encode_part
from ratatoskr.wire.encode import SYSTEM_AS_USER, EncodeContext, require_utf8

_SEPARATOR = "\n\n"
"""Between the texts of a message whose content must be one string."""

_RESULT_READ = "I have the result."
"""The message of the assistant that separates a tool's result from a message of the user."""


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
    if not out:
        raise InvalidInput("there is no message to answer", field="messages")
    return _order_for_mistral(out, context) if context.has("mistral") else out


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
            if (encoded := AssistantMessage(self.context, where).encode(message)) is not None:
                self.out.append(self._with_name(encoded, message, where))
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
            note_foreign_state(part, where, self.context)
        self.out.append(self._with_name({"role": "user", "content": self._join_content(content)}, message, where))

    def _add_texts(self, role: str, message: Message, parts: Sequence[Part], where: str, first: int = 0) -> None:
        """Add a message of texts; a single one is a string."""
        if len(parts) == 1 and isinstance(part := parts[0], TextPart) and not (part.cache and self.context.cache_mark):
            note_foreign_state(part, where, self.context)
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
            "tool_call_id": encode_id(result.tool_call_id, where, self.context),
            "content": content,
        }
        if name is not None and self.context.has("mistral"):
            value["name"] = require_utf8(name, where)
        self.out.append(value)


def _order_for_mistral(messages: list[dict[str, Any]], context: EncodeContext) -> list[dict[str, Any]]:
    """Put the messages in the order that Mistral requires.

    A message of the assistant stands between a tool's result and a message of the user. The last message is of the user
    or a tool, or it is marked as the beginning of the answer (https://docs.mistral.ai/api/, `prefix`; November 2026).
    """
    last = messages[-1]
    if last["role"] == "assistant":
        last["prefix"] = True
    elif last["role"] == "system":
        last["role"] = "user"
        context.notice(*SYSTEM_AS_USER)
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
