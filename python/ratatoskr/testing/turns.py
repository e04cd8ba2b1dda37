"""What a scripted upstream is told to answer, and what it understood of a request.

A `ScriptedTurn` says in no provider's words what the model answers; the files in `dialects/` put it into theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

Texts = str | Sequence[str]
"""A text to be cut into `ScriptedTurn.deltas` pieces, or the very pieces."""

_json = msgspec.json.Encoder()


def encode_json(value: Any) -> bytes:
    """Return compact JSON; half a surrogate pair comes as an escape, as providers send it."""
    try:
        return _json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def whole(text: Texts) -> str:
    """Return the text, joined if it was given in pieces."""
    return text if isinstance(text, str) else "".join(text)


def pieces(text: Texts, count: int) -> list[str]:
    """Return the text in at most `count` pieces of nearly equal length, or the pieces it was given in."""
    if not isinstance(text, str):
        return list(text)
    if not text:
        return []
    size = max(1, -(-len(text) // max(1, count)))
    return [text[start : start + size] for start in range(0, len(text), size)]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the caller's tools.

    Attributes:
        name: of the tool.
        arguments: an object, or the JSON text as the model wrote it (which need not be right), whole or in pieces.
        id: made up in the dialect's manner when left out.
        signature: Gemini's thought signature of this call; made up where Gemini would send one when left out.
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
class Tokens:
    """Usage of a turn in disjoint counts; each dialect adds them up as its provider does."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def prompt(self) -> int:
        """All that went in."""
        return self.input + self.cache_read + self.cache_write

    @property
    def completion(self) -> int:
        """All that came out, thinking included."""
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True, kw_only=True)
class _TurnFields:
    """The keyword-only part of `ScriptedTurn`."""

    reasoning: Texts = ""
    tool_calls: Sequence[Call] = ()
    refusal: str = ""
    finish: str | None = None
    usage: Tokens | None = None
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
class ScriptedTurn(_TurnFields):
    """One answer of the model.

    Attributes:
        text: the answer; a sequence of strings is streamed in exactly these deltas.
        reasoning: the thinking, likewise.
        tool_calls: calls of the caller's tools, after the text.
        refusal: a refusal in words, where the dialect has one; else it is text.
        finish: `stop`, `length`, `tool_calls`, `content_filter`, `refusal` or `paused`, said in the dialect's word;
            any other string is sent as it is. Left out: `tool_calls` if there are any, else `stop`.
        usage: left out, it is counted from the lengths of the texts.
        signature: signature or encrypted form of the thinking; left out, it is made up; "" means none.
        blocks: further parts of the answer in the dialect's own shape (Anthropic content blocks, Responses output
            items, Gemini parts, annotations in Chat Completions), sent as they are before the text.
        deltas: into how many pieces each text is cut when streamed.
        pace: seconds before each event of a stream after the first.
        delay: seconds before the head of the response.
        model: the model named in the answer; left out, the one that was asked for.
        request_id: sent in the provider's header; left out, it is made up.
        headers: further headers of the response.
        cost: what OpenRouter bills, in credits.
        keep_alives: comments or pings before the first event of a stream, over those that the provider always sends.
        gated: whether each event of a stream waits for `release()` of the upstream.
    """

    text: Texts = ""

    @property
    def finish_word(self) -> str:
        """The reason of the end: given, or what follows from the turn."""
        return self.finish or ("tool_calls" if self.tool_calls else "stop")

    def spent(self, asked: Asked) -> Tokens:
        """Return the usage: given, or about one token for four characters."""
        if self.usage is not None:
            return self.usage
        said = len(whole(self.text)) + len(self.refusal) + sum(len(whole(call.json)) for call in self.tool_calls)
        return Tokens(
            input=max(1, asked.size // 4), output=max(1, said // 4), reasoning=-(-len(whole(self.reasoning)) // 4)
        )


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool that the request offers."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, whatever the dialect.

    Attributes:
        provider: whose address was called: `openai`, `openrouter`, `anthropic`, `google`, `ollama`, `huggingface`,
            `compatible`.
        model: as asked for.
        stream: whether a stream is wanted.
        prompt: text of the last message of the user.
        results: texts of the tool results that came after it.
        tools: the tools on offer.
        choice: "none", "required" or the name of the tool that must be called.
        schema: JSON Schema of the answer, if one is wanted.
        json_mode: whether JSON of any shape is wanted.
        thinking: whether the request asks to think aloud.
        include_usage: Chat Completions: whether usage is wanted in the stream.
        obfuscate: OpenAI: whether chunks are padded.
        variant: which of a dialect's shapes is spoken: Gemini `sse` or `array`, Ollama `chat` or `generate`.
        size: length of the body in bytes.
        body: the body, parsed.
    """

    provider: str
    model: str
    stream: bool = False
    prompt: str = ""
    results: tuple[str, ...] = ()
    tools: tuple[Offered, ...] = ()
    choice: str | None = None
    schema: Mapping[str, Any] | None = None
    json_mode: bool = False
    thinking: bool = False
    include_usage: bool = False
    obfuscate: bool = True
    variant: str = ""
    size: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
