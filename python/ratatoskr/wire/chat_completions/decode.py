"""Complete responses, and the reader that they share with streams: messages and deltas fill a turn in the same way."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, cast

from msgspec import UNSET, Raw
from msgspec.structs import astuple

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.types.part import Citation, ProviderPart, TokenLogprob
from ratatoskr.wire.chat_completions.citations import parse_annotation, parse_search_result
from ratatoskr.wire.chat_completions.errors import decode_error, parse_failure
from ratatoskr.wire.chat_completions.finish import is_stop, map_finish_reason
from ratatoskr.wire.chat_completions.media import AudioReader, decode_image
from ratatoskr.wire.chat_completions.shapes import (
    MINOR,
    ChatCompletion,
    ChatCompletionTokenLogprob,
    Choice,
    ChoiceLogprobs,
    Delta,
)
from ratatoskr.wire.chat_completions.thinking import OPAQUE_MEMBERS, ThinkingReader, decode_object
from ratatoskr.wire.chat_completions.tools import ToolCallReader, add_executed_tool
from ratatoskr.wire.chat_completions.usage import UsageReader
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.json import decode, decode_answer, note_ignored, replace_surrogates
from ratatoskr.wire.turn import REFUSAL_STATE, TurnBuilder

_REFUSAL: Hashable = "refusal"
_NO_FINISH_REASON = (
    "null"  # as text, in every chunk before the last: DashScope and workflow hosts, public code, 2026-11
)
_ANY_JSON = cast("type[Any]", Any)


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the turn of a complete response.

    Raises:
        FailureReported: the body contains an error, or a finish reason that means one.
        MalformedResponse: it is not a chat completion, or has no choices.
    """
    reader = CompletionReader(target, streamed=False)
    completion = decode_answer(ChatCompletion, body, MINOR, reader.turn.notices)
    if completion.is_error or completion.object == "error":
        raise FailureReported(decode_error(body))
    if not completion.choices:
        raise MalformedResponse("the response holds no choices")
    reader.read_head(completion)
    first = next((choice for choice in completion.choices if not choice.index), completion.choices[0])
    if first.message is None and not first.error and not first.finish_reason:
        raise MalformedResponse("the response's choice holds no message")
    first.index = 0
    for choice in completion.choices:
        reader.read_choice(choice, choice.message)
    if reader.turn.empty and not reader.has_finish_reason:
        raise MalformedResponse("the response holds neither a message nor a finish reason")
    reader.read_tail(completion)
    reader.complete()
    return reader.turn


