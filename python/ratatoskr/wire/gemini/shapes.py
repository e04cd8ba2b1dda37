"""The parts of `GenerateContentResponse` that are read; unknown fields are ignored.

Follows https://ai.google.dev/api/generate-content and the types of google-genai 3.4 (November 2026). `msgspec.Raw`
keeps bytes where they go back to Google or to the caller as they came.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

Bytes = Raw | UnsetType


def given(raw: Bytes) -> bytes | None:
    """Return the bytes of a field that is there and not null."""
    if raw is UNSET:
        return None
    data = bytes(raw)
    return None if data == b"null" else data


class _Shape(msgspec.Struct, rename="camel", gc=False):
    """A message of Google's API: camelCase on the wire."""


class PartialArg(_Shape):
    """A piece of an argument, by JSON path; only some back-ends stream arguments."""

    json_path: str = "$"
    string_value: str | None = None
    number_value: Raw | UnsetType = UNSET
    bool_value: bool | None = None
    null_value: Raw | UnsetType = UNSET
    will_continue: bool | None = None


class FunctionCall(_Shape):
    """A call of one of the caller's tools."""

    name: str | None = None
    id: str | None = None
    args: Bytes = UNSET
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class Blob(_Shape):
    """Generated media."""

    mime_type: str | None = None
    data: str = ""


class FileData(_Shape):
    """Generated media by address."""

    file_uri: str = ""
    mime_type: str | None = None


class Part(_Shape):
    """One of these kinds, and perhaps a signature."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: Bytes = UNSET
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    executable_code: Bytes = UNSET
    code_execution_result: Bytes = UNSET
    tool_call: Bytes = UNSET
    tool_response: Bytes = UNSET


class Content(_Shape):
    """The parts of a turn, or of a chunk of it."""

    parts: list[Part] | None = None


class Token(_Shape):
    """A token with its log probability."""

    token: str = ""
    log_probability: float | None = None


class TopTokens(_Shape):
    """The likeliest tokens at one place."""

    candidates: list[Token] | None = None


class Logprobs(_Shape):
    """Log probabilities of a chunk."""

    chosen_candidates: list[Token] | None = None
    top_candidates: list[TopTokens] | None = None


class Candidate(_Shape):
    """An answer; we never ask for more than one."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    logprobs_result: Logprobs | None = None
    grounding_metadata: Bytes = UNSET
    citation_metadata: Bytes = UNSET
    url_context_metadata: Bytes = UNSET
    continuation_token: Bytes = UNSET


class PromptFeedback(_Shape):
    """Whether the prompt was blocked."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class UsageMetadata(_Shape):
    """Tokens so far; what is not told is `None`."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None


class Chunk(_Shape):
    """A `GenerateContentResponse`: a whole answer, or one event of a stream."""

    candidates: list[Candidate] | None = None
    usage_metadata: UsageMetadata | None = None
    prompt_feedback: PromptFeedback | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Bytes = UNSET


class RawContent(_Shape):
    """The parts as they came."""

    parts: list[Raw] | None = None


class RawCandidate(_Shape):
    """A candidate whose parts are kept as bytes."""

    content: RawContent | None = None


class RawChunk(_Shape):
    """A chunk whose parts are kept as bytes; read only when one of them has to be kept whole."""

    candidates: list[RawCandidate] | None = None


class Execution(_Shape):
    """What is read of the provider's own calls and their results."""

    id: str | None = None
    outcome: str | None = None
    tool_type: str | None = None
    args: Bytes = UNSET
    response: Bytes = UNSET


class Segment(_Shape):
    """A stretch of the answer, in bytes."""

    part_index: int = 0
    start_index: int = 0
    end_index: int | None = None
    text: str | None = None


class Support(_Shape):
    """Which sources a stretch of the answer has."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class Source(_Shape):
    """A source, whatever kind it is of."""

    uri: str | None = None
    source_uri: str | None = None
    title: str | None = None
    text: str | None = None


class GroundingChunk(_Shape):
    """A source by its kind."""

    web: Source | None = None
    retrieved_context: Source | None = None
    maps: Source | None = None
    image: Source | None = None


class Grounding(_Shape):
    """`groundingMetadata`."""

    grounding_chunks: list[Raw] | None = None
    grounding_supports: list[Raw] | None = None


class CitedSource(_Shape):
    """A source that the answer may recite."""

    start_index: int = 0
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class Recitation(_Shape):
    """`citationMetadata`; the two names are those of the two API versions."""

    citation_sources: list[Raw] | None = None
    citations: list[Raw] | None = None


class UrlRead(_Shape):
    """An address that the model read."""

    retrieved_url: str | None = None


class UrlContext(_Shape):
    """`urlContextMetadata`."""

    url_metadata: list[Raw] | None = None
