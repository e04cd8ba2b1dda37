"""The objects of Gemini's API that are read; unknown fields are ignored.

Follows https://ai.google.dev/api/generate-content and the types of google-genai 3.4 (November 2026). `msgspec.Raw`
keeps the bytes of what goes back to Google, or to the caller, as it came.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ratatoskr.wire.json import Count

OptionalRaw: TypeAlias = Raw | UnsetType

MINOR = frozenset(
    {
        "blockReason",
        "blockReasonMessage",
        "finishMessage",
        "id",
        "index",
        "logprobsResult",
        "modelVersion",
        "outcome",
        "promptFeedback",
        "responseId",
        "toolType",
        "usageMetadata",
    }
)
"""The members without which an answer is still complete; `None` if they have an unexpected form."""

CONTINUATION = "continuationToken"
"""The kind of the `ProviderPart` that holds the token with which an answer that was cut off is continued."""


def bytes_or_none(raw: OptionalRaw) -> bytes | None:
    """Return the bytes of a field, or `None` if it is missing or null."""
    if raw is UNSET:
        return None
    data = bytes(raw)
    return None if data == b"null" else data


class _Object(msgspec.Struct, rename="camel", gc=False):
    """An object of Google's API: camelCase on the wire."""


class PartialArg(_Object):
    """A piece of an argument, addressed by JSON path (Vertex AI, `streamFunctionCallArguments`)."""

    json_path: str = "$"
    string_value: str | None = None
    number_value: OptionalRaw = UNSET
    bool_value: bool | None = None
    null_value: OptionalRaw = UNSET
    will_continue: bool | None = None


class FunctionCall(_Object):
    """A call of one of the caller's tools."""

    name: str | None = None
    id: str | None = None
    args: OptionalRaw = UNSET
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class Blob(_Object):
    """Generated media, inline."""

    mime_type: str | None = None
    data: str = ""


class FileData(_Object):
    """Generated media, by URI."""

    file_uri: str = ""
    mime_type: str | None = None


class Part(_Object):
    """A part of a message: one of these kinds of data, and maybe a signature."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: OptionalRaw = UNSET
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    executable_code: OptionalRaw = UNSET
    code_execution_result: OptionalRaw = UNSET
    tool_call: OptionalRaw = UNSET
    tool_response: OptionalRaw = UNSET


class Content(_Object):
    """The parts of a message, or the next of them."""

    parts: list[Part] | None = None


class LogprobsCandidate(_Object):
    """A token with its log probability."""

    token: str = ""
    log_probability: float | None = None


class TopCandidates(_Object):
    """The most likely tokens at one position."""

    candidates: list[LogprobsCandidate] | None = None


class LogprobsResult(_Object):
    """The log probabilities of the tokens of one response."""

    chosen_candidates: list[LogprobsCandidate] | None = None
    top_candidates: list[TopCandidates] | None = None


class Candidate(_Object):
    """An answer; no request asks for more than one."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: Count | None = None
    logprobs_result: LogprobsResult | None = None
    grounding_metadata: OptionalRaw = UNSET
    citation_metadata: OptionalRaw = UNSET
    url_context_metadata: OptionalRaw = UNSET
    continuation_token: OptionalRaw = UNSET


class PromptFeedback(_Object):
    """Whether the prompt was blocked."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class ModalityTokenCount(_Object):
    """The tokens of one kind of input or output: `TEXT`, `IMAGE`, `AUDIO`, `VIDEO`, `DOCUMENT`."""

    modality: str | None = None
    token_count: Count | None = None


class UsageMetadata(_Object):
    """Tokens so far; a count that was not reported is `None`."""

    prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    candidates_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    total_token_count: Count | None = None
    prompt_tokens_details: list[ModalityTokenCount] | None = None
    cache_tokens_details: list[ModalityTokenCount] | None = None
    candidates_tokens_details: list[ModalityTokenCount] | None = None
    tool_use_prompt_tokens_details: list[ModalityTokenCount] | None = None
    service_tier: str | None = None


class GenerateContentResponse(_Object):
    """A whole response, or one event of a stream."""

    candidates: list[Candidate] | None = None
    usage_metadata: UsageMetadata | None = None
    prompt_feedback: PromptFeedback | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: OptionalRaw = UNSET


class RawContent(_Object):
    """A `Content` whose parts stay bytes."""

    parts: list[Raw] | None = None


class RawCandidate(_Object):
    """A `Candidate` whose parts stay bytes."""

    content: RawContent | None = None


class RawResponse(_Object):
    """A `GenerateContentResponse` whose parts stay bytes; read only if one of them has to be kept as it came."""

    candidates: list[RawCandidate] | None = None


class ToolInvocation(_Object):
    """The fields read of `ExecutableCode`, `CodeExecutionResult`, `ToolCall` and `ToolResponse`."""

    id: str | None = None
    outcome: str | None = None
    tool_type: str | None = None
    args: OptionalRaw = UNSET
    response: OptionalRaw = UNSET


class Segment(_Object):
    """A segment of the answer; indices count bytes."""

    part_index: int = 0
    start_index: int = 0
    end_index: int | None = None
    text: str | None = None


class GroundingSupport(_Object):
    """The sources of a segment."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class GroundingSource(_Object):
    """The fields read of `Web`, `RetrievedContext`, `Maps` and `Image`."""

    uri: str | None = None
    source_uri: str | None = None
    title: str | None = None
    text: str | None = None


class GroundingChunk(_Object):
    """A source of the answer, by its kind."""

    web: GroundingSource | None = None
    retrieved_context: GroundingSource | None = None
    maps: GroundingSource | None = None
    image: GroundingSource | None = None


class GroundingMetadata(_Object):
    """Sources, and the segments of the answer that they support."""

    grounding_chunks: list[Raw] | None = None
    grounding_supports: list[Raw] | None = None


class SearchMetadata(_Object):
    """The searches of the web that an answer is grounded in."""

    web_search_queries: list[str] | None = None


class CitationSource(_Object):
    """A source that the answer may recite."""

    start_index: int = 0
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class CitationMetadata(_Object):
    """Sources that the answer may recite; the two fields are those of the two versions of the API."""

    citation_sources: list[Raw] | None = None
    citations: list[Raw] | None = None


class UrlMetadata(_Object):
    """A URL that the model has read."""

    retrieved_url: str | None = None


class UrlContextMetadata(_Object):
    """The URLs that the model has read."""

    url_metadata: list[Raw] | None = None
