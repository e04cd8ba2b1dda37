"""The JSON of the Responses API as typed structs; unknown fields are ignored, what must return unchanged stays raw.

Follows https://platform.openai.com/docs/api-reference/responses and the types of the official SDK (November 2026).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct

from ratatoskr.wire.json import decode

NOTHING = Raw(b"")
"""What a field that did not come holds; `present` also takes `null` for that. (msgspec decodes no `Raw | None`.)"""

Index: TypeAlias = Annotated[int, Meta(ge=0)]


class Named(Struct):
    """The one field that everything has."""

    type: str = ""


class Event(Struct):
    """Any event of a stream."""

    type: str = ""
    output_index: int | None = None
    item_id: str | None = None
    content_index: Index | None = None
    summary_index: Index | None = None
    delta: str | None = None
    logprobs: list[Logprob] | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    annotation: Raw = NOTHING
    item: Raw = NOTHING
    response: Raw = NOTHING
    error: Raw = NOTHING


class Logprob(Struct):
    """A token and the likeliest others at its place."""

    token: str | None = None
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: list[Logprob] | None = None


class Response(Struct):
    """A whole response, or the one inside a terminal event."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: Used | None = None
    service_tier: str | None = None
    error: Raw = NOTHING
    incomplete_details: Incomplete | None = None


class Opening(Struct):
    """What `response.created` says of a response."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None


class Incomplete(Struct):
    """Why a response stopped early."""

    reason: str | None = None


class Used(Struct):
    """Tokens; OpenRouter adds what it billed, in US dollars."""

    input_tokens: int | None = None
    input_tokens_details: InputTokens | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputTokens | None = None
    cost: Decimal | None = None


class InputTokens(Struct):
    """Parts of the input's tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputTokens(Struct):
    """Parts of the output's tokens."""

    reasoning_tokens: int | None = None


class ItemHead(Struct):
    """What tells one output item from another."""

    type: str = ""
    id: str | None = None


class MessageItem(Struct):
    """Words of the assistant."""

    content: list[Raw] | None = None


class Content(Struct):
    """One part of a message."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    logprobs: list[Logprob] | None = None


class Annotation(Struct):
    """Where words come from: `url_citation`, `file_citation`, `container_file_citation`, `file_path`."""

    url: str | None = None
    title: str | None = None
    filename: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class ReasoningItem(Struct):
    """Thinking: a summary, its text, or neither beside the encrypted state."""

    summary: list[Said] | None = None
    content: list[Said] | None = None


class Said(Struct):
    """A text inside a reasoning item."""

    text: str | None = None


class CallItem(Struct):
    """A call of a function, or of a custom tool whose input is free text."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None

    @property
    def words(self) -> str:
        """What the model wrote for the tool."""
        return (self.input if self.type == "custom_tool_call" else self.arguments) or ""


class ToolItem(Struct):
    """Any other item that is a call or a result of one; what each field holds depends on the type."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    status: str | None = None
    execution: str | None = None
    arguments: Raw = NOTHING
    action: Raw = NOTHING
    actions: Raw = NOTHING
    operation: Raw = NOTHING
    queries: Raw = NOTHING
    code: Raw = NOTHING
    results: Raw = NOTHING
    outputs: Raw = NOTHING
    output: Raw = NOTHING
    tools: Raw = NOTHING
    error: Raw = NOTHING
    environment: Named | None = None


class GeneratedImage(Struct):
    """An `image_generation_call`."""

    result: str | None = None
    output_format: str | None = None


def present(raw: Raw) -> bytes | None:
    """Return a field's JSON text; `None` if it is absent or `null`."""
    data = bytes(raw)
    return None if not data or data == b"null" else data


def fields_of(data: bytes | Raw) -> dict[str, Raw]:
    """Return the members of a JSON object, each byte for byte; `MalformedResponse` if it is none."""
    return decode(dict[str, Raw], bytes(data))
