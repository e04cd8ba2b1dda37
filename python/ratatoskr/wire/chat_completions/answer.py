"""An answer while it comes: whole messages and deltas fill the same turn in the same way."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, cast

from msgspec import UNSET, Raw

from ratatoskr.types.attempt import Notice
from ratatoskr.types.event import FinishReason
from ratatoskr.types.part import (
    Citation,
    ProviderPart,
    ProviderState,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    TokenLogprob,
)
from ratatoskr.wire.chat_completions.calls import Calls
from ratatoskr.wire.chat_completions.failure import failure_of
from ratatoskr.wire.chat_completions.media import Speech, image_of
from ratatoskr.wire.chat_completions.shapes import Answered, Choice, Logprobs, Said, Token
from ratatoskr.wire.chat_completions.thinking import Thinking, object_of
from ratatoskr.wire.chat_completions.usage import Meter
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.json import decode, replace_surrogates, text_of
from ratatoskr.wire.turn import TurnBuilder

_REFUSAL: Hashable = "refusal"
_ANYTHING = cast("type[Any]", Any)

_REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "end_turn", "eos", "eos_token", "stop_sequence", "end", "complete", "completed"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), "length"),
    "model_context_window_exceeded": "length",
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call"), "tool_calls"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "sensitive", "recitation"), "content_filter"),
    "refusal": "refusal",
    "pause_turn": "paused",
}
"""Finish reasons of the hosts, in lower case."""

_NATIVE: dict[str, FinishReason] = {
    **dict.fromkeys(("content_filter", "safety", "prohibited_content", "blocklist", "spii"), "content_filter"),
    **dict.fromkeys(("recitation", "image_safety"), "content_filter"),
    "refusal": "refusal",
    "pause_turn": "paused",
}
"""Reasons of the back-end that a router rounds to `stop` or `content_filter`."""

_FAILED = frozenset(
    {"error", "failed", "abort", "aborted", "cancelled", "network_error", "insufficient_system_resource"}
)
"""Finish reasons that tell of a failure (the last two are Z.ai's and DeepSeek's)."""

_CITED = frozenset({"url_citation", "document_citation", "function_citation"})
"""Annotations that tell where words come from; the last two are Groq's."""

_GIVEN = ("output", "search_results", "code_results", "browser_results")
"""What a tool that Groq ran may have given."""

_BROKEN = re.compile(
    r".*(error|malformed|fail|abort|cancel).*|other|internal|unexpected_tool_call|too_many_tool_calls|missing_thought.*"
)
"""Reasons of the back-end that, behind an empty `stop`, are the truth."""


