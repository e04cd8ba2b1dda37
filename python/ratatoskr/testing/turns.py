"""What a scripted upstream answers, and what it parsed from a request.

A `ScriptedTurn` describes an answer of the model without regard to a provider; `dialects/` encodes it for each one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ratatoskr.errors import ConfigurationError

Texts = str | Sequence[str]
"""A text, which is split into `ScriptedTurn.deltas` pieces, or the pieces themselves."""

_json = msgspec.json.Encoder()


def encode_json(value: Any) -> bytes:
    """Return compact JSON; a lone surrogate is escaped, as providers do.

    Raises:
        ConfigurationError: the value has no JSON form.
    """
    try:
        try:
            return _json.encode(value)
        except UnicodeEncodeError:
            return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"no JSON form: {error}") from None


def join_text(text: Texts) -> str:
    """Return the text, joined if it is given in pieces."""
    return text if isinstance(text, str) else "".join(text)


def split_text(text: Texts, count: int) -> list[str]:
    """Return the text in at most `count` pieces of nearly equal length, or the given pieces."""
    if not isinstance(text, str):
        return list(text)
    if not text:
        return []
    size = max(1, -(-len(text) // max(1, count)))
    return [text[start : start + size] for start in range(0, len(text), size)]


@dataclass(frozen=True, slots=True)
class ScriptedToolCall:
    """A call of one of the caller's tools, as a scripted model makes it.

    Attributes:
        name: The name of the tool.
        arguments: An object, or the JSON text as the model wrote it (it may be invalid), as one string or in pieces.
        id: The id of the call; default: generated in the form that the dialect uses.
        signature: Gemini's thought signature of this call; default: generated where Gemini sends one.
    """

    name: str
    arguments: Mapping[str, Any] | Texts = field(default_factory=dict)
    id: str | None = None
    signature: str | None = None

    @property
    def json(self) -> Texts:
        """The arguments as JSON text."""
        return encode_json(self.arguments).decode() if isinstance(self.arguments, Mapping) else self.arguments


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """The usage of a turn in disjoint counts; each dialect adds them up as its provider does."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total_input(self) -> int:
        """All input tokens, cached ones included."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total_output(self) -> int:
        """All output tokens, reasoning included."""
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True, kw_only=True)
class _TurnOptions:
    """The keyword-only fields of `ScriptedTurn`."""

    reasoning: Texts = ""
    tool_calls: Sequence[ScriptedToolCall] = ()
    refusal: str = ""
    finish: str | None = None
    usage: TokenCounts | None = None
    signature: str | None = None
    blocks: Sequence[Mapping[str, Any]] = ()
    deltas: int = 4
    pace: float = 0.0
    delay: float = 0.0
    model: str | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cost: float = 0.000123
    keep_alives: int = 0
    gated: bool = False


@dataclass(frozen=True, slots=True)
class ScriptedTurn(_TurnOptions):
    """One answer of the model.

    Attributes:
        text: The answer; a sequence of strings is streamed in exactly these deltas.
        reasoning: The reasoning, in the same forms.
        tool_calls: Calls of the caller's tools, after the text.
        refusal: The text of a refusal, in the dialect's own field where it has one; otherwise it is the text.
        finish: `stop`, `length`, `tool_calls`, `content_filter`, `refusal` or `paused`, translated for the dialect;
            any other string is sent unchanged. Default: `tool_calls` if there are any, otherwise `stop`.
        usage: The token counts; default: estimated from the lengths of the texts.
        signature: The signature or encrypted form of the reasoning; default: generated; "" means none.
        blocks: Further parts of the answer in the dialect's own shape (Anthropic content blocks, Responses output
            items, Gemini parts, annotations in Chat Completions), sent unchanged before the text.
        deltas: The number of pieces into which each text is split when streamed.
        pace: Seconds before each event of a stream after the first.
        delay: Seconds before the head of the response.
        model: The model named in the answer; default: the requested one.
        request_id: The id sent in the provider's header; default: generated.
        headers: Additional headers of the response.
        cost: The cost that OpenRouter reports, in credits.
        keep_alives: The number of comments or pings before the first event of a stream, in addition to those that the
            provider always sends.
        gated: Whether each event of a stream waits for `release()` of the upstream.
    """

    text: Texts = ""

    @property
    def finish_reason(self) -> str:
        """The finish reason: the given one, or the one that follows from the turn."""
        return self.finish or ("tool_calls" if self.tool_calls else "stop")

    def usage_for(self, request: ParsedRequest) -> TokenCounts:
        """Return the usage: the given counts, or about one token for four characters."""
        if self.usage is not None:
            return self.usage
        written = (
            len(join_text(self.text)) + len(self.refusal) + sum(len(join_text(call.json)) for call in self.tool_calls)
        )
        return TokenCounts(
            input=max(1, request.size // 4),
            output=max(1, written // 4),
            reasoning=-(-len(join_text(self.reasoning)) // 4),
        )


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool that a request offers to the model."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request as the upstream parsed it, in the same form for every dialect.

    Attributes:
        provider: The provider whose address was called: `openai`, `openrouter`, `anthropic`, `google`, `ollama`,
            `huggingface` or `compatible`.
        model: The requested model.
        stream: Whether a stream is requested.
        prompt: The text of the user's last message.
        results: The texts of the tool results after that message.
        tools: The tools that the request offers.
        choice: "none", "required" or the name of the tool that must be called.
        schema: The JSON Schema of the answer, if the request has one.
        json_mode: Whether the answer must be JSON of any shape.
        thinking: Whether the request asks for the reasoning.
        include_usage: Chat Completions: whether the stream must contain the usage.
        obfuscate: OpenAI: whether chunks are padded.
        variant: Which of a dialect's formats is used: Gemini `sse` or `array`, Ollama `chat` or `generate`.
        size: The length of the body in bytes.
        body: The parsed body.
    """

    provider: str
    model: str
    stream: bool = False
    prompt: str = ""
    results: tuple[str, ...] = ()
    tools: tuple[OfferedTool, ...] = ()
    choice: str | None = None
    schema: Mapping[str, Any] | None = None
    json_mode: bool = False
    thinking: bool = False
    include_usage: bool = False
    obfuscate: bool = True
    variant: str = ""
    size: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
