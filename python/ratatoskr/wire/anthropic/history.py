"""Encodes a history as turns of content blocks.

The system messages go on top, tool results come first in the turn after their calls, opaque state goes back into its
block, and state of other issuers is left out with a notice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from msgspec import Raw

from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.types.attempt import Notice
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
from ratatoskr.wire.anthropic.assistant import trim_end, without_cut_server_calls
from ratatoskr.wire.anthropic.decode import CONTAINER
from ratatoskr.wire.anthropic.media import encode_media
from ratatoskr.wire.anthropic.shapes import RawObject
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.encode import SYSTEM_AS_USER, encode_arguments, require_utf8
from ratatoskr.wire.history import is_paused
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import decode
from ratatoskr.wire.schema import StrictUse

T = TypeVar("T")

Block: TypeAlias = dict[str, Any] | Raw
"""A content block; `Raw` if it goes back byte for byte."""

Turns: TypeAlias = list[dict[str, Any]]

MAX_BREAKPOINTS = 4
"""Cache breakpoints of one request (docs.anthropic.com/en/docs/build-with-claude/prompt-caching, November 2026)."""

FILES_BETA = "files-api-2025-04-14"

_TOOL_USE_ID = re.compile(r"[A-Za-z0-9_-]+")
_LATER_SYSTEM = re.compile(r"claude-(?:opus-4-8|opus-5|fable-5|mythos-5)(?!\d)")
"""Models that accept system messages after the first turn (docs.anthropic.com, November 2026)."""

_DROPPED: dict[type[Any], tuple[str, str]] = {
    ReasoningPart: ("thinking", "thinking that this model did not sign was left out"),
    TextPart: ("text", "state of another model on texts was left out; the texts themselves were sent"),
    ToolCall: ("tool call", "state of another model on tool calls was left out; the calls themselves were sent"),
    ServerToolCall: ("server tool", "calls of another provider's own tools were left out, with their results"),
    ServerToolResult: ("server tool", "calls of another provider's own tools were left out, with their results"),
    ProviderPart: ("provider part", "parts that only another model can read were left out"),
}
"""The kind and the text of the notice about state of another issuer."""


def write_messages(writer: BlockWriter, messages: Sequence[Message]) -> tuple[list[Block], Turns]:
    """Return the blocks of the top-level `system`, and the turns.

    System messages at the beginning go on top. A later one keeps its place if the model accepts it there. All between
    two turns of the assistant becomes one turn if it holds tool results, and they come first in it.

    Raises:
        InvalidInput: the API cannot express a part of it; `field` is its path.
    """
    system: list[Block] = []
    turns: Turns = []
    pending: list[tuple[list[Block], list[Block]]] = []
    for i, message in enumerate(messages):
        if message.name is not None:
            writer.add_notice(
                "name_dropped", "name", "names of participants were left out: the API has no field for them"
            )
        if message.role in ("user", "tool"):
            pending.append(written := writer.write_message(message, i))
            if message.role == "user" and written == ([], []) and message.content:
                raise InvalidInput("the provider refuses a message of blank text", field=f"messages[{i}].content")
            continue
        _add_user_turns(turns, pending)
        pending = []
        if message.role == "assistant":
            _, blocks = writer.write_message(without_cut_server_calls(message, messages, writer.add_notice), i)
            _add_turn(turns, "assistant", blocks)
            continue
        for j, part in enumerate(message.content):
            if not isinstance(part, TextPart):
                where = f"messages[{i}].content[{j}]"
                raise InvalidInput(f"a system message must hold text only, not a {part.type}", field=where)
        _, blocks = writer.write_message(message, i)
        if not turns:
            system += blocks
        elif _LATER_SYSTEM.search(writer.target.model):
            _add_turn(turns, "system", blocks)
        else:
            raise InvalidInput(
                f"{writer.target.model} accepts system messages at the beginning only; send this one as a user message",
                field=f"messages[{i}]",
            )
    _add_user_turns(turns, pending)
    if turns and turns[-1]["role"] == "assistant" and not is_paused(messages[-1]):
        content = turns.pop()["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        _add_turn(turns, "assistant", trim_end(blocks, writer.add_notice))
    if turns:
        return system, turns
    if not system:
        raise InvalidInput("there is no message to answer", field="messages")
    writer.add_notice(*SYSTEM_AS_USER)
    return [], [{"role": "user", "content": simplify_content(system)}]


def _add_user_turns(turns: Turns, pending: list[tuple[list[Block], list[Block]]]) -> None:
    """Add messages, given as their results and other blocks: as one turn if there are results."""
    results = [block for found, _ in pending for block in found]
    if results:
        _add_turn(turns, "user", results + [block for _, others in pending for block in others])
    else:
        for _, others in pending:
            _add_turn(turns, "user", others)


def _add_turn(turns: Turns, role: str, blocks: list[Block]) -> None:
    if blocks:
        turns.append({"role": role, "content": simplify_content(blocks)})


def simplify_content(blocks: list[Block]) -> str | list[Block]:
    """Return blocks as content: a single plain text as a string."""
    first = blocks[0]
    if len(blocks) == 1 and isinstance(first, dict) and first.keys() == {"type", "text"}:
        text: str = first["text"]
        return text
    return blocks


class BlockWriter:
    """Writes the parts of one request as content blocks.

    Attributes:
        target: the model that is asked.
        at: indices of the message and the part that are being written.
        betas: features that are asked for by header.
        container: the container of the latest turn, in which the next continues.
        breakpoints: the number of cache breakpoints so far.
        strict_use: what the strict schemas have used of the provider's limits so far.
    """

    __slots__ = ("_notices", "_toolsets", "at", "betas", "breakpoints", "container", "strict_use", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.at = (0, 0)
        self.betas: list[str] = []
        self.container: Raw | None = None
        self.breakpoints = 0
        self.strict_use = StrictUse()
        self._notices: dict[tuple[str, str], Notice] = {}
        self._toolsets: dict[str, Raw] = {}

    @property
    def where(self) -> str:
        """Path of the part that is being written."""
        return f"messages[{self.at[0]}].content[{self.at[1]}]"

    @property
    def notices(self) -> list[Notice]:
        """What was left out, one notice for each kind."""
        return list(self._notices.values())

    def add_notice(self, code: str, kind: str, message: str, where: str = "messages") -> None:
        """Add a notice, unless there is one of this code and kind."""
        self._notices.setdefault((code, kind), Notice(code, message, where))

    def add_beta(self, beta: str) -> None:
        """Ask for a feature by header."""
        if beta not in self.betas:
            self.betas.append(beta)

    def count_breakpoint(self, where: str) -> None:
        """Count a cache breakpoint; raise `InvalidInput` if there are too many."""
        self.breakpoints += 1
        if self.breakpoints > MAX_BREAKPOINTS:
            raise InvalidInput(f"more than {MAX_BREAKPOINTS} cache breakpoints", field=where)

    def write_message(self, message: Message, i: int) -> tuple[list[Block], list[Block]]:
        """Return the tool results of a message, and its other blocks."""
        results: list[Block] = []
        others: list[Block] = []
        for j, part in enumerate(message.content):
            self.at = (i, j)
            block = self._write_part(message.role, part)
            if block is not None:
                (results if isinstance(part, ToolResult) else others).append(block)
        return results, others

    def _write_part(self, role: str, part: Part) -> Block | None:
        """Return a part as a block, or `None` if it is left out."""
        write = (_ASSISTANT_PARTS if role == "assistant" else _USER_PARTS).get(type(part))
        if write is None:
            raise InvalidInput(f"a message of role {role!r} cannot hold a {part.type} here", field=self.where)
        block = write(self, part)
        if block is None or not part.cache:
            return block
        if isinstance(part, ReasoningPart):
            raise InvalidInput("thinking cannot have a cache breakpoint; set it on another part", field=self.where)
        self.count_breakpoint(self.where)
        fields = block if isinstance(block, dict) else decode(RawObject, bytes(block))
        return {**fields, "cache_control": {"type": "ephemeral"}}

    def _clean(self, text: str) -> str:
        """Return text that UTF-8 can carry; the path of the part is only made for an error."""
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return require_utf8(text, self.where)  # raises InvalidInput
        return text

    def _find_state(self, part: Part) -> RawObject | None:
        """Return the state of this issuer on a part, or `None` after a notice about what is missing or foreign."""
        for state in reversed(part.state):
            if same_issuer(state.issuer, self.target.issuer):
                return self._decode_state(RawObject, state.data)
        if part.state or not isinstance(part, (TextPart, ToolCall)):
            self._note_dropped(part)
        return None

    def _note_dropped(self, part: Part) -> None:
        kind, message = _DROPPED[type(part)]
        self.add_notice("foreign_state_dropped", kind, message)

    def _decode_state(self, shape: type[T], data: bytes) -> T:
        try:
            return decode(shape, data)
        except MalformedResponse as error:
            raise InvalidInput(f"the stored state is damaged: {error.message}", field=self.where) from None

    def _to_raw(self, data: bytes) -> Raw:
        self._decode_state(Raw, data)
        return Raw(data)

    def _to_tool_use_id(self, id: str) -> str:
        """Return the id of a call in the characters accepted here; other providers use more."""
        if _TOOL_USE_ID.fullmatch(id):
            return id
        digest = hashlib.blake2s(id.encode("utf-8", "replace"), digest_size=6).hexdigest()
        return f"{re.sub(r'[^A-Za-z0-9_-]', '_', id)[:40]}_{digest}"

    def _write_text(self, part: TextPart) -> dict[str, Any] | None:
        """Write a text, or leave it out if it is blank: the provider refuses blank texts."""
        if part.text and not part.text.isspace():
            return {"type": "text", "text": self._clean(part.text)}
        if part.text:
            message = "texts of white space only were left out: the provider refuses them"
            self.add_notice("blank_text_dropped", "", message, self.where)
        return None

    def _write_assistant_text(self, part: TextPart) -> Block | None:
        state = self._find_state(part) if part.state else None
        if state is None:
            return self._write_text(part)
        cited = [self._to_raw(citation.data) for citation in part.citations if citation.data is not None]
        citations = {"citations": cited} if cited else {}
        return {**citations, "type": "text", "text": self._clean(part.text), **state}

    def _write_thinking(self, part: ReasoningPart) -> Block | None:
        state = self._find_state(part)
        if state is None:
            return None
        if "type" in state:
            return dict(state)
        if "signature" not in state:
            self._note_dropped(part)
            return None
        return {"type": "thinking", "thinking": self._clean(part.text), **state}

    def _write_tool_use(self, part: ToolCall) -> Block:
        state = (self._find_state(part) if part.state else None) or {}
        call_id = self._to_tool_use_id(part.id)
        if "toolset_name" in state:
            self._toolsets[call_id] = state["toolset_name"]
        arguments = encode_arguments(part, self.where, self.add_notice)
        return {"type": "tool_use", "id": call_id, "name": self._clean(part.name), "input": arguments, **state}

    def _write_server_call(self, part: ServerToolCall) -> Block | None:
        state = self._find_state(part)
        if state is None:
            return None
        arguments = encode_arguments(part, self.where, self.add_notice)
        return {"type": state.get("type"), "id": part.id, "name": part.name, "input": arguments, **state}

    def _write_server_result(self, part: ServerToolResult) -> Block | None:
        state = self._find_state(part)
        if state is None:
            return None
        content = self._to_raw(self._clean(part.content).encode())
        return {"type": state.get("type"), "tool_use_id": part.tool_call_id, "content": content, **state}

    def _write_provider_part(self, part: ProviderPart) -> Block | None:
        if not same_issuer(part.issuer, self.target.issuer):
            self._note_dropped(part)
            return None
        fields = self._decode_state(RawObject, part.data)
        if part.kind == CONTAINER:
            self.container = fields.get("id")
            return None
        return Raw(part.data)

    def _write_tool_result(self, part: ToolResult) -> Block:
        call_id = self._to_tool_use_id(part.tool_call_id)
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": call_id}
        content = part.content
        if len(content) == 1 and isinstance(content[0], TextPart) and not content[0].cache:
            if (text := self._write_text(content[0])) is not None:
                block["content"] = text["text"]
        elif written := [one for item in content if (one := self._write_part("tool_result", item)) is not None]:
            block["content"] = written
        if part.is_error:
            block["is_error"] = True
        if call_id in self._toolsets:
            block["toolset_name"] = self._toolsets[call_id]
        return block

    def _write_media(self, part: ImagePart | AudioPart | FilePart | FileRef) -> Block:
        if isinstance(part, FileRef):
            self.add_beta(FILES_BETA)
        return encode_media(part, self.target.provider, self.where, self.add_notice)

    def _drop_media(self, part: ImagePart | AudioPart | FilePart) -> None:
        """Leave out a medium that a model of another provider made: the API has no place for it in such a message."""
        message = f"a {part.type} in a message of the assistant was left out: the API accepts none there"
        self.add_notice("media_dropped", part.type, message, self.where)


_Write: TypeAlias = Callable[[BlockWriter, Any], Block | None]

_USER_PARTS: dict[type[Any], _Write] = {
    TextPart: BlockWriter._write_text,
    ToolResult: BlockWriter._write_tool_result,
    ImagePart: BlockWriter._write_media,
    AudioPart: BlockWriter._write_media,
    FilePart: BlockWriter._write_media,
    FileRef: BlockWriter._write_media,
    ProviderPart: BlockWriter._write_provider_part,
}
_ASSISTANT_PARTS: dict[type[Any], _Write] = {
    TextPart: BlockWriter._write_assistant_text,
    ReasoningPart: BlockWriter._write_thinking,
    ToolCall: BlockWriter._write_tool_use,
    ServerToolCall: BlockWriter._write_server_call,
    ServerToolResult: BlockWriter._write_server_result,
    ProviderPart: BlockWriter._write_provider_part,
    ImagePart: BlockWriter._drop_media,
    AudioPart: BlockWriter._drop_media,
    FilePart: BlockWriter._drop_media,
}
