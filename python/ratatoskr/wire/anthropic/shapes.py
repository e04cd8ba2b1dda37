"""What Anthropic Messages sends, as typed structs; unknown fields are ignored, opaque ones kept as bytes.

Follows https://docs.anthropic.com/en/api/messages and …/messages-streaming, and the types of the official Python SDK
2.12 (read November 2026).
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from ratatoskr.errors import MalformedResponse

Fields = dict[str, Raw]
"""A JSON object whose values stay bytes."""

NOTHING = Raw(b"null")


class Details(Struct, gc=False):
    """How the tokens of an answer were spent."""

    thinking_tokens: int | None = None


class Tokens(Struct, gc=False):
    """Cumulative totals; the three kinds of input are disjoint, thinking is inside the output."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: Details | None = None


class Stop(Struct, gc=False):
    """Words about a refusal."""

    category: str | None = None
    explanation: str | None = None


class Message(Struct):
    """A whole answer, or its frame at the start of a stream."""

    type: str = ""
    id: str | None = None
    model: str | None = None
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_details: Stop | None = None
    usage: Tokens | None = None
    container: Raw = NOTHING
    context_management: Raw = NOTHING
    input_transformations: Raw = NOTHING
    diagnostics: Raw = NOTHING
    error: Raw = NOTHING


class Delta(Struct, gc=False):
    """The piece that an event brings: of a block, or of the message's end."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: Raw = NOTHING
    citation: Raw = NOTHING
    stop_reason: str | None = None
    stop_details: Stop | None = None
    container: Raw = NOTHING


class Event(Struct, gc=False):
    """Any event of a stream."""

    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Raw = NOTHING
    message: Message | None = None
    usage: Tokens | None = None
    context_management: Raw = NOTHING
    input_transformations: Raw = NOTHING
    error: Raw = NOTHING


class Kind(Struct, gc=False):
    """The least that an event says."""

    type: str = ""


class Unfolded(Struct, gc=False):
    """An event whose delta is of a kind that has no word here."""

    delta: Fields


class Source(Struct, gc=False):
    """A citation, of any kind."""

    url: str | None = None
    source: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None


def said(raw: Raw | None) -> bool:
    """Tell whether a field was there and not null."""
    return raw is not None and bytes(raw) != b"null"


def object_of(fields: Fields) -> bytes:
    """Return an object as JSON text, every value byte for byte."""
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + bytes(value) for name, value in fields.items()) + b"}"


def need(fields: Fields, name: str, kind: str) -> Raw:
    """Return a field that a block cannot be without."""
    value = fields.get(name)
    if value is None:
        raise MalformedResponse(f"a {kind} block without {name}")
    return value
