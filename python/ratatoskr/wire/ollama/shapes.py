"""What is read of Ollama's answers; unknown fields are ignored.

Follows https://github.com/ollama/ollama/blob/main/docs/api.md and the types of ollama-python 0.6 (November 2026).
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Function(msgspec.Struct, gc=False):
    """Which tool, with which arguments: an object, kept as the model wrote it."""

    name: str | None = None
    arguments: Raw | UnsetType = UNSET


class ToolCall(msgspec.Struct, gc=False):
    """A call, whole; older daemons send no id."""

    function: Function | None = None
    id: str | None = None


class Message(msgspec.Struct, gc=False):
    """The assistant's turn, or more of it."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None
    images: list[str] | None = None


class Token(msgspec.Struct, gc=False):
    """A token with its log probability."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[Token] | None = None


class Line(msgspec.Struct, gc=False):
    """A line of a stream, or a whole answer, of `/api/chat` and of `/api/generate`."""

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
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: list[Token] | None = None
    error: Raw | UnsetType = UNSET
