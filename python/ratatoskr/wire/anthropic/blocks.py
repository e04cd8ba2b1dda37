"""Content blocks become parts of a turn; a whole answer and a stream go the same way, so they give the same message.

What a part has no word for (a signature, who called a tool, fields of tomorrow) hangs on it as one `ProviderState`:
a JSON object of just those members, which `history` puts back into the block. A block without a part of its own is a
`ProviderPart` with its JSON text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import Citation, ProviderPart, ProviderState, ServerToolCall, ServerToolResult
from ratatoskr.wire.anthropic.shapes import Delta, Fields, Kind, Source, Unfolded, need, object_of, said
from ratatoskr.wire.json import decode, replace_surrogates, text_of
from ratatoskr.wire.turn import TurnBuilder

SERVER_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
RESULT = "_tool_result"
"""How the types of the blocks end that hold what a server tool gave."""
CONTAINER = "container"
"""Kind of the `ProviderPart` that remembers the container in which the provider ran code."""


@dataclass(slots=True)
class _Open:
    """A block under way.

    Attributes:
        kind: its type on the wire.
        key: of its part in the turn.
        fields: as it began, with what deltas have replaced.
        raw: as it began, byte for byte; `None` once a delta has changed it.
        pieces: the JSON text of a server tool's input so far.
        written: whether the input of a call has come in pieces.
        cited: whether it has citations.
        ended: nothing more may come.
    """

    kind: str
    key: int
    fields: Fields
    raw: bytes | None
    pieces: list[str] = field(default_factory=list)
    written: bool = False
    cited: bool = False
    ended: bool = False

    def rest(self, *own: str) -> Fields:
        """Return the members that the part has no word for."""
        return {name: value for name, value in self.fields.items() if name not in own and said(value)}

    def text(self, name: str) -> str:
        """Return a text member; empty where it is missing or null."""
        value = self.fields.get(name)
        return decode(str, bytes(value)) if value is not None and said(value) else ""


class Blocks:
    """The blocks of one answer.

    Attributes:
        turn: what they become parts of.
        open: the latest block of each index on the wire.
    """

    __slots__ = ("_made", "_names", "open", "turn")

    def __init__(self, turn: TurnBuilder) -> None:
        self.turn = turn
        self.open: dict[int, _Open] = {}
        self._made = 0
        self._names: dict[str, str] = {}

    def start(self, index: int, raw: Raw) -> None:
        """Begin a block; one that begins where another has not ended ends that one."""
        data = bytes(raw)
        fields = decode(Fields, data)
        kind = decode(str, bytes(need(fields, "type", "content")))
        block = self._begin(index, kind, fields, data)
        begin = _BEGINNINGS.get(kind)
        if begin is not None:
            begin(self, block)

    def _begin(self, index: int, kind: str, fields: Fields, raw: bytes | None) -> _Open:
        self.stop(index)
        block = self.open[index] = _Open(kind, self._made, fields, raw)
        self._made += 1
        return block

    def delta(self, index: int, delta: Delta, data: bytes) -> None:
        """Add a piece to a block; `data` is the whole event.

        Raises:
            MalformedResponse: the piece is not of the block's kind, or comes after the block's end.
        """
        block = self.open.get(index)
        home = _HOMES.get(delta.type)
        if block is None and home is not None and home[0] in ("text", "thinking"):
            block = self._begin(index, home[0], {}, None)  # its beginning adds nothing that the pieces don't tell
        if block is None:
            raise MalformedResponse(f"{delta.type!r:.60} for a block that has not begun")
        if home is not None and block.kind == home[0]:
            home[1](self, block, delta)
        elif block.ended:
            raise MalformedResponse(f"{delta.type!r:.60} for a block that has ended")
        elif delta.type == "input_json_delta" and block.kind not in _TYPED:
            block.pieces.append(delta.partial_json or "")
        elif block.kind in _TYPED and delta.type in _HOMES:
            raise MalformedResponse(f"{delta.type} for a block of type {block.kind}")
        elif block.kind in _TYPED:
            self.turn.event(delta.type, data)
        else:
            self._fold(block, decode(Unfolded, data).delta)

    def _fold(self, block: _Open, piece: Fields) -> None:
        """Work a piece of an unknown kind into its block: text is appended, anything else replaces."""
        block.raw = None
        for name, value in piece.items():
            before = block.fields.get(name)
            if name == "type" or (before is not None and not said(value)):
                continue
            if before is not None and bytes(before)[:1] == bytes(value)[:1] == b'"':
                joined = decode(str, bytes(before)) + decode(str, bytes(value))
                value = Raw(msgspec.json.encode(replace_surrogates(joined)))  # noqa: PLW2901  # the piece as it stands in the block
            block.fields[name] = value

    def stop(self, index: int) -> None:
        """End a block: what it holds is whole now."""
        block = self.open.get(index)
        if block is None or block.ended:
            return
        block.ended = True
        _ENDINGS.get(block.kind, Blocks._end_whole)(self, block)
        self.turn.end(block.key)

    def close(self) -> None:
        """End what is still open."""
        for index in list(self.open):
            self.stop(index)

    def _begin_text(self, block: _Open) -> None:
        self.turn.text(block.key, block.text("text"))
        citations = block.fields.get("citations")
        for raw in decode(list[Raw], bytes(citations)) if said(citations) and citations is not None else ():
            self._cite(block, raw)

    def _cite(self, block: _Open, raw: Raw) -> None:
        data = bytes(raw)
        source = decode(Source, data)
        title = source.title or source.document_title
        block.cited = True
        self.turn.citation(block.key, Citation(source.url or source.source, title, source.cited_text, data=data))

    def _take_citation(self, block: _Open, delta: Delta) -> None:
        self._cite(block, delta.citation)

    def _end_text(self, block: _Open) -> None:
        """Sign the text if it has citations, so that they go back to whom they came from and to nobody else."""
        rest = block.rest("type", "text", "citations")
        if rest or block.cited:
            self.turn.state(block.key, object_of(rest), "text")

    def _begin_thinking(self, block: _Open) -> None:
        self.turn.reasoning(block.key, block.text("thinking"))
        self._sign(block)

    def _take_thinking(self, block: _Open, delta: Delta) -> None:
        self.turn.reasoning(block.key, delta.thinking or "")

    def _take_signature(self, block: _Open, delta: Delta) -> None:
        block.fields["signature"] = delta.signature
        self._sign(block)

    def _sign(self, block: _Open) -> None:
        """Hang the signature on the thinking, whose text may well be empty; the last one replaces."""
        rest = block.rest("type", "thinking")
        if bytes(rest.get("signature", b"")) == b'""':
            del rest["signature"]
        if rest:
            self.turn.replace_state(block.key, object_of(rest))

    def _begin_redacted(self, block: _Open) -> None:
        self.turn.state(block.key, object_of(block.fields))

    def _begin_call(self, block: _Open) -> None:
        name = decode(str, bytes(need(block.fields, "name", block.kind)))
        self.turn.tool(block.key, block.text("id") or None, name)
        rest = block.rest("type", "id", "name", "input")
        if rest:
            self.turn.state(block.key, object_of(rest), "tool")

    def _take_arguments(self, block: _Open, delta: Delta) -> None:
        if not delta.partial_json:
            return
        if block.ended:
            raise MalformedResponse("input for a tool call that has ended")
        block.written = True
        self.turn.arguments(block.key, delta.partial_json)

    def _end_call(self, block: _Open) -> None:
        """Take the input that stood in the block's beginning, unless it came in pieces."""
        begun = block.fields.get("input")
        if not block.written and begun is not None and said(begun):
            self.turn.arguments(block.key, text_of(begun))

    def _end_whole(self, block: _Open) -> None:
        """Make a part of a block that has no deltas of its own kind."""
        written = "".join(block.pieces)
        if written:
            block.raw, block.fields["input"] = None, _json_of(written)
        data = block.raw if block.raw is not None else object_of(block.fields)
        if block.kind in SERVER_CALLS:
            call_id, name = block.text("id"), block.text("name")
            self._names[call_id] = name
            arguments = written or text_of(block.fields.get("input", b""))
            state = self._state(block, "id", "name", "input")
            self.turn.part(block.key, ServerToolCall(call_id, name, arguments, state=state), block.kind, data)
        elif block.kind.endswith(RESULT) and {"tool_use_id", "content"} <= block.fields.keys():
            self.turn.part(block.key, self._result(block), block.kind, data)
        else:
            self.turn.part(block.key, ProviderPart(block.kind, data, self.turn.issuer), block.kind, data)

    def _result(self, block: _Open) -> ServerToolResult:
        call_id, content = block.text("tool_use_id"), bytes(block.fields["content"])
        name = self._names.get(call_id) or block.kind.removesuffix(RESULT)
        failed = bytes(block.fields.get("is_error", b"")) == b"true"
        if content[:1] == b"{":
            failed = failed or decode(Kind, content).type.endswith("_error")
        state = self._state(block, "tool_use_id", "content")
        return ServerToolResult(call_id, name, text_of(content), failed, state=state)

    def _state(self, block: _Open, *own: str) -> tuple[ProviderState, ...]:
        return (ProviderState(self.turn.issuer, object_of(block.rest(*own))),)


