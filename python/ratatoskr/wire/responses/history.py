"""The history as input items: opaque items return as they came, in position; another issuer's are left out."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Raw

from ratatoskr.errors import InvalidInput, MalformedResponse
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
from ratatoskr.wire.encode import require_utf8
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import decode
from ratatoskr.wire.responses.content import Contents
from ratatoskr.wire.responses.items import REFUSAL
from ratatoskr.wire.responses.results import RESULTS, result_item
from ratatoskr.wire.responses.shapes import CallItem, fields_of

_LONGEST_ID = 64


class History:
    """Turns messages into the items of one request.

    Attributes:
        items: what has been said so far.
        notices: what had to be left out.
    """

    __slots__ = ("_calls", "_dropped", "_issuer", "_ran", "contents", "items", "notices", "role")

    def __init__(self, target: Target, contents: Contents, notices: list[Notice]) -> None:
        self.items: list[Any] = []
        self.notices = notices
        self.contents = contents
        self._issuer = target.issuer
        self.role = target.rules.instructions_role
        self._calls: dict[str, str] = {}
        self._ran: set[str] = set()
        self._dropped: set[str] = set()

    def add(self, message: Message, where: str) -> None:
        """Add one message.

        Raises:
            InvalidInput: it holds what the API cannot carry; `field` is its path.
        """
        if message.name is not None:
            self._notice("name_dropped", "name", "the Responses API has no name of a speaker", f"{where}.name")
        if message.role == "assistant":
            self._assistant(message.content, f"{where}.content")
        else:
            role = self.role if message.role == "system" else "user"
            self._others(message, role, f"{where}.content")

    def _others(self, message: Message, role: str, where: str) -> None:
        """Add what people, the system and tools say; results and raw items stand between the words."""
        words: list[tuple[int, Part]] = []
        for i, part in enumerate(message.content):
            if isinstance(part, (ToolResult, ProviderPart)):
                self._say(role, words, where)
                words = []
                if isinstance(part, ToolResult):
                    self._result(part, f"{where}[{i}]")
                else:
                    self._provider_part(part)
            elif message.role == "tool":
                raise InvalidInput(f"a tool message holds results, not {part.type}", field=f"{where}[{i}]")
            else:
                words.append((i, part))
        self._say(role, words, where)

    def _say(self, role: str, words: list[tuple[int, Part]], where: str) -> None:
        if words:
            self.items.append({"role": role, "content": self.contents.of(words, where)})

    def _result(self, result: ToolResult, where: str) -> None:
        kind = self._calls.get(result.tool_call_id, "function_call")
        call_id = _short_id(result.tool_call_id, where)
        self.items.append(result_item(kind, call_id, result, self.contents, where))

    def _assistant(self, content: tuple[Part, ...], where: str) -> None:
        """Add the model's own turn; texts of one message item go back into one."""
        envelope, spoken = b"", list[Any]()
        for i, part in enumerate(content):
            here = f"{where}[{i}]"
            mine = self._own_state(part)
            if isinstance(part, TextPart) or (isinstance(part, ProviderPart) and part.state):
                state = mine[0] if mine else b""
                said = self._spoken(part, mine, here)
                if state != envelope:
                    self._flush(envelope, spoken, where)
                    envelope, spoken = state, []
                if said is not None:
                    spoken.append(said)
                continue
            self._flush(envelope, spoken, where)
            envelope, spoken = b"", []
            self._item(part, mine, here)
        self._flush(envelope, spoken, where)

    def _spoken(self, part: TextPart | ProviderPart, mine: list[bytes], where: str) -> Any:
        """Return a part of a message item; a plain text where the item is not ours."""
        if isinstance(part, ProviderPart):
            if not mine:
                self._foreign(part)
                return None
            return Raw(part.data)
        text = require_utf8(part.text, where)
        if not mine:
            return text or None
        if REFUSAL in mine:
            return {"type": "refusal", "refusal": text}
        sources = [Raw(citation.data) for citation in part.citations if citation.data is not None]
        return {"type": "output_text", "text": text, "annotations": sources}

    def _flush(self, envelope: bytes, spoken: list[Any], where: str) -> None:
        if not spoken:
            return
        if not envelope:
            self.items.append({"role": "assistant", "content": "".join(spoken)})
            return
        try:
            item: dict[str, Any] = dict(fields_of(envelope))
        except MalformedResponse:
            raise InvalidInput("the state of a text is no JSON object", field=where) from None
        self.items.append({**item, "content": spoken})

    def _item(self, part: Part, mine: list[bytes], where: str) -> None:
        match part:
            case ReasoningPart():
                if mine:
                    self.items.extend(map(Raw, mine))
                elif not part.state:
                    self._foreign(part)
            case ToolCall():
                self._call(part, mine, where)
            case ServerToolCall():
                if mine:
                    self._ran.add(part.id)
                    self.items.extend(map(Raw, mine))
                elif not part.state:
                    self._foreign(part)
            case ServerToolResult():
                if mine:
                    self.items.extend(map(Raw, mine))
                elif part.tool_call_id not in self._ran and not part.state:
                    self._foreign(part)  # one whose call is ours is part of the call's item
            case ProviderPart():
                self._provider_part(part)
            case ToolResult():
                self._result(part, where)
            case ImagePart() | AudioPart() | FilePart() if part.state:
                self.items.extend(map(Raw, mine))
            case _:
                raise InvalidInput(f"the Responses API takes no {part.type} in the assistant's turn", field=where)

    def _call(self, call: ToolCall, mine: list[bytes], where: str) -> None:
        call_id, name = _short_id(call.id, where), require_utf8(call.name, where)
        arguments = require_utf8(call.arguments, where)
        if not mine:
            item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments or "{}"}
            self.items.append(item)
            return
        state = mine[0]
        try:
            was = decode(CallItem, state)
        except MalformedResponse:
            was = CallItem(type=_kind_of(state, where))
        self._calls[call.id] = was.type
        if was.type in RESULTS or (was.call_id == call.id and was.name == name and was.words == arguments):
            self.items.append(Raw(state))
            return
        words = "input" if was.type == "custom_tool_call" else "arguments"
        changed = {"call_id": call_id, "name": name, words: arguments}
        self.items.append({**fields_of(state), **changed})

    def _provider_part(self, part: ProviderPart) -> None:
        if part.issuer == self._issuer or same_issuer(part.issuer, self._issuer):
            self.items.append(Raw(part.data))
        else:
            self._foreign(part)

    def _own_state(self, part: Part) -> list[bytes]:
        """Return the state that this issuer made; another's is reported."""
        own = []
        for state in part.state:
            if state.issuer == self._issuer or same_issuer(state.issuer, self._issuer):
                own.append(state.data)
            else:
                self._foreign(part)
        return own

    def _foreign(self, part: Part) -> None:
        words = f"what another model or provider put on a {part.type} was left out"
        self._notice("foreign_state_dropped", part.type, words, "messages")

    def _notice(self, code: str, kind: str, message: str, field: str) -> None:
        if kind not in self._dropped:
            self._dropped.add(kind)
            self.notices.append(Notice(code, message, field))


def _kind_of(state: bytes, where: str) -> str:
    """Return the type of a call whose fields are not those of a function's, as `shell_call`."""
    try:
        return str(msgspec.json.decode(fields_of(state)["type"]))
    except (KeyError, MalformedResponse, msgspec.DecodeError):
        raise InvalidInput("the state of a tool call is no item", field=where) from None


def _short_id(id: str, where: str) -> str:
    """Return a call's id; one longer than the API takes is replaced by a digest, the same for call and result."""
    if len(id) <= _LONGEST_ID:
        return require_utf8(id, where)
    return f"call_{hashlib.blake2s(require_utf8(id, where).encode(), digest_size=16).hexdigest()}"
