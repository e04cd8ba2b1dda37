"""Ollama's answers, whole and line by line, by one reader: both give the same message."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from msgspec import UNSET

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent, FinishReason
from ratatoskr.types.part import ImagePart, TokenLogprob
from ratatoskr.types.usage import Usage
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.error_body import extract_error_text
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.json import decode, replace_surrogates, text_of
from ratatoskr.wire.ollama.shapes import Line, Token, ToolCall
from ratatoskr.wire.turn import TurnBuilder

FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
"""A reason that is missing here (`load`, `unload`) is `unknown`."""

THINKING, CONTENT = "thinking", "content"
"""Keys of the two parts that a turn has at most one of: a whole answer has one field for each."""

_SIGNS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


class StreamDecoder:
    """Turns lines into events; the end is `done: true`."""

    def __init__(self, target: Target) -> None:
        self.turn = TurnBuilder(target.issuer)
        self._ids: set[str] = set()
        self._calls = 0
        self._pictures = 0

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return what one line means.

        Raises:
            FailureReported: it is an error.
            MalformedResponse: it is no line of Ollama's.
        """
        turn = self.turn
        if turn.done or not data.strip():
            return []
        line = decode(Line, data)
        if line.error is not UNSET and bytes(line.error) != b"null":
            raise FailureReported(decode_error(data))
        if turn.model is None and line.model is not None:
            turn.model, turn.seed = replace_surrogates(line.model), replace_surrogates(line.created_at or "")
        message = line.message
        if message is None:
            self._said(line.response, line.thinking)
            self._make(line.tool_calls)
        else:
            self._said(message.content, message.thinking)
            self._make(message.tool_calls)
            for picture in message.images or ():
                self._picture(picture)
        if line.image:
            self._picture(line.image)
        if line.logprobs and turn.has(CONTENT):
            self._logprobs(line)
        if line.context is not UNSET and bytes(line.context) != b"null":
            turn.event("context", bytes(line.context))
        if line.done:
            self._end(line)
        return turn.take()

    def end(self) -> list[ChatEvent]:
        """Return nothing: a body that ends without `done` is cut."""
        return []

    def _said(self, content: str | None, thinking: str | None) -> None:
        if thinking:
            self.turn.reasoning(THINKING, thinking)
        if content:
            self.turn.text(CONTENT, content)

    def _make(self, calls: list[ToolCall] | None) -> None:
        for call in calls or ():
            self._call(call)

    def _call(self, call: ToolCall) -> None:
        """Ollama sends calls whole; an id that an earlier call has too is none."""
        function = call.function
        if function is None or not function.name:
            raise MalformedResponse("unexpected shape: a tool call without a name")
        own = replace_surrogates(call.id) if call.id and call.id not in self._ids else None
        self._ids.add(own or "")
        key = ("call", self._calls)
        self._calls += 1
        self.turn.tool(key, own, replace_surrogates(function.name))
        self.turn.arguments(key, _arguments(function.arguments))
        self.turn.end(key)

    def _picture(self, picture: str) -> None:
        try:
            data = base64.b64decode(picture, validate=True)
        except (ValueError, binascii.Error):
            raise MalformedResponse("unexpected shape: an image is no base64") from None
        media_type = next((kind for sign, kind in _SIGNS if data.startswith(sign)), "application/octet-stream")
        told = json.dumps(picture).encode()
        self.turn.part(("image", self._pictures), ImagePart(data=data, media_type=media_type), "image", told)
        self._pictures += 1

    def _logprobs(self, line: Line) -> None:
        """Keep the tokens of the text; those of the thinking, which come before them, have no place."""
        content = line.response if line.message is None else line.message.content
        tokens = line.logprobs or []
        thought = line.thinking if line.message is None else line.message.thinking
        if thought:
            length, first = len(content or ""), len(tokens)
            while first and length > 0:
                first -= 1
                length -= len(tokens[first].token)
            tokens = tokens[first:]
        if tokens:
            self.turn.logprobs(CONTENT, [_token(token) for token in tokens])

    def _end(self, line: Line) -> None:
        turn, native = self.turn, replace_surrogates(line.done_reason or "")
        turn.usage = Usage.of(prompt=_known(line.prompt_eval_count), completion=_known(line.eval_count))
        reason = FINISH.get(native or "stop", "unknown")
        turn.finish("tool_calls" if reason == "stop" and self._calls else reason, native or None)
        turn.complete()


def _known(n: int | None) -> int | None:
    return None if n is None or n < 0 else n


def _token(token: Token) -> TokenLogprob:
    top = tuple(_token(other) for other in token.top_logprobs or ())
    return TokenLogprob(
        replace_surrogates(token.token), token.logprob, None if token.bytes is None else tuple(token.bytes), top
    )


def _arguments(raw: Any) -> str:
    """Return arguments as they came; some models' templates make them a text that holds the object."""
    if raw is UNSET or bytes(raw) == b"null":
        return "{}"
    text = text_of(raw)
    return replace_surrogates(decode(str, bytes(raw))) if text.startswith('"') else text


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the turn that a whole response (`stream: false`) holds.

    Raises:
        FailureReported: the body is an error.
        MalformedResponse: it is no answer, or not a whole one.
    """
    decoder = StreamDecoder(target)
    decoder.feed("", body)
    if not decoder.turn.done:
        raise MalformedResponse("an answer without an end: done is not true")
    return decoder.turn


def decode_error(body: bytes) -> ReportedFailure:
    """Return what an error body says; never raises."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ReportedFailure(extract_error_text(body))
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return ReportedFailure(
            replace_surrogates(error), status=_status(value.get("status_code")) or _status(value.get("status"))
        )
    if isinstance(error, dict):
        return ReportedFailure(
            _text(error.get("message")) or "",
            kind=_text(error.get("type")),
            code=_text(error.get("code")),
            param=_text(error.get("param")),
            status=_status(error.get("code")),
        )
    return ReportedFailure(extract_error_text(body))


def _text(value: Any) -> str | None:
    return replace_surrogates(value) if isinstance(value, str) and value else None


def _status(value: Any) -> int | None:
    return value if type(value) is int and 400 <= value <= 599 else None
