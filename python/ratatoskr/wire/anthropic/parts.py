"""Parts become content blocks: opaque state goes back into its block, foreign state is left out and told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Raw

from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.types.attempt import Notice
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
from ratatoskr.wire.anthropic.blocks import CONTAINER
from ratatoskr.wire.anthropic.media import media_block
from ratatoskr.wire.anthropic.shapes import Fields
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.issuer import same_issuer
from ratatoskr.wire.json import arguments_object, decode

T = TypeVar("T")

Block = dict[str, Any] | Raw
"""A content block; `Raw` where it goes back byte for byte."""

MOST_BREAKPOINTS = 4
"""More the provider refuses (docs.anthropic.com/en/docs/build-with-claude/prompt-caching, November 2026)."""
FILES_BETA = "files-api-2025-04-14"
_ID = re.compile(r"[A-Za-z0-9_-]+")
_LEFT_OUT: dict[type[Any], tuple[str, str]] = {
    ReasoningPart: ("thinking", "thinking that this model did not sign was left out"),
    TextPart: ("text", "what another model had hung on texts was left out; the texts themselves were sent"),
    ToolCall: ("tool call", "what another model had hung on tool calls was left out; the calls themselves were sent"),
    ServerToolCall: ("server tool", "what another model had its provider's own tools do was left out"),
    ServerToolResult: ("server tool", "what another model had its provider's own tools do was left out"),
    ProviderPart: ("provider part", "parts that only another model understands were left out"),
}


class PartWriter:
    """Writes the parts of one request.

    Attributes:
        at: indices of the message and the part that are being written.
        betas: features that must be asked for by header.
        container: where the latest turn ran code, for the next to go on in.
        breakpoints: cache breakpoints so far.
    """

    __slots__ = ("_notices", "_toolsets", "at", "betas", "breakpoints", "container", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.at = (0, 0)
        self.betas: list[str] = []
        self.container: Raw | None = None
        self.breakpoints = 0
        self._notices: dict[str, Notice] = {}
        self._toolsets: dict[str, Raw] = {}

    @property
    def where(self) -> str:
        """Path of the part that is being written."""
        return f"messages[{self.at[0]}].content[{self.at[1]}]"

    @property
    def notices(self) -> list[Notice]:
        """What was left out, one notice a kind."""
        return list(self._notices.values())

    def notice(self, kind: str, code: str, message: str) -> None:
        """Tell once a kind."""
        self._notices.setdefault(kind, Notice(code, message, "messages"))

    def block(self, role: str, part: Part) -> Block | None:
        """Return a part as a block of the assistant's or of anybody else's turn; `None` where it is left out.

        Raises:
            InvalidInput: it cannot be said there.
        """
        words = _ASSISTANT if role == "assistant" else _USER
        write = words.get(type(part))
        if write is None:
            raise InvalidInput(f"a message of role {role!r} cannot hold a {part.type} here", field=self.where)
        block = write(self, part)
        return self._cached(block, part) if part.cache and block is not None else block

    def _cached(self, block: Block, part: Part) -> dict[str, Any]:
        if isinstance(part, ReasoningPart):
            raise InvalidInput("thinking takes no cache breakpoint; set it on another part", field=self.where)
        self.count_breakpoint(self.where)
        fields = block if isinstance(block, dict) else decode(Fields, bytes(block))
        return {**fields, "cache_control": {"type": "ephemeral"}}

    def count_breakpoint(self, where: str) -> None:
        """Count a cache breakpoint; one too many is refused."""
        self.breakpoints += 1
        if self.breakpoints > MOST_BREAKPOINTS:
            raise InvalidInput(f"no more than {MOST_BREAKPOINTS} cache breakpoints are taken", field=where)

    def clean(self, text: str) -> str:
        """Return text that JSON can carry; half of a surrogate pair alone is refused."""
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise InvalidInput("the text holds half of a surrogate pair", field=self.where) from None
        return text

    def _own(self, part: Part) -> Fields | None:
        """Return what this issuer has hung on a part; what only others have is told to be left out."""
        for state in reversed(part.state):
            if same_issuer(state.issuer, self.target.issuer):
                return self._fields(state.data)
        if part.state or not isinstance(part, (TextPart, ToolCall)):
            self._leave_out(part)
        return None

    def _leave_out(self, part: Part) -> None:
        kind, message = _LEFT_OUT[type(part)]
        self.notice(kind, "foreign_state_dropped", message)

    def _fields(self, data: bytes) -> Fields:
        return self._stored(Fields, data)

    def _raw(self, data: bytes) -> Raw:
        self._stored(Raw, data)
        return Raw(data)

    def _stored(self, shape: type[T], data: bytes) -> T:
        try:
            return decode(shape, data)
        except MalformedResponse as error:
            raise InvalidInput(f"stored state is damaged: {error.message}", field=self.where) from None

    def _id(self, id: str) -> str:
        """Return a call's id in the letters taken here; ids of other providers may hold more."""
        if _ID.fullmatch(id):
            return id
        digest = hashlib.blake2s(id.encode("utf-8", "replace"), digest_size=6).hexdigest()
        return f"{re.sub(r'[^A-Za-z0-9_-]', '_', id)[:40]}_{digest}"

    def _text(self, part: TextPart) -> Block:
        return {"type": "text", "text": self.clean(part.text)}

    def _said(self, part: TextPart) -> Block | None:
        """Write what the model said; the provider refuses an empty text."""
        own = self._own(part) if part.state else None
        if own is None:
            return {"type": "text", "text": self.clean(part.text)} if part.text else None
        cited = [self._raw(citation.data) for citation in part.citations if citation.data is not None]
        citations = {"citations": cited} if cited else {}
        return {**citations, "type": "text", "text": self.clean(part.text), **own}

    def _thinking(self, part: ReasoningPart) -> Block | None:
        own = self._own(part)
        if own is None:
            return None
        if "type" in own:
            return dict(own)
        if "signature" not in own:
            self._leave_out(part)
            return None
        return {"type": "thinking", "thinking": self.clean(part.text), **own}

    def _call(self, part: ToolCall) -> Block:
        own = (self._own(part) if part.state else None) or {}
        call_id = self._id(part.id)
        if "toolset_name" in own:
            self._toolsets[call_id] = own["toolset_name"]
        arguments = arguments_object(self.clean(part.arguments), self.where)
        return {"type": "tool_use", "id": call_id, "name": self.clean(part.name), "input": arguments, **own}

    def _server_call(self, part: ServerToolCall) -> Block | None:
        own = self._own(part)
        if own is None:
            return None
        arguments = arguments_object(self.clean(part.arguments), self.where)
        return {"type": own.get("type"), "id": part.id, "name": part.name, "input": arguments, **own}

    def _server_result(self, part: ServerToolResult) -> Block | None:
        own = self._own(part)
        if own is None:
            return None
        content = self._raw(self.clean(part.content).encode())
        return {"type": own.get("type"), "tool_use_id": part.tool_call_id, "content": content, **own}

    def _provider_part(self, part: ProviderPart) -> Block | None:
        if not same_issuer(part.issuer, self.target.issuer):
            self._leave_out(part)
            return None
        if part.kind == CONTAINER:
            self.container = self._fields(part.data).get("id")
            return None
        self._fields(part.data)
        return Raw(part.data)

    def _result(self, part: ToolResult) -> Block:
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._id(part.tool_call_id)}
        content = part.content
        if len(content) == 1 and isinstance(content[0], TextPart) and not content[0].cache:
            block["content"] = self.clean(content[0].text)
        elif content:
            block["content"] = [self.block("tool_result", item) for item in content]
        if part.is_error:
            block["is_error"] = True
        if block["tool_use_id"] in self._toolsets:
            block["toolset_name"] = self._toolsets[block["tool_use_id"]]
        return block

    def _media(self, part: ImagePart | AudioPart | FilePart | FileRef) -> Block:
        if isinstance(part, FileRef) and FILES_BETA not in self.betas:
            self.betas.append(FILES_BETA)
        return media_block(part, self.target.provider, self.where)


_Write = Callable[[PartWriter, Any], Block | None]

_USER: dict[type[Any], _Write] = {
    TextPart: PartWriter._text,
    ToolResult: PartWriter._result,
    ImagePart: PartWriter._media,
    AudioPart: PartWriter._media,
    FilePart: PartWriter._media,
    FileRef: PartWriter._media,
    ProviderPart: PartWriter._provider_part,
}
_ASSISTANT: dict[type[Any], _Write] = {
    TextPart: PartWriter._said,
    ReasoningPart: PartWriter._thinking,
    ToolCall: PartWriter._call,
    ServerToolCall: PartWriter._server_call,
    ServerToolResult: PartWriter._server_result,
    ProviderPart: PartWriter._provider_part,
}
