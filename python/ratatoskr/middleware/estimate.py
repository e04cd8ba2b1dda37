"""Estimates of tokens: of a request before it is sent, and of an answer whose usage is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from ratatoskr.types.usage import Usage

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.embed import EmbedRequest

__all__ = ["CountInput", "MeanTokens", "estimate_input", "estimate_usage", "largest_output"]

CountInput: TypeAlias = "Callable[[ChatRequest | EmbedRequest, str, str], int]"
"""Returns the input tokens of a request to a provider and model."""

_BYTES_A_TOKEN: Final = 3
"""Fewer than in English prose (about 4), about as many as in code and in Chinese or Japanese (3 bytes a character)."""
_PER_MESSAGE: Final = 8
_PER_IMAGE: Final = 1600
"""An image of about one megapixel. From memory: Anthropic counts width * height / 750, others less."""
_MEDIA_BYTES_A_TOKEN: Final = 16
"""Of audio and files: compressed speech and pages of PDF have more bytes for each token."""
_UNKNOWN_OUTPUT: Final = 1024
"""The output tokens that a limit assumes of a model before its first answer."""
_TEXT: Final = frozenset({"text_part", "reasoning_part"})
_CALLS: Final = frozenset({"tool_call", "server_tool_call"})
_OUTPUT_NAMES: Final = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"})


def estimate_input(request: ChatRequest | EmbedRequest, provider: str = "", model: str = "") -> int:
    """Return about how many tokens the input of a request has, rather too many than too few."""
    messages = getattr(request, "messages", None)
    if messages is None:
        texts: Any = getattr(request, "texts", ())
        return sum(_text_tokens(text) + 2 for text in texts) if isinstance(texts, Sequence) else 0
    count = 0
    for message in messages:
        count += _PER_MESSAGE + _parts_tokens(message.content)
    for tool in getattr(request, "tools", ()):
        count += _json_tokens(getattr(tool, "parameters", None) or getattr(tool, "definition", None))
        count += _text_tokens(getattr(tool, "description", "")) + _PER_MESSAGE
    schema = getattr(request.options.response_format, "schema", None)  # type: ignore[union-attr]  # of a chat
    return count + (_json_tokens(schema) if schema else 0)


def _parts_tokens(parts: Iterable[Any]) -> int:
    count = 0
    for part in parts:
        kind = part.type
        if kind in _TEXT:
            text = part.text
            count -= -(len(text) if text.isascii() else len(text.encode("utf-8", "replace"))) // _BYTES_A_TOKEN
        elif kind in _CALLS:
            count += _text_tokens(part.name) + _text_tokens(part.arguments) + _PER_MESSAGE
        elif kind == "tool_result":
            count += _parts_tokens(part.content) + _PER_MESSAGE
        elif kind == "server_tool_result":
            count += _text_tokens(part.content)
        elif kind == "image_part":
            count += _PER_IMAGE
        else:
            data = getattr(part, "data", None)
            count += len(data) // _MEDIA_BYTES_A_TOKEN if data else _PER_IMAGE
    return count


def _text_tokens(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // _BYTES_A_TOKEN)


def _json_tokens(value: Any) -> int:
    return len(msgspec.json.encode(value, enc_hook=_to_builtin)) // _BYTES_A_TOKEN if value else 0


def _to_builtin(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else str(value)


def largest_output(request: ChatRequest | EmbedRequest) -> int | None:
    """Return the most output tokens that a request allows, as far as it says; an embedding has none."""
    options = getattr(request, "options", None)
    if options is None:
        return 0
    most: int | None = options.max_tokens
    raw = options.raw_provider_options
    if not raw:
        return most
    config = raw.get("generationConfig")
    for place in (raw, config if hasattr(config, "items") else {}):
        for name, value in place.items():
            if name in _OUTPUT_NAMES and isinstance(value, int):
                most = value
    answers = raw.get("n")
    return most * answers if most is not None and isinstance(answers, int) and answers > 1 else most


def estimate_usage(input_tokens: int, response: ChatResponse[Any] | None) -> Usage:
    """Return the usage of an answer from what it says and from what has come of it."""
    usage = Usage() if response is None else response.usage
    output = 0 if response is None else _parts_tokens(response.message.content)
    return Usage(
        input_tokens if usage.input_tokens is None else usage.input_tokens,
        max(output, usage.output_tokens or 0),
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        "estimated",
        details=usage.details,
    )


class MeanTokens:
    """What the answers of one model have had: the mean of the output, and how far the estimate of the input was off.

    The last twenty count most, so that a change of what is asked shows.
    """

    __slots__ = ("_count", "_input_ratio", "_output")

    def __init__(self) -> None:
        self._count = 0
        self._output = 0.0
        self._input_ratio = 0.0

    def add(self, estimated_input: int, usage: Usage) -> None:
        """Add an answer."""
        if usage.output_tokens is None or usage.input_tokens is None:
            return
        self._count = count = self._count + 1
        share = 1 / count if count < 20 else 0.05
        self._output += (usage.output_tokens - self._output) * share
        ratio = usage.input_tokens / (estimated_input or 1)
        self._input_ratio += (ratio - self._input_ratio) * share

    def output(self) -> int:
        """Return the mean of the output, rounded up; before the first answer, an assumption."""
        return int(self._output) + 1 if self._count else _UNKNOWN_OUTPUT

    def correct(self, estimated_input: int) -> int:
        """Return an estimate of the input, larger where the answers have had more than was estimated."""
        return round(estimated_input * self._input_ratio) if self._input_ratio > 1.0 else estimated_input
