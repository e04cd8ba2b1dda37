"""The objects of Ollama's API that are read; unknown fields are ignored.

Follows https://github.com/ollama/ollama/blob/main/docs/api.md and the types of ollama-python 0.6 (November 2026).
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ratatoskr.wire.json import Count

MINOR = frozenset({"created_at", "eval_count", "id", "logprobs", "model", "prompt_eval_count"})
"""The members without which an answer is still complete; `None` if they have an unexpected form."""


class Function(msgspec.Struct, gc=False):
    """The function of a tool call; its arguments stay as the model wrote them."""

    name: str | None = None
    arguments: Raw | UnsetType = UNSET


class ToolCall(msgspec.Struct, gc=False):
    """A complete tool call; older versions of Ollama send no id."""

    function: Function | None = None
    id: str | None = None


class Message(msgspec.Struct, gc=False):
    """The assistant's message, or the next piece of it."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None
    images: list[str] | None = None


class Logprob(msgspec.Struct, gc=False):
    """A token with its log probability."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[Logprob] | None = None


class ChatResponse(msgspec.Struct, gc=False):
    """The response of `/api/chat` or `/api/generate`: the whole body, or one line of a stream.

    The fields `response`, `thinking`, `tool_calls`, `context` and `image` are those of a `GenerateResponse`.
    """

    message: Message | None = None
    response: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None
    context: Raw | UnsetType = UNSET
    image: str | None = None
    done: bool | None = None
    done_reason: str | None = None
    model: str | None = None
    created_at: str | None = None
    prompt_eval_count: Count | None = None
    eval_count: Count | None = None
    logprobs: list[Logprob] | None = None
    error: Raw | UnsetType = UNSET
