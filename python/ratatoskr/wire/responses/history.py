"""Our messages as input items: opaque items are sent back byte for byte in their place, to their issuer only."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Raw

from ratatoskr.errors import InvalidInput, MalformedResponse
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
from ratatoskr.wire.encode import EncodeContext, encode_argument_text, require_utf8
from ratatoskr.wire.json import decode
from ratatoskr.wire.responses.media import ContentEncoder
from ratatoskr.wire.responses.shapes import ToolCallItem, decode_members
from ratatoskr.wire.responses.tools import CLIENT_OUTPUTS, encode_output
from ratatoskr.wire.turn import REFUSAL_STATE

_MAX_ID_LENGTH = 64


class History:
    """Encodes the messages of one request.

    Attributes:
        items: the input items so far.
    """

    __slots__ = ("_audio", "_call_types", "_contents", "_context", "_server_calls", "_trailing", "items")

    def __init__(self, context: EncodeContext) -> None:
        self.items: list[Any] = []
        self._context = context
        self._contents = ContentEncoder(context)
        self._audio: list[dict[str, Any]] = []
        self._call_types: dict[str, str] = {}
        self._server_calls: set[str] = set()
        self._trailing: list[Any] = []

    def add(self, message: Message, where: str) -> None:
        """Add one message.

        Raises:
            InvalidInput: the API does not support something in it; `field` is its path.
        """
        if message.name is not None:
            text = "the Responses API does not support the name of a speaker"
            self._context.notice("name_dropped", "name", text, f"{where}.name")
        if message.role == "assistant":
            self._add_assistant(message.content, f"{where}.content")
        else:
            self._drop_trailing()
            role = self._context.target.rules.instructions_role if message.role == "system" else "user"
            self._add_input(message, role, f"{where}.content")

    def finish(self) -> None:
        """Complete the items.

        Raises:
            InvalidInput: there are none.
        """
        self._drop_trailing()
        if not self.items:
            raise InvalidInput("there is no message to answer", field="messages")

    def _drop_trailing(self) -> None:
        if self._trailing:
            text = "reasoning with no item behind it was left out, as the Responses API refuses it"
            self._context.notice("reasoning_dropped", "reasoning_part", text, "messages")
            self._trailing = []

    def _add_input(self, message: Message, role: str, where: str) -> None:
        """Add a message of the user, the system or tools; tool results and provider parts are separate items."""
        parts: list[tuple[int, Part]] = []
        for i, part in enumerate(message.content):
            if isinstance(part, (ToolResult, ProviderPart)):
                self._add_message(role, parts, where)
                parts = []
                if isinstance(part, ToolResult):
                    self._add_result(part, f"{where}[{i}]")
                else:
                    self._add_provider_part(part)
            elif message.role == "tool":
                raise InvalidInput(f"a tool message cannot contain a {part.type}", field=f"{where}[{i}]")
            else:
                parts.append((i, part))
        if self._audio:
            self.items.append({"role": "user", "content": self._audio})
            self._audio = []
        self._add_message(role, parts, where)

    def _add_message(self, role: str, parts: list[tuple[int, Part]], where: str) -> None:
        content = self._contents.encode(parts, where)
        if content or (parts and role == "user"):
            self.items.append({"role": role, "content": content})

    def _add_result(self, result: ToolResult, where: str) -> None:
        call_type = self._call_types.get(result.tool_call_id, "function_call")
        if call_type not in CLIENT_OUTPUTS:
            result = self._move_audio(result, where)
        call_id = _encode_id(result.tool_call_id, where)
        self.items.append(encode_output(call_type, call_id, result, self._contents, where))

    def _move_audio(self, result: ToolResult, where: str) -> ToolResult:
        """Return a result without its audio, which is put into a message of the user: an output cannot contain it."""
        audio = [(k, part) for k, part in enumerate(result.content) if isinstance(part, AudioPart)]
        if not audio:
            return result
        caption = require_utf8(f"Result of tool {result.name or 'call'} ({result.tool_call_id}):", where)
        self._audio.append({"type": "input_text", "text": caption})
        self._audio += [self._contents.encode_part(part, f"{where}.content[{k}]") for k, part in audio]
        rest = tuple(part for part in result.content if not isinstance(part, AudioPart))
        return replace(result, content=rest or (TextPart("The result is attached to the next message of the user."),))

    def _add_assistant(self, parts: tuple[Part, ...], where: str) -> None:
        """Add a message of the assistant; texts that came in one item are sent back in one.

        Reasoning at its end waits for the next item of the assistant: the API refuses reasoning without an item behind.
        """
        self.items += self._trailing
        end = len(self.items) - len(self._trailing)
        envelope, contents = b"", list[Any]()
        for i, part in enumerate(parts):
            part_where = f"{where}[{i}]"
            own = self._own_states(part)
            if isinstance(part, TextPart) or (isinstance(part, ProviderPart) and part.state):
                state = own[0] if own else b""
                content = self._encode_content(part, own, part_where)
                if state != envelope:
                    self._flush(envelope, contents, where)
                    envelope, contents = state, []
                if content is not None:
                    contents.append(content)
                continue
            before = len(self.items)
            self._flush(envelope, contents, where)
            envelope, contents = b"", []
            if len(self.items) > before:
                end = before = len(self.items)
            self._add_item(part, own, part_where)
            if len(self.items) > before and not isinstance(part, ReasoningPart):
                end = len(self.items)
        before = len(self.items)
        self._flush(envelope, contents, where)
        if len(self.items) > before:
            end = len(self.items)
        self._trailing = self.items[end:]
        del self.items[end:]

    def _encode_content(self, part: TextPart | ProviderPart, own: list[bytes], where: str) -> Any:
        """Return a content of a message item; a string where the item is of another issuer."""
        if isinstance(part, ProviderPart):
            if not own:
                self._note_foreign(part)
                return None
            return Raw(part.data)
        text = require_utf8(part.text, where)
        if not own:
            return text or None
        if REFUSAL_STATE in own:
            return {"type": "refusal", "refusal": text}
        annotations = [Raw(citation.data) for citation in part.citations if citation.data is not None]
        return {"type": "output_text", "text": text, "annotations": annotations}

    def _flush(self, envelope: bytes, contents: list[Any], where: str) -> None:
        if not contents:
            return
        if not envelope:
            self.items.append({"role": "assistant", "content": "".join(contents)})
            return
        try:
            item: dict[str, Any] = dict(decode_members(envelope))
        except MalformedResponse:
            raise InvalidInput("the state of a text is not a JSON object", field=where) from None
        self.items.append({**item, "content": contents})

    def _add_item(self, part: Part, own: list[bytes], where: str) -> None:
        match part:
            case ReasoningPart():
                if own:
                    self.items.extend(map(Raw, own))
                elif not part.state:
                    self._note_foreign(part)
            case ToolCall():
                self._add_call(part, own, where)
            case ServerToolCall():
                if own:
                    self._server_calls.add(part.id)
                    self.items.extend(map(Raw, own))
                elif not part.state:
                    self._note_foreign(part)
            case ServerToolResult():
                if own:
                    self.items.extend(map(Raw, own))
                elif part.tool_call_id not in self._server_calls and not part.state:
                    self._note_foreign(part)  # otherwise it is part of the call's item
            case ProviderPart():
                self._add_provider_part(part)
            case ToolResult():
                self._add_result(part, where)
            case ImagePart() | AudioPart() | FilePart() if part.state:
                self.items.extend(map(Raw, own))
            case _:
                text = f"a {part.type} in a message of the assistant was left out: the Responses API accepts none there"
                self._context.notice("media_dropped", part.type, text, where)

    def _add_call(self, call: ToolCall, own: list[bytes], where: str) -> None:
        call_id, name = _encode_id(call.id, where), require_utf8(call.name, where)
        if not own:
            arguments = encode_argument_text(call, where, self._context.notice)
            self.items.append({"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments})
            return
        arguments = require_utf8(call.arguments, where)
        state = own[0]
        try:
            item = decode(ToolCallItem, state)
        except MalformedResponse:  # a built-in tool, with other members
            item = ToolCallItem(type=_type_of(state, where))
        self._call_types[call.id] = item.type
        if item.type == "function_call":
            arguments = encode_argument_text(call, where, self._context.notice)
        unchanged = item.call_id == call_id and item.name == name and item.input_text == arguments
        if unchanged or item.type in CLIENT_OUTPUTS:
            self.items.append(Raw(state))
            return
        member = "input" if item.type == "custom_tool_call" else "arguments"
        changed = {"call_id": call_id, "name": name, member: arguments}
        self.items.append({**decode_members(state), **changed})

    def _add_provider_part(self, part: ProviderPart) -> None:
        if self._context.is_own(part.issuer):
            self.items.append(Raw(part.data))
        else:
            self._note_foreign(part)

    def _own_states(self, part: Part) -> list[bytes]:
        """Return the states that the target issued; add a notice for others."""
        if not part.state:
            return []
        own = [state.data for state in part.state if self._context.is_own(state.issuer)]
        if len(own) < len(part.state):
            self._note_foreign(part)
        return own

    def _note_foreign(self, part: Part) -> None:
        message = f"state of another provider or model on a {part.type} was left out"
        self._context.notice("foreign_state_dropped", part.type, message, "messages")


def _type_of(state: bytes, where: str) -> str:
    """Return the type of a call of a built-in tool, such as `shell_call`."""
    try:
        return str(msgspec.json.decode(decode_members(state)["type"]))
    except (KeyError, MalformedResponse, msgspec.DecodeError):
        raise InvalidInput("the state of a tool call is not an item", field=where) from None


def _encode_id(id: str, where: str) -> str:
    """Return a call's id; one that is too long for the API is replaced by its digest."""
    if len(id) <= _MAX_ID_LENGTH:
        return require_utf8(id, where)
    return f"call_{hashlib.blake2s(require_utf8(id, where).encode(), digest_size=16).hexdigest()}"
