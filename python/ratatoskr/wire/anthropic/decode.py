"""Reads messages and content blocks into a turn; a whole response and a stream give the same message.

What a part has no attribute for (a signature, who called a tool, unknown fields) is kept on it as one `ProviderState`:
a JSON object of just those members, which `history` puts back into the block. A block of a type without a part of its
own is a `ProviderPart` with its JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import Citation, ProviderPart, ProviderState, ServerToolCall, ServerToolResult
from ratatoskr.wire.anthropic.errors import read_error
from ratatoskr.wire.anthropic.finish import set_finish_reason
from ratatoskr.wire.anthropic.shapes import (
    MINOR,
    Delta,
    Message,
    RawDeltaEvent,
    RawObject,
    TextCitation,
    TypedObject,
    encode_object,
    is_set,
    require_field,
)
from ratatoskr.wire.anthropic.usage import convert_usage
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.json import decode, decode_answer, is_blank, note_ignored, replace_surrogates, text_of
from ratatoskr.wire.turn import TurnBuilder

CONTAINER = "container"
"""The kind of the `ProviderPart` that holds the container in which the provider ran code."""

_UNCERTAIN_CALL = "uncertain_call"
"""In place of `tool_use`, the type of a block that is a call of its own only if its arguments say so at its end."""

_SERVER_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
_RESULT_SUFFIX = "_tool_result"
"""The end of the types of blocks that hold the result of a server tool."""


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the finished turn of a whole response.

    Raises:
        FailureReported: the body is an error.
        MalformedResponse: the body is not a message.
    """
    turn = TurnBuilder(target.issuer, streamed=False)
    message = decode_answer(Message, body, MINOR, turn.notices)
    if is_set(message.error):
        raise read_error(message.error)
    if message.content is None:
        raise MalformedResponse("a message without content")
    blocks = BlockReader(turn)
    read_message_start(turn, message)
    if message.usage is not None:
        turn.usage = convert_usage(message.usage)
    for index, raw in enumerate(message.content):
        blocks.start(index, raw)
        blocks.stop(index)
    add_container(turn, message.container)
    set_finish_reason(turn, message.stop_reason, message.stop_details)
    turn.complete()
    return turn


def read_message_start(turn: TurnBuilder, message: Message) -> None:
    """Read the fields of a message that a stream has at its start: all but content, usage and end."""
    turn.response_id, turn.model, turn.seed = message.id, message.model, message.id or ""
    add_event(turn, "context_management", message.context_management)
    add_event(turn, "input_transformations", message.input_transformations)
    add_event(turn, "diagnostics", message.diagnostics)


def add_event(turn: TurnBuilder, kind: str, raw: Raw) -> None:
    """Add an event for a field that concerns the request and is not part of the message, if it is set."""
    if is_set(raw):
        turn.event(kind, bytes(raw))


def add_container(turn: TurnBuilder, container: Raw) -> None:
    """Add the container as the turn's last part, so that the next request continues in it."""
    if is_set(container):
        data = bytes(container)
        turn.part(CONTAINER, ProviderPart(CONTAINER, data, turn.issuer), CONTAINER, data)


@dataclass(slots=True)
class _OpenBlock:
    """A content block that is being read.

    Attributes:
        type: its type on the wire.
        key: the key of its part in the turn.
        fields: as it began, with what deltas have replaced.
        raw: as it began, byte for byte; `None` once a delta has changed it.
        pieces: the JSON text of a server tool's input so far.
        texts: members whose text came in pieces.
        has_input: whether the input of a tool call has come in pieces.
        has_citations: whether it has citations.
        ended: whether it has ended.
        call_id: the id of a tool call, as the provider sent it.
        repeated: the call that it may be once more.
    """

    type: str
    key: int
    fields: RawObject
    raw: bytes | None
    pieces: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    has_input: bool = False
    has_citations: bool = False
    ended: bool = False
    call_id: str | None = None
    repeated: _OpenBlock | None = None

    def other_fields(self, *known: str) -> RawObject:
        """Return the members that the part has no attribute for."""
        return {name: value for name, value in self.fields.items() if name not in known and is_set(value)}

    def get_text(self, name: str) -> str:
        """Return a text member; empty if it is missing or null."""
        value = self.fields.get(name)
        return decode(str, bytes(value)) if value is not None and is_set(value) else ""


