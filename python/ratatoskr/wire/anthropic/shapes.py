"""The objects of Anthropic Messages that are read; unknown fields are ignored, opaque ones kept as bytes.

Follows https://docs.anthropic.com/en/api/messages and …/messages-streaming, and the types of the official Python SDK
2.12 (read November 2026).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.json import Count

RawObject: TypeAlias = dict[str, Raw]
"""A JSON object whose values stay bytes."""

NULL = Raw(b"null")


MINOR = frozenset({"id", "model", "stop_details", "usage"})
"""The members without which an answer is still complete; `None` if they have an unexpected form."""


class OutputTokensDetails(Struct, gc=False):
    """What the output tokens were used for."""

    thinking_tokens: Count | None = None


class CacheCreation(Struct, gc=False):
    """The tokens that were written to the cache, by how long they are kept."""

    ephemeral_1h_input_tokens: Count | None = None


class ServerToolUse(Struct, gc=False):
    """How often the provider ran its tools."""

    web_search_requests: Count | None = None


class IterationUsage(Struct, gc=False):
    """The token counts of one sampling of the model within a request."""

    type: str = "message"
    input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation: CacheCreation | None = None


class Usage(Struct, gc=False):
    """Cumulative token counts; the three counts of input are disjoint, the output includes thinking.

    The counts include the iterations of type `message`, but not those of any other type: compactions of the context,
    and turns of an advisor model (as in every recorded response that has such iterations, November 2026).
    """

    input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    output_tokens: Count | None = None
    output_tokens_details: OutputTokensDetails | None = None
    iterations: list[IterationUsage] | None = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerToolUse | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None


class StopDetails(Struct, gc=False):
    """Why the model refused."""

    category: str | None = None
    explanation: str | None = None


class Message(Struct):
    """A whole response, or the message without content at the start of a stream."""

    id: str | None = None
    model: str | None = None
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None
    container: Raw = NULL
    context_management: Raw = NULL
    input_transformations: Raw = NULL
    diagnostics: Raw = NULL
    error: Raw = NULL


class Delta(Struct, gc=False):
    """The `delta` of a `content_block_delta` or a `message_delta` event."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: Raw = NULL
    citation: Raw = NULL
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    container: Raw = NULL


class MessageStreamEvent(Struct, gc=False):
    """An event of a stream, of any type."""

    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Raw = NULL
    message: Message | None = None
    usage: Usage | None = None
    context_management: Raw = NULL
    input_transformations: Raw = NULL
    error: Raw = NULL


class RawDeltaEvent(Struct, gc=False):
    """A `content_block_delta` event whose delta has an unknown type."""

    delta: RawObject


class TypedObject(Struct, gc=False):
    """The type of an object that is not read further."""

    type: str = ""


class TextCitation(Struct, gc=False):
    """A citation of any type."""

    url: str | None = None
    source: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None


def is_set(raw: Raw | None) -> bool:
    """Return whether a field is present and not null."""
    return raw is not None and bytes(raw) != b"null"


def encode_object(fields: RawObject) -> bytes:
    """Return an object as JSON text, every value byte for byte."""
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + bytes(value) for name, value in fields.items()) + b"}"


def require_field(fields: RawObject, name: str, block_type: str) -> Raw:
    """Return a field of a content block; raise `MalformedResponse` if it is missing."""
    value = fields.get(name)
    if value is None:
        raise MalformedResponse(f"a {block_type} block without {name}")
    return value