def _json_of(text: str) -> Raw:
    """Return written input as JSON; as a string where the model was cut before it had closed it."""
    data = replace_surrogates(text).encode()
    try:
        return Raw(bytes(decode(Raw, data)))
    except MalformedResponse:
        return Raw(msgspec.json.encode(replace_surrogates(text)))


_BEGINNINGS: dict[str, Callable[[Blocks, _Open], None]] = {
    "text": Blocks._begin_text,
    "thinking": Blocks._begin_thinking,
    "redacted_thinking": Blocks._begin_redacted,
    "tool_use": Blocks._begin_call,
}
_ENDINGS: dict[str, Callable[[Blocks, _Open], None]] = {
    "text": Blocks._end_text,
    "thinking": lambda blocks, block: None,
    "redacted_thinking": lambda blocks, block: None,
    "tool_use": Blocks._end_call,
}
_TYPED = frozenset(_BEGINNINGS)
"""Blocks whose deltas have a meaning here."""


def _take_text(blocks: Blocks, block: _Open, delta: Delta) -> None:
    blocks.turn.text(block.key, delta.text or "")


_HOMES: dict[str, tuple[str, Callable[[Blocks, _Open, Delta], None]]] = {
    "text_delta": ("text", _take_text),
    "citations_delta": ("text", Blocks._take_citation),
    "thinking_delta": ("thinking", Blocks._take_thinking),
    "signature_delta": ("thinking", Blocks._take_signature),
    "input_json_delta": ("tool_use", Blocks._take_arguments),
}
"""Kind of delta to the block it belongs to and what it does there."""
