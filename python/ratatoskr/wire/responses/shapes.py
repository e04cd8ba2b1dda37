"""The JSON of responses as structs. Unknown members are ignored; what must be kept byte for byte is `msgspec.Raw`.

The names are those of https://platform.openai.com/docs/api-reference/responses and of the official SDK (November 2026).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.wire.json import Count, decode, drop_odd_members

ABSENT = Raw(b"")
"""The value of a missing member, as msgspec does not support `Raw | None`; see `raw_or_none`."""

MINOR = frozenset(
    {
        "annotations",
        "content_index",
        "created_at",
        "item_id",
        "logprobs",
        "model",
        "output_index",
        "service_tier",
        "summary_index",
        "usage",
    }
)
"""The members, and `id` of the response, without which an answer is still complete."""

RESPONSE_MINOR = MINOR | {"id"}
"""`MINOR` of a response itself, whose items are `Raw`."""

ITEM_MINOR = frozenset({"call_id", "environment", "id", "status"})
"""The members of an item without which its content is still complete."""

Index: TypeAlias = Annotated[int, Meta(ge=0)]


class TypeTag(Struct):
    """The type of any object."""

    type: str = ""


class ResponseStreamEvent(Struct):
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
    annotation: Raw = ABSENT
    item: Raw = ABSENT
    response: Raw = ABSENT
    error: Raw = ABSENT


class Logprob(Struct):
    """A token, its log probability, and the most likely tokens at its position."""

    token: str | None = None
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: list[Logprob] | None = None


class Response(Struct):
    """A complete response, or the one in the last event of a stream."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: ResponseUsage | None = None
    service_tier: str | None = None
    error: Raw = ABSENT
    incomplete_details: IncompleteDetails | None = None


class CreatedResponse(Struct):
    """The members of a response that are read from `response.created`."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None


class IncompleteDetails(Struct):
    """Why a response is incomplete."""

    reason: str | None = None


class CostDetails(Struct):
    """What the providers behind OpenRouter bill."""

    upstream_inference_cost: Decimal | None = None


class ResponseUsage(Struct):
    """Token counts; OpenRouter adds the cost in USD, xAI in ticks, of which a dollar has 10^10."""

    input_tokens: Count | None = None
    input_tokens_details: InputTokensDetails | None = None
    output_tokens: Count | None = None
    output_tokens_details: OutputTokensDetails | None = None
    cost: Decimal | None = None
    is_byok: bool | None = None
    cost_details: CostDetails | None = None
    cost_in_usd_ticks: Count | None = None


class CacheWriteTokensDetails(Struct):
    """How long the tokens that were written to the cache are kept."""

    ttl_12h_tokens: Count | None = None


class InputTokensDetails(Struct):
    """Details of the input tokens."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    cache_write_tokens_details: CacheWriteTokensDetails | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class OutputTokensDetails(Struct):
    """Details of the output tokens."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class OutputItem(Struct):
    """The members that output items have beside their content."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    status: str | None = None
    environment: TypeTag | None = None


class ResponseOutputMessage(Struct):
    """A message of the assistant."""

    content: list[Raw] | None = None


class OutputContent(Struct):
    """One part of a message: `output_text`, `refusal`, or another type."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    logprobs: list[Logprob] | None = None


class Annotation(Struct):
    """A source: `url_citation`, `file_citation`, `container_file_citation`, `file_path`."""

    url: str | None = None
    title: str | None = None
    filename: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class ResponseReasoningItem(Struct):
    """Reasoning: a summary, its text, or only encrypted content."""

    summary: list[ReasoningText] | None = None
    content: list[ReasoningText] | None = None


class ReasoningText(Struct):
    """A section of the summary or content of a reasoning item."""

    text: str | None = None


class ToolCallItem(Struct):
    """A `function_call`, or a `custom_tool_call`, whose input is free text."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None

    @property
    def input_text(self) -> str:
        """The arguments or the input."""
        return (self.input if self.type == "custom_tool_call" else self.arguments) or ""


class BuiltInToolItem(Struct):
    """A call of a built-in tool, or the output of one; the meaning of the members depends on the type."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    status: str | None = None
    execution: str | None = None
    arguments: Raw = ABSENT
    action: Raw = ABSENT
    actions: Raw = ABSENT
    operation: Raw = ABSENT
    queries: Raw = ABSENT
    code: Raw = ABSENT
    results: Raw = ABSENT
    outputs: Raw = ABSENT
    output: Raw = ABSENT
    tools: Raw = ABSENT
    error: Raw = ABSENT
    environment: TypeTag | None = None


class ImageGenerationCall(Struct):
    """An `image_generation_call`."""

    result: str | None = None
    output_format: str | None = None


def raw_or_none(raw: Raw) -> bytes | None:
    """Return a member's JSON; `None` if it is missing or `null`."""
    data = bytes(raw)
    return None if not data or data == b"null" else data


def read_item(raw: Raw, notices: list[Notice]) -> tuple[OutputItem, Raw]:
    """Return the head of an output item, and the item without minor members of an unexpected form.

    A notice is added for each of those; without any, the item is returned as it came.
    """
    try:
        return decode(OutputItem, bytes(raw)), raw
    except MalformedResponse:
        data = drop_odd_members(OutputItem, bytes(raw), ITEM_MINOR, notices)
        return decode(OutputItem, data), Raw(data)


def decode_members(data: bytes | Raw) -> dict[str, Raw]:
    """Return the members of a JSON object, each byte for byte; raise `MalformedResponse` if it is not an object."""
    return decode(dict[str, Raw], bytes(data))