class CompletionReader:
    """Fills a turn from the choices of a complete response or of the chunks of a stream.

    Attributes:
        turn: the turn.
        has_head: whether model and id of the response are known.
    """

    __slots__ = (
        "_audio",
        "_block",
        "_calls",
        "_citations",
        "_cited_urls",
        "_ended",
        "_finish",
        "_images",
        "_logprobs",
        "_native_finish",
        "_provider_parts",
        "_search_results",
        "_streamed",
        "_text_key",
        "_thinking",
        "_thinking_key",
        "_usage",
        "has_head",
        "turn",
    )

    def __init__(self, target: Target, *, streamed: bool) -> None:
        self.turn = TurnBuilder(target.issuer, streamed=streamed)
        self.has_head = False
        self._streamed = streamed
        self._calls = ToolCallReader(self.turn)
        self._thinking = ThinkingReader(self.turn, streamed=streamed)
        self._audio = AudioReader(self.turn)
        self._usage = UsageReader(has_price="openrouter" in target.flags)
        self._block = 0
        self._text_key: Hashable = "content"
        self._thinking_key: Hashable = "thinking"
        self._images = 0
        self._provider_parts = 0
        self._logprobs: list[TokenLogprob] = []
        self._citations: list[Citation] = []
        self._cited_urls: set[str] = set()
        self._search_results: list[Raw] = []
        self._finish: str | None = None
        self._native_finish: str | None = None
        self._ended = False

    @property
    def has_finish_reason(self) -> bool:
        """Whether a finish reason has come."""
        return self._finish is not None

    @property
    def ended(self) -> bool:
        """Whether a finish reason has come, and nothing of the message after it."""
        return self._ended

    def read_head(self, completion: ChatCompletion) -> None:
        """Read the model and the id of the response."""
        turn = self.turn
        if completion.id:
            turn.response_id = replace_surrogates(str(completion.id))
        if completion.model:
            turn.model = replace_surrogates(completion.model)
        if completion.created is not None:
            turn.seed = replace_surrogates(str(completion.created))
        self.has_head = turn.model is not None and turn.response_id is not None

    def read_tail(self, completion: ChatCompletion) -> None:
        """Read what a response has besides its choices: usage, search results, an error.

        Raises:
            FailureReported: there is an error in it.
        """
        if completion.usage is not None:
            self._usage.read(completion.usage, self.turn, completion.service_tier)
        if (groq := completion.x_groq) is not None:
            if groq.usage is not None:
                self._usage.read(groq.usage, self.turn, completion.service_tier)
            if groq.error:
                raise FailureReported(parse_failure({"error": groq.error}))
        if completion.citations:
            self._search_results = completion.citations

    def read_choice(self, choice: Choice, delta: Delta | None) -> None:
        """Read one choice, whose message or delta is `delta`.

        Raises:
            FailureReported: it contains an error.
        """
        if choice.index:
            if not any(notice.code == "other_choices_dropped" for notice in self.turn.notices):
                message = "the provider sent several choices; only the first is kept"
                self.turn.notices.append(Notice("other_choices_dropped", message))
            return
        if delta is not None:
            if self._ended and any(astuple(delta)):
                self._ended = False
            self._read_delta(delta)
        if choice.logprobs is not None:
            self._read_logprobs(choice.logprobs, delta)
        if choice.error:
            raise FailureReported(parse_failure({"error": choice.error}))
        if choice.finish_reason and choice.finish_reason != _NO_FINISH_REASON:
            self._read_finish_reason(choice.finish_reason, choice.native_finish_reason)

    def _read_finish_reason(self, reason: str, native: str | None) -> None:
        """Take a finish reason; a mere `stop` does not replace another one if nothing has come in between."""
        if self._ended and is_stop(reason) and not is_stop(self._finish or ""):
            return
        self._ended = True
        self._finish = replace_surrogates(reason)
        if native:
            self._native_finish = replace_surrogates(native)

    def _read_delta(self, delta: Delta) -> None:
        if delta.reasoning_details and self._thinking.add_details(delta.reasoning_details):
            pass  # `reasoning` has the same text
        elif delta.reasoning:
            self._thinking.add_text(self._thinking_key, delta.reasoning, "reasoning")
        elif delta.reasoning_content:
            self._thinking.add_text(self._thinking_key, delta.reasoning_content, "reasoning_content")
        elif delta.reasoning_text:
            self._thinking.add_text(self._thinking_key, delta.reasoning_text, "reasoning_text")
        if not (delta.reasoning_opaque is delta.reasoning_encrypted is delta.thinking_blocks is UNSET):
            for name in OPAQUE_MEMBERS:
                if (opaque := getattr(delta, name)) is not UNSET:
                    self._thinking.add_opaque(self._thinking_key, name, opaque)
        if delta.executed_tools:
            for position, raw in enumerate(delta.executed_tools):
                add_executed_tool(self.turn, decode_object(raw), bytes(raw), position)
        content = delta.content
        if delta.extra_content is not UNSET:
            content = self._read_extra_content(bytes(delta.extra_content), content)
        if content:
            if isinstance(content, str):
                self.turn.text(self._text_key, content)
            else:
                self._read_content_chunks(content)
            if self._citations:
                self._attach_citations()
        if delta.refusal:
            if not self.turn.has(_REFUSAL):
                self.turn.state(_REFUSAL, REFUSAL_STATE, "text")
            self.turn.text(_REFUSAL, delta.refusal)
        if delta.tool_calls:
            add = self._calls.add_delta if self._streamed else self._calls.add_call
            for call in delta.tool_calls if isinstance(delta.tool_calls, list) else (delta.tool_calls,):
                add(call)
        if delta.function_call:
            self._calls.add_function_call(delta.function_call, is_delta=self._streamed)
        if delta.annotations or delta.images or delta.audio:
            for raw in delta.annotations or ():
                self._read_annotation(raw)
            for raw in delta.images or ():
                self._read_image(raw, "images")
            if delta.audio is not None:
                self._audio.read(delta.audio)

    def _read_extra_content(self, extra: bytes, content: str | list[Raw] | None) -> str | list[Raw] | None:
        """Read Google's `extra_content`, and return the content that is text of the message.

        It marks a content as thinking, or has a signature that is sent back with the message: see
        https://ai.google.dev/gemini-api/docs/openai and .../thought-signatures (November 2026).
        """
        value = decode(_ANY_JSON, extra)
        vendors = [one for one in value.values() if isinstance(one, dict)] if isinstance(value, dict) else []
        if isinstance(content, str) and any(one.get("thought") is True for one in vendors):
            if content:
                self._thinking.add_text(self._thinking_key, content, "content")
            return None
        if vendors:
            self.turn.replace_state(self._text_key, b'{"extra_content":' + extra + b"}", "text")
        return content

    def _read_content_chunks(self, chunks: list[Raw]) -> None:
        """Read content that is a list, as Mistral's is: text and thinking alternate."""
        for raw in chunks:
            chunk = decode_object(raw)
            kind, text = chunk.get("type"), chunk.get("text")
            if kind == "text" and isinstance(text, str):
                self.turn.text(self._text_key, text)
                continue
            if self.turn.has(self._text_key):  # what follows a text is a new part, as is the text after that
                self._block += 1
                self._text_key, self._thinking_key = ("content", self._block), ("thinking", self._block)
            if kind == "thinking":
                self._thinking.add_chunk(self._thinking_key, raw, chunk)
            elif kind == "image_url":
                self._read_image(raw, "content.image_url")
            else:
                self._add_provider_part(f"content.{kind}", raw)

    def _last_text_key(self) -> Hashable:
        """Return the key of the current text part, or of the one before it while the current one is empty."""
        if self.turn.has(self._text_key) or not self._block:
            return self._text_key
        return ("content", self._block - 1) if self._block > 1 else "content"

    def _add_provider_part(self, kind: str, raw: Raw) -> None:
        data, kind = bytes(raw), replace_surrogates(kind)
        self._provider_parts += 1
        self.turn.part(("provider", self._provider_parts), ProviderPart(kind, data, self.turn.issuer), kind, data)

    def _read_annotation(self, raw: Raw) -> None:
        try:
            annotation = decode_object(raw)
        except MalformedResponse:
            note_ignored(self.turn.notices, "choices.message.annotations")
            return
        citation = parse_annotation(annotation, bytes(raw))
        if citation is None:
            self._add_provider_part(f"annotations.{annotation.get('type')}", raw)
            return
        if citation.url is not None:
            self._cited_urls.add(citation.url)
        self._citations.append(citation)
        if self.turn.has(self._last_text_key()):
            self._attach_citations()

    def _attach_citations(self) -> None:
        """Add the citations to the text; some come before the text, and even before the thinking."""
        for citation in self._citations:
            self.turn.citation(self._last_text_key(), citation)
        self._citations = []

    def _read_image(self, raw: Raw, kind: str) -> None:
        image = decode_image(decode_object(raw), self.turn.issuer)
        if image is None:
            self._add_provider_part(kind, raw)
            return
        self._images += 1
        self.turn.part(("image", self._images), image, kind, bytes(raw))

    def _read_logprobs(self, logprobs: ChoiceLogprobs | float, delta: Delta | None) -> None:
        if not isinstance(logprobs, ChoiceLogprobs):  # in streams of Together, that of the delta's only token
            if delta is not None and self._streamed and delta.content and isinstance(delta.content, str):
                self._logprobs.append(TokenLogprob(replace_surrogates(delta.content), logprobs))
        elif logprobs.content:
            self._logprobs += map(_token_logprob, logprobs.content)
        elif logprobs.tokens and logprobs.token_logprobs and len(logprobs.tokens) == len(logprobs.token_logprobs):
            for token, logprob in zip(logprobs.tokens, logprobs.token_logprobs, strict=True):
                self._logprobs.append(TokenLogprob(replace_surrogates(token or ""), _logprob_or_lowest(logprob)))
        if self._logprobs and self.turn.has(self._text_key):
            self._attach_logprobs()
        if isinstance(logprobs, ChoiceLogprobs) and logprobs.refusal:
            self.turn.logprobs(_REFUSAL, [_token_logprob(token) for token in logprobs.refusal])

    def _attach_logprobs(self) -> None:
        self.turn.logprobs(self._last_text_key(), self._logprobs)
        self._logprobs = []

    def complete(self) -> None:
        """Complete the turn at the end of the response.

        Raises:
            FailureReported: the finish reason means a failure.
        """
        turn = self.turn
        self._calls.finish()
        self._thinking.finish()
        self._audio.finish()
        if self._logprobs:
            self._attach_logprobs()
        self._attach_citations()
        for raw in self._search_results:
            citation = parse_search_result(bytes(raw))
            if citation is None:
                turn.event("citations", bytes(raw))
            elif citation.url is not None and citation.url not in self._cited_urls:
                self._cited_urls.add(citation.url)
                turn.citation(self._last_text_key(), citation)
        reason = map_finish_reason(
            self._finish,
            self._native_finish,
            turn,
            has_calls=len(self._calls) > 0,
            is_refusal=turn.has(_REFUSAL),
        )
        turn.finish(reason, self._native_finish or self._finish)
        turn.complete()


def _token_logprob(token: ChatCompletionTokenLogprob) -> TokenLogprob:
    data = None if token.bytes is None else tuple(token.bytes)
    top = tuple(_token_logprob(other) for other in token.top_logprobs or ())
    return TokenLogprob(replace_surrogates(token.token), _logprob_or_lowest(token.logprob), data, top)


def _logprob_or_lowest(logprob: float | None) -> float:
    """Return the log probability; where it is missing, -9999.0, which OpenAI sends for very unlikely tokens."""
    return -9999.0 if logprob is None else logprob
