"""The JSON of answers as structs. Unknown members are ignored; what must keep its bytes is `msgspec.Raw`."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

Base64: TypeAlias = bytes
"""Bytes as text; the name of a member hides the type's own."""


class Function(Struct, gc=False):
    """The function of a call: arguments as JSON text, or on some hosts as the object itself."""

    name: str | None = None
    arguments: Raw | UnsetType = UNSET


class Custom(Struct, gc=False):
    """The free text for a tool that takes no JSON."""

    name: str | None = None
    input: str | None = None


class Call(Struct, gc=False):
    """A call of a tool, or a piece of one; HuggingFace's TGI has known numbers as ids."""

    index: int | None = None
    id: str | int | None = None
    type: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Raw | UnsetType = UNSET


class Audio(Struct, gc=False):
    """Spoken output."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None


class Said(Struct, gc=False):
    """A message, or a delta of one: both have the same members; TGI has streamed a call without the list around it."""

    content: str | list[Raw] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[Raw] | None = None
    refusal: str | None = None
    tool_calls: list[Call] | Call | None = None
    function_call: Function | None = None
    annotations: list[Raw] | None = None
    images: list[Raw] | None = None
    audio: Audio | None = None
    executed_tools: list[Raw] | None = None
    extra_content: Raw | UnsetType = UNSET


class Token(Struct, gc=False):
    """A token and its log probability; some hosts behind HuggingFace write its bytes as base64."""

    token: str
    logprob: float | None = None
    bytes: list[int] | Base64 | None = None
    top_logprobs: list[Token] | None = None


class Logprobs(Struct, gc=False):
    """Log probabilities; the last two members are the form of the old completions."""

    content: list[Token] | None = None
    refusal: list[Token] | None = None
    tokens: list[str | None] | None = None
    token_logprobs: list[float | None] | None = None


class Choice(Struct, gc=False):
    """One of the answers: `message` when whole, `delta` in a stream."""

    index: int | None = None
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    logprobs: Logprobs | float | None = None
    error: Any = None


class PromptDetails(Struct, gc=False):
    """Parts of the prompt's tokens; `cache_creation_input_tokens` is Alibaba's word for cache writes."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class CompletionDetails(Struct, gc=False):
    """Parts of the answer's tokens."""

    reasoning_tokens: int | None = None


class Spent(Struct, gc=False):
    """Usage; Moonshot, DeepSeek and Mistral (the latter two ways) have words of their own for cache reads."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    num_cached_tokens: int | None = None
    prompt_token_details: PromptDetails | None = None
    reasoning_tokens: int | None = None
    cost: Raw | UnsetType = UNSET


class Groq(Struct, gc=False):
    """What Groq puts beside the protocol."""

    usage: Spent | None = None
    error: Any = None


class Answered(Struct, gc=False):
    """A whole response, or a chunk of a stream: both have the same members."""

    id: str | int | None = None
    object: str | None = None
    created: int | float | str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Spent | None = None
    error: Any = None
    x_groq: Groq | None = None
    citations: list[Raw] | None = None
