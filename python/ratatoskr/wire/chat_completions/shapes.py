"""The JSON of responses as structs. Unknown members are ignored; what must be kept byte for byte is `msgspec.Raw`.

The names are those of https://platform.openai.com/docs/api-reference/chat and of the official SDK (November 2026).
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ratatoskr.wire.json import Count

Base64: TypeAlias = bytes
"""The type `bytes`, which msgspec decodes from base64, in classes with a member of that name."""


MINOR = frozenset(
    {
        "annotations",
        "base_resp",
        "citations",
        "created",
        "executed_tools",
        "id",
        "index",
        "logprobs",
        "model",
        "native_finish_reason",
        "object",
        "refusal",
        "service_tier",
        "type",
        "usage",
        "x_groq",
    }
)
"""The members without which an answer is still complete; `None` if they have an unexpected form."""


class Function(Struct, gc=False):
    """The function of a call: its arguments are JSON text, or on some hosts a JSON object."""

    name: str | None = None
    arguments: Raw | UnsetType = UNSET


class Custom(Struct, gc=False):
    """The call of a custom tool, whose input is free text."""

    name: str | None = None
    input: str | None = None


class ChatCompletionMessageToolCall(Struct, gc=False):
    """A tool call, or a delta of one; HuggingFace's TGI has sent numbers as ids, and some hosts -1 as the index."""

    index: int | None = None
    id: str | int | None = None
    type: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Raw | UnsetType = UNSET


class ChatCompletionAudio(Struct, gc=False):
    """Spoken output."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None


class Delta(Struct, gc=False):
    """A message, or a delta of one: both have the same members. TGI has streamed `tool_calls` without the list."""

    content: str | list[Raw] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_text: str | None = None
    reasoning_details: list[Raw] | None = None
    reasoning_opaque: Raw | UnsetType = UNSET
    reasoning_encrypted: Raw | UnsetType = UNSET
    thinking_blocks: Raw | UnsetType = UNSET
    refusal: str | None = None
    tool_calls: list[ChatCompletionMessageToolCall] | ChatCompletionMessageToolCall | None = None
    function_call: Function | None = None
    annotations: list[Raw] | None = None
    images: list[Raw] | None = None
    audio: ChatCompletionAudio | None = None
    executed_tools: list[Raw] | None = None
    extra_content: Raw | UnsetType = UNSET


class ChatCompletionTokenLogprob(Struct, gc=False):
    """A token and its log probability; some hosts behind HuggingFace send its bytes as base64."""

    token: str
    logprob: float | None = None
    bytes: list[int] | Base64 | None = None
    top_logprobs: list[ChatCompletionTokenLogprob] | None = None


class ChoiceLogprobs(Struct, gc=False):
    """Log probabilities; the last two members are those of the older Completions API."""

    content: list[ChatCompletionTokenLogprob] | None = None
    refusal: list[ChatCompletionTokenLogprob] | None = None
    tokens: list[str | None] | None = None
    token_logprobs: list[float | None] | None = None


class Choice(Struct, gc=False):
    """One choice: with a `message` in a complete response, with a `delta` in a stream."""

    index: Count | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: ChoiceLogprobs | float | None = None
    error: Any = None


class CacheWriteTokensDetails(Struct, gc=False):
    """How long the tokens that were written to the cache are kept."""

    ttl_12h_tokens: Count | None = None


class PromptTokensDetails(Struct, gc=False):
    """Details of the prompt tokens; `cache_creation_input_tokens` are cache writes at Alibaba."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_write_tokens_details: CacheWriteTokensDetails | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None
    video_tokens: Count | None = None


class CompletionTokensDetails(Struct, gc=False):
    """Details of the completion tokens."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class ServerToolUse(Struct, gc=False):
    """How often the provider ran its tools."""

    web_search_requests: Count | None = None


class CostDetails(Struct, gc=False):
    """What the providers behind OpenRouter bill."""

    upstream_inference_cost: Raw | UnsetType = UNSET


class CompletionUsage(Struct, gc=False):
    """Token counts; for cache reads Moonshot, DeepSeek and Mistral (which has two) have members of their own."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
    cached_tokens: Count | None = None
    prompt_cache_hit_tokens: Count | None = None
    num_cached_tokens: Count | None = None
    prompt_token_details: PromptTokensDetails | None = None
    reasoning_tokens: Count | None = None
    server_tool_use: ServerToolUse | None = None
    cost: Raw | UnsetType = UNSET
    is_byok: bool | None = None
    cost_details: CostDetails | None = None
    cost_in_usd_ticks: Count | None = None


class XGroq(Struct, gc=False):
    """Groq's extension of a response."""

    usage: CompletionUsage | None = None
    error: Any = None


class BaseResp(Struct, gc=False):
    """MiniMax's report on a request; a status code other than 0 is an error."""

    status_code: int | None = None


class ChatCompletion(Struct, gc=False):
    """A complete response, or a `ChatCompletionChunk` of a stream: both have the same members."""

    id: str | int | None = None
    object: str | None = None
    created: int | float | str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    service_tier: str | None = None
    usage: CompletionUsage | None = None
    error: Any = None
    x_groq: XGroq | None = None
    citations: list[Raw] | None = None
    base_resp: BaseResp | None = None

    @property
    def is_error(self) -> bool:
        """Whether it reports an error in place of an answer."""
        return bool(self.error) or (self.base_resp is not None and bool(self.base_resp.status_code))