class BlockReader:
    """Reads the content blocks of one message.

    Attributes:
        turn: the turn that they become parts of.
        open: the latest block of each index on the wire.
    """

    __slots__ = ("_call_ids", "_count", "_names", "open", "turn")

    def __init__(self, turn: TurnBuilder) -> None:
        self.turn = turn
        self.open: dict[int, _OpenBlock] = {}
        self._count = 0
        self._names: dict[str, str] = {}
        self._call_ids: set[str] = set()

    def start(self, index: int, raw: Raw) -> None:
        """Start a block; it ends an earlier one of the same index, unless it is that same call."""
        data = bytes(raw)
        fields = decode(RawObject, data)
        block_type = decode(str, bytes(require_field(fields, "type", "content")))
        before = self.open.get(index) if block_type == "tool_use" else None
        if before is not None and (before.call_id is None or before.call_id != self._read_id(fields, "id")):
            before = None
        if before is not None and not before.ended and not before.has_input:
            return
        block = self._open_block(index, block_type, fields, data)
        if block_type == "tool_use" and (before or not decode(str, bytes(require_field(fields, "name", block_type)))):
            block.type, block.repeated = _UNCERTAIN_CALL, before
        start = _STARTS.get(block.type)
        if start is not None:
            start(self, block)

    def _open_block(self, index: int, block_type: str, fields: RawObject, raw: bytes | None) -> _OpenBlock:
        self.stop(index)
        block = self.open[index] = _OpenBlock(block_type, self._count, fields, raw)
        self._count += 1
        return block

    def read_delta(self, index: int, delta: Delta, data: bytes) -> None:
        """Add a delta to its block; `data` is the whole event.

        Raises:
            MalformedResponse: the delta does not fit the type of the block, or the block has ended.
        """
        block = self.open.get(index)
        block_type, read = _DELTAS.get(delta.type, ("", None))
        if block is None and block_type in ("text", "thinking"):
            block = self._open_block(index, block_type, {}, None)  # the start of such a block adds nothing
        if block is None:
            raise MalformedResponse(f"{delta.type!r:.60} for a block that has not begun")
        if read is not None and block.type == block_type:
            read(self, block, delta)
        elif block.ended:
            raise MalformedResponse(f"{delta.type!r:.60} for a block that has ended")
        elif delta.type == "input_json_delta" and block.type not in _STARTS:
            block.pieces.append(delta.partial_json or "")
        elif block.type in _STARTS and read is not None:
            raise MalformedResponse(f"{delta.type} for a block of type {block.type}")
        elif block.type in _STARTS:
            self.turn.event(delta.type, data)
        else:
            self._merge_delta(block, decode(RawDeltaEvent, data).delta)

    def _merge_delta(self, block: _OpenBlock, delta: RawObject) -> None:
        """Merge a delta of unknown type into its block: text is appended, anything else replaces."""
        block.raw = None
        for name, value in delta.items():
            before = block.fields.get(name)
            if name == "type" or (before is not None and not is_set(value)):
                continue
            if before is not None and bytes(before)[:1] == bytes(value)[:1] == b'"':
                pieces = block.texts.setdefault(name, [decode(str, bytes(before))])
                pieces.append(decode(str, bytes(value)))
            else:
                block.fields[name] = value
                block.texts.pop(name, None)

    def stop(self, index: int) -> None:
        """End a block, if one of this index is open."""
        block = self.open.get(index)
        if block is None or block.ended:
            return
        block.ended = True
        if block.type == _UNCERTAIN_CALL:
            self._end_uncertain_call(index, block)
        elif block.type not in _STARTS:
            self._end_other(block)
        elif block.type == "text":
            self._end_text(block)
        elif block.type == "tool_use":
            self._end_tool_use(block)
        self.turn.end(block.key)

    def stop_all(self) -> None:
        """End all blocks that are open."""
        for index in list(self.open):
            self.stop(index)

    def _start_text(self, block: _OpenBlock) -> None:
        self.turn.text(block.key, block.get_text("text"))
        citations = block.fields.get("citations")
        if citations is not None and is_set(citations):
            try:
                raws = decode(list[Raw], bytes(citations))
            except MalformedResponse:
                raws = []
                note_ignored(self.turn.notices, "content.citations")
            for raw in raws:
                self._add_citation(block, raw)

    def _add_citation(self, block: _OpenBlock, raw: Raw) -> None:
        data = bytes(raw)
        try:
            citation = decode(TextCitation, data)
        except MalformedResponse:
            note_ignored(self.turn.notices, "content.citations")
            return
        title = citation.title or citation.document_title
        block.has_citations = True
        self.turn.citation(block.key, Citation(citation.url or citation.source, title, citation.cited_text, data=data))

    def _end_text(self, block: _OpenBlock) -> None:
        """Give the text a state if it has citations, too: they go back to their issuer only."""
        others = block.other_fields("type", "text", "citations")
        if others or block.has_citations:
            self.turn.state(block.key, encode_object(others), "text")

    def _start_thinking(self, block: _OpenBlock) -> None:
        self.turn.reasoning(block.key, block.get_text("thinking"))
        self._set_signature(block)

    def _read_signature(self, block: _OpenBlock, delta: Delta) -> None:
        block.fields["signature"] = delta.signature
        self._set_signature(block)

    def _set_signature(self, block: _OpenBlock) -> None:
        """Set the state of a thinking part, whose text may be empty; the last signature counts."""
        others = block.other_fields("type", "thinking")
        if bytes(others.get("signature", b"")) == b'""':
            del others["signature"]
        if others:
            self.turn.replace_state(block.key, encode_object(others))

    def _start_redacted_thinking(self, block: _OpenBlock) -> None:
        self.turn.state(block.key, encode_object(block.fields))

    def _read_id(self, fields: RawObject, name: str) -> str | None:
        """Return an id; `None` if it is missing or empty, or for one of an unexpected form, with a notice."""
        try:
            return decode(str, bytes(fields[name])) or None if is_set(fields.get(name)) else None
        except MalformedResponse:
            note_ignored(self.turn.notices, f"content.{name}")
            return None

    def _start_tool_use(self, block: _OpenBlock) -> None:
        """Begin a call; an id that another call has is replaced."""
        block.call_id = self._read_id(block.fields, "id")
        known, name = block.call_id in self._call_ids, block.get_text("name")
        self.turn.tool(block.key, None if known else block.call_id, name)
        self._call_ids.add(block.call_id or "")
        others = block.other_fields("type", "id", "name", "input")
        if others:
            self.turn.state(block.key, encode_object(others), "tool")

    def _read_input(self, block: _OpenBlock, delta: Delta) -> None:
        if not delta.partial_json:
            return
        if block.ended:
            raise MalformedResponse("input for a tool call that has ended")
        block.has_input = True
        self.turn.arguments(block.key, delta.partial_json)

    def _end_tool_use(self, block: _OpenBlock) -> None:
        """Take the input from the start of the block, unless it came in pieces."""
        tool_input = block.fields.get("input")
        if not block.has_input and tool_input is not None and is_set(tool_input):
            self.turn.arguments(block.key, text_of(tool_input))

    def _end_uncertain_call(self, index: int, block: _OpenBlock) -> None:
        """Add a call without a name, or with the id of the one before it, unless it is blank or that same call."""
        arguments, before = "".join(block.pieces) or text_of(block.fields.get("input", b"")), block.repeated
        if is_blank(arguments) or (before is not None and _is_same_json(arguments, self.turn.arguments_of(before.key))):
            self.open[index] = before or block
            return
        self._start_tool_use(block)
        self.turn.arguments(block.key, arguments)

    def _end_other(self, block: _OpenBlock) -> None:
        """Add the part of a block that has no deltas of its own type."""
        for name, pieces in block.texts.items():
            block.fields[name] = Raw(msgspec.json.encode(replace_surrogates("".join(pieces))))
        written = "".join(block.pieces)
        if written:
            block.raw, block.fields["input"] = None, _to_json(written)
        data = block.raw if block.raw is not None else encode_object(block.fields)
        turn = self.turn
        if block.type in _SERVER_CALLS:
            call_id, name = self._read_id(block.fields, "id") or "", block.get_text("name")
            self._names[call_id] = name
            arguments = written or text_of(block.fields.get("input", b""))
            state = self._make_state(block, "id", "name", "input")
            turn.part(block.key, ServerToolCall(call_id, name, arguments, state=state), block.type, data)
        elif block.type.endswith(_RESULT_SUFFIX) and {"tool_use_id", "content"} <= block.fields.keys():
            turn.part(block.key, self._make_result(block), block.type, data)
        else:
            turn.part(block.key, ProviderPart(block.type, data, turn.issuer), block.type, data)

    def _make_result(self, block: _OpenBlock) -> ServerToolResult:
        call_id, content = self._read_id(block.fields, "tool_use_id") or "", bytes(block.fields["content"])
        name = self._names.get(call_id) or block.type.removesuffix(_RESULT_SUFFIX)
        failed = bytes(block.fields.get("is_error", b"")) == b"true"
        if content[:1] == b"{":
            failed = failed or decode(TypedObject, content).type.endswith("_error")
        state = self._make_state(block, "tool_use_id", "content")
        return ServerToolResult(call_id, name, text_of(content), failed, state=state)

    def _make_state(self, block: _OpenBlock, *known: str) -> tuple[ProviderState, ...]:
        return (ProviderState(self.turn.issuer, encode_object(block.other_fields(*known))),)