class Answer:
    """Fills a turn out of messages or deltas."""

    __slots__ = (
        "_blocks",
        "_calls",
        "_cited",
        "_finish",
        "_images",
        "_links",
        "_meter",
        "_native",
        "_speech",
        "_streamed",
        "_text",
        "_thinking",
        "_thought",
        "_tokens",
        "_waiting",
        "_whole",
        "begun",
        "turn",
    )

    def __init__(self, target: Target, *, streamed: bool) -> None:
        self.turn = TurnBuilder(target.issuer)
        self.begun = False
        self._streamed = streamed
        self._calls = Calls(self.turn)
        self._thinking = Thinking(self.turn, streamed=streamed)
        self._speech = Speech(self.turn)
        self._meter = Meter(billed="openrouter" in target.flags)
        self._blocks = 0
        self._whole = 0
        self._text: Hashable = "content"
        self._thought: Hashable = "thinking"
        self._tokens: list[TokenLogprob] = []
        self._links: list[Raw] = []
        self._waiting: list[Citation] = []
        self._cited: set[str] = set()
        self._images = 0
        self._finish: str | None = None
        self._native: str | None = None

    def head(self, answered: Answered) -> None:
        """Note who answers."""
        turn = self.turn
        if answered.id:
            turn.response_id = replace_surrogates(str(answered.id))
        if answered.model:
            turn.model = replace_surrogates(answered.model)
        if answered.created is not None:
            turn.seed = replace_surrogates(str(answered.created))
        self.begun = turn.model is not None and turn.response_id is not None

    def tail(self, answered: Answered) -> None:
        """Take what stands beside the choices: usage, links, a failure.

        Raises:
            FailureReported: there is an error in it.
        """
        if answered.usage is not None:
            self._meter.read(answered.usage, self.turn)
        if (groq := answered.x_groq) is not None:
            if groq.usage is not None:
                self._meter.read(groq.usage, self.turn)
            if groq.error:
                raise FailureReported(failure_of({"error": groq.error}))
        if answered.citations:
            self._links = answered.citations

    def choice(self, choice: Choice, said: Said | None) -> None:
        """Take one choice in.

        Raises:
            FailureReported: it holds an error.
        """
        if choice.index:
            self._other()
            return
        if said is not None:
            self._read(said)
        if choice.logprobs is not None:
            self._read_logprobs(choice.logprobs, said)
        if choice.error:
            raise FailureReported(failure_of({"error": choice.error}))
        if choice.finish_reason:
            self._finish = replace_surrogates(choice.finish_reason)
            self._native = (
                replace_surrogates(choice.native_finish_reason) if choice.native_finish_reason else self._native
            )

    @property
    def finished(self) -> bool:
        """Whether a finish reason has come."""
        return self._finish is not None

    def _other(self) -> None:
        if not any(notice.code == "other_choices_dropped" for notice in self.turn.notices):
            message = "the provider sent several choices; only the first is kept"
            self.turn.notices.append(Notice("other_choices_dropped", message))

    def _read(self, said: Said) -> None:
        if said.reasoning_details and self._thinking.details(said.reasoning_details):
            pass  # `reasoning` repeats their text
        elif said.reasoning:
            self._thinking.plain(self._thought, said.reasoning, "reasoning")
        elif said.reasoning_content:
            self._thinking.plain(self._thought, said.reasoning_content, "reasoning_content")
        if said.executed_tools:
            for place, raw in enumerate(said.executed_tools):
                self._executed(raw, place)
        content = said.content
        if said.extra_content is not UNSET:
            content = self._beside(bytes(said.extra_content), content)
        if content:
            if isinstance(content, str):
                self.turn.text(self._text, content)
            else:
                self._read_chunks(content)
            if self._waiting:
                self._cite()
        if said.refusal:
            self.turn.text(_REFUSAL, said.refusal)
        if said.tool_calls:
            take = self._calls.piece if self._streamed else self._calls.whole
            for call in said.tool_calls if isinstance(said.tool_calls, list) else (said.tool_calls,):
                take(call)
        if said.function_call:
            self._calls.legacy(said.function_call, streamed=self._streamed)
        if said.annotations or said.images or said.audio:
            self._read_rare(said)

    def _read_rare(self, said: Said) -> None:
        if said.annotations:
            for raw in said.annotations:
                self._annotate(raw)
        if said.images:
            for raw in said.images:
                self._image(raw, "images")
        if said.audio is not None:
            self._speech.read(said.audio)

    def _beside(self, extra: bytes, content: str | list[Raw] | None) -> str | list[Raw] | None:
        """Take what Google says of a content: that it is thinking, or a signature that goes back with the message.

        Follows https://ai.google.dev/gemini-api/docs/openai and .../thought-signatures (November 2026).
        """
        value = decode(_ANYTHING, extra)
        makers = [one for one in value.values() if isinstance(one, dict)] if isinstance(value, dict) else []
        if isinstance(content, str) and any(one.get("thought") is True for one in makers):
            if content:
                self._thinking.plain(self._thought, content, "content")
            return None
        if makers:
            self.turn.replace_state(self._text, b'{"extra_content":' + extra + b"}", "text")
        return content

    def _read_chunks(self, chunks: list[Raw]) -> None:
        """Take content that is a list, as Mistral's is: text and thinking in turn."""
        for raw in chunks:
            piece = object_of(raw)
            kind, text = piece.get("type"), piece.get("text")
            if kind == "text" and isinstance(text, str):
                self.turn.text(self._text, text)
            elif kind == "thinking":
                self._begin_block()
                self._thinking.chunk(self._thought, raw, piece)
            elif kind == "image_url":
                self._begin_block()
                self._image(raw, "content.image_url")
            else:
                self._begin_block()
                self._keep(f"content.{kind}", raw)

    def _begin_block(self) -> None:
        """Let text and thinking after this be parts of their own if text has come before it."""
        if self.turn.has(self._text):
            self._blocks += 1
            self._text, self._thought = ("content", self._blocks), ("thinking", self._blocks)

    def _last_text(self) -> Hashable:
        """Return the key of the text that is under way, or of the one before it while there is nothing in it."""
        if self.turn.has(self._text) or not self._blocks:
            return self._text
        return ("content", self._blocks - 1) if self._blocks > 1 else "content"

    def _keep(self, kind: str, raw: Raw) -> None:
        """Keep a thing that has no word here."""
        data = bytes(raw)
        self._whole += 1
        self.turn.part(
            ("kept", self._whole),
            ProviderPart(replace_surrogates(kind), data, self.turn.issuer),
            replace_surrogates(kind),
            data,
        )

    def _annotate(self, raw: Raw) -> None:
        piece = object_of(raw)
        kind = piece.get("type")
        inner = piece.get(kind, piece) if isinstance(kind, str) and kind in _CITED else None
        if not isinstance(inner, dict):
            self._keep(f"annotations.{kind}", raw)
            return
        url = _text(inner.get("url"))
        if url is not None:
            self._cited.add(url)
        start, end = _count(inner.get("start_index")), _count(inner.get("end_index"))
        title, quoted = _text(inner.get("title")), _text(inner.get("content"))
        self._waiting.append(Citation(url, title, quoted, start, end, bytes(raw)))
        if self.turn.has(self._last_text()):
            self._cite()

    def _cite(self) -> None:
        """Hang on the text what was cited, some of it before the model thought, let alone spoke."""
        for citation in self._waiting:
            self.turn.citation(self._last_text(), citation)
        self._waiting = []

    def _image(self, raw: Raw, kind: str) -> None:
        image = image_of(object_of(raw), self.turn.issuer)
        if image is None:
            self._keep(kind, raw)
            return
        self._images += 1
        self.turn.part(("image", self._images), image, kind, bytes(raw))

    def _executed(self, raw: Raw, place: int) -> None:
        """Take a tool that Groq ran (https://console.groq.com/docs/compound): first the call, later its output."""
        piece, data = object_of(raw), bytes(raw)
        index, name = str(piece.get("index", place)), _text(piece.get("type")) or ""
        state = (ProviderState(self.turn.issuer, b'"executed_tools"'),)
        call, result = ("executed", index), ("output", index)
        if not self.turn.has(call):
            arguments = _text(piece.get("arguments")) or ""
            self.turn.part(call, ServerToolCall(index, name, arguments, state=state), "executed_tools", data)
        if any(piece.get(given) is not None for given in _GIVEN):
            self.turn.part(result, ServerToolResult(index, name, text_of(raw), state=state), "executed_tools", data)

    def _read_logprobs(self, told: Logprobs | float, said: Said | None) -> None:
        if not isinstance(told, Logprobs):  # Together's streams: that of the one token in the delta
            text = said.content if said is not None and self._streamed else None
            told = Logprobs(tokens=[text], token_logprobs=[told]) if text and isinstance(text, str) else Logprobs()
        if told.content:
            self._tokens += map(_token, told.content)
        elif told.tokens and told.token_logprobs and len(told.tokens) == len(told.token_logprobs):
            both = zip(told.tokens, told.token_logprobs, strict=True)
            self._tokens += [
                TokenLogprob(replace_surrogates(token or ""), _or_nothing(logprob)) for token, logprob in both
            ]
        if self._tokens and self.turn.has(self._text):
            self._hand_over_tokens()
        if told.refusal:
            self.turn.logprobs(_REFUSAL, [_token(token) for token in told.refusal])

    def _hand_over_tokens(self) -> None:
        self.turn.logprobs(self._last_text(), self._tokens)
        self._tokens = []

    def complete(self) -> None:
        """Close the turn: the dialect's own end has come.

        Raises:
            FailureReported: what looks like an end is a failure.
        """
        turn = self.turn
        self._calls.close()
        self._thinking.close()
        self._speech.close()
        if self._tokens:
            self._hand_over_tokens()
        self._cite()
        for raw in self._links:
            self._link(raw)
        turn.finish(self._reason(), self._native or self._finish)
        turn.complete()

    def _link(self, raw: Raw) -> None:
        """Take an address out of the list beside the choices (xAI, Perplexity), unless the text cites it already."""
        data = bytes(raw)
        value = decode(_ANYTHING, data)
        url, title = (value.get("url"), value.get("title")) if isinstance(value, dict) else (value, None)
        if not isinstance(url, str):
            self.turn.event("citations", data)
        elif (url := replace_surrogates(url)) not in self._cited:
            self._cited.add(url)
            self.turn.citation(self._last_text(), Citation(url, _text(title), data=data))

    def _reason(self) -> FinishReason:
        word, native = (self._finish or "").lower(), (self._native or "").lower()
        if word in _FAILED:
            raise FailureReported(
                ReportedFailure("the provider broke the answer off", kind=word, code=self._native or self._finish)
            )
        reason = _REASONS.get(word, "unknown")
        if reason == "stop" and native and _BROKEN.fullmatch(native) and not self._said_something():
            raise FailureReported(
                ReportedFailure(f"the provider gave no answer: {native[:80]}", kind=native[:80], code=self._native)
            )
        if reason in ("stop", "content_filter", "unknown"):
            reason = _NATIVE.get(native, reason)
        if reason == "stop" and len(self._calls):
            return "tool_calls"
        if self.turn.has(_REFUSAL) and reason in ("stop", "content_filter"):
            return "refusal"
        return reason

    def _said_something(self) -> bool:
        parts = self.turn.parts()
        return any(
            part.type != "reasoning_part" and not (isinstance(part, TextPart) and not part.text) for part in parts
        )


def _token(token: Token) -> TokenLogprob:
    data = None if token.bytes is None else tuple(token.bytes)
    top = tuple(_token(other) for other in token.top_logprobs or ())
    return TokenLogprob(replace_surrogates(token.token), _or_nothing(token.logprob), data, top)


def _or_nothing(logprob: float | None) -> float:
    """Return a log probability; one that was not told is that of an impossible token, as OpenAI says it."""
    return -9999.0 if logprob is None else logprob


def _text(value: Any) -> str | None:
    return replace_surrogates(value) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