def _is_same_json(text: str, other: str) -> bool:
    try:
        return text == other or json.loads(text) == json.loads(other)
    except (ValueError, RecursionError):
        return False


def _to_json(text: str) -> Raw:
    """Return input that came as text as JSON; as a string if it is incomplete."""
    data = replace_surrogates(text).encode()
    try:
        return Raw(bytes(decode(Raw, data)))
    except MalformedResponse:
        return Raw(msgspec.json.encode(replace_surrogates(text)))


_STARTS: dict[str, Callable[[BlockReader, _OpenBlock], None]] = {
    "text": BlockReader._start_text,
    "thinking": BlockReader._start_thinking,
    "redacted_thinking": BlockReader._start_redacted_thinking,
    "tool_use": BlockReader._start_tool_use,
}
"""How the start of a block is read; blocks of other types become a part when they end."""

_DELTAS: dict[str, tuple[str, Callable[[BlockReader, _OpenBlock, Delta], None]]] = {
    "text_delta": ("text", lambda reader, block, delta: reader.turn.text(block.key, delta.text or "")),
    "citations_delta": ("text", lambda reader, block, delta: reader._add_citation(block, delta.citation)),
    "thinking_delta": ("thinking", lambda reader, block, delta: reader.turn.reasoning(block.key, delta.thinking or "")),
    "signature_delta": ("thinking", BlockReader._read_signature),
    "input_json_delta": ("tool_use", BlockReader._read_input),
}
"""The type of block that a delta belongs to, and how it is read."""
