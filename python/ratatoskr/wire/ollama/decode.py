"""Reads response objects, whole or line by line, into a turn: both give the same message."""

from __future__ import annotations

import base64
import binascii
import json

from msgspec import UNSET, Raw, UnsetType

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import FinishReason
from ratatoskr.types.part import ImagePart, TokenLogprob
from ratatoskr.types.usage import Usage
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.json import decode, decode_without_minor, is_blank, replace_surrogates, text_of
from ratatoskr.wire.ollama.errors import decode_error
from ratatoskr.wire.ollama.shapes import MINOR, ChatResponse, Logprob, ToolCall
from ratatoskr.wire.turn import TurnBuilder

FINISH_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
"""Any other reason (`load`, `unload`) is `unknown`."""

THINKING, CONTENT = "thinking", "content"
"""Keys of the turn's reasoning part and text part; there is at most one of each, as in a whole response."""

_MAGIC_NUMBERS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def decode_response(body: bytes, target: Target) -> TurnBuilder:
    """Return the finished turn of a whole response (`stream: false`).

    Raises:
        FailureReported: the body is an error.
        MalformedResponse: the body is not a response object, or an incomplete one.
    """
    reader = ChatResponseReader(target)
    reader.turn.streamed = False
    reader.read(body)
    if not reader.turn.done:
        raise MalformedResponse("the response is incomplete: done is not true")
    if not reader.has_message and not reader.turn.parts():
        raise MalformedResponse("unexpected shape: a response without a message")
    return reader.turn


class ChatResponseReader:
    """Reads `ChatResponse` and `GenerateResponse` objects, one after the other, into `turn`.

    Attributes:
        turn: the turn.
        has_message: whether an object has had a message, or the text that `GenerateResponse` has in its place.
    """

    def __init__(self, target: Target) -> None:
        self.turn = TurnBuilder(target.issuer)
        self.has_message = False
        self._calls = 0
        self._objects = 0
        self._images = 0

    def read(self, data: bytes) -> None:
        """Read one response object.

        Raises:
            FailureReported: it is an error.
            MalformedResponse: it is not a response object.
        """
        turn = self.turn
        try:
            response = decode(ChatResponse, data)
        except MalformedResponse as error:
            response = decode_without_minor(error, ChatResponse, data, MINOR, turn.notices)
        if response.error is not UNSET and bytes(response.error) != b"null":
            raise FailureReported(decode_error(data))
        if turn.model is None and response.model is not None:
            turn.model, turn.seed = replace_surrogates(response.model), replace_surrogates(response.created_at or "")
        message = response.message
        self.has_message = self.has_message or message is not None or response.response is not None
        self._objects += 1
        if message is None:
            content, thinking, tool_calls = response.response, response.thinking, response.tool_calls
        else:
            content, thinking, tool_calls = message.content, message.thinking, message.tool_calls
        if thinking:
            turn.reasoning(THINKING, thinking)
        if content:
            turn.text(CONTENT, content)
        if tool_calls:
            for call in tool_calls:
                self._read_tool_call(call)
        if message is not None and message.images:
            for image in message.images:
                self._read_image(image)
        if response.image:
            self._read_image(response.image)
        if response.logprobs and turn.has(CONTENT):
            self._read_logprobs(response.logprobs, content or "", thinking)
        if response.context is not UNSET and bytes(response.context) != b"null":
            turn.event("context", bytes(response.context))
        if response.done:
            self._complete(response)

    def _read_tool_call(self, call: ToolCall) -> None:
        """Add a call, which is always complete."""
        function = call.function
        arguments = "" if function is None else _arguments_text(function.arguments)
        if function is None or not function.name:
            if is_blank(arguments):
                return  # some templates add a blank entry
            raise MalformedResponse("unexpected shape: a tool call without a name")
        call_id = replace_surrogates(call.id) if call.id else None
        key, name = ("call", self._calls), replace_surrogates(function.name)
        if self.turn.whole_call(key, call_id, name, arguments, message=self._objects):
            self._calls += 1

    def _read_image(self, image: str) -> None:
        try:
            data = base64.b64decode(image, validate=True)
        except (ValueError, binascii.Error):
            raise MalformedResponse("unexpected shape: an image is not base64") from None
        media_type = next((kind for magic, kind in _MAGIC_NUMBERS if data.startswith(magic)), None)
        part = ImagePart(data=data, media_type=media_type or "application/octet-stream")
        self.turn.part(("image", self._images), part, "image", json.dumps(image).encode())
        self._images += 1

    def _read_logprobs(self, logprobs: list[Logprob], content: str, thinking: str | None) -> None:
        """Keep the tokens of the content; those of the thinking, which come first, are left out."""
        if thinking:
            length, first = len(content), len(logprobs)
            while first and length > 0:
                first -= 1
                length -= len(logprobs[first].token)
            logprobs = logprobs[first:]
        if logprobs:
            self.turn.logprobs(CONTENT, [_token_logprob(token) for token in logprobs])

    def _complete(self, response: ChatResponse) -> None:
        turn, native = self.turn, replace_surrogates(response.done_reason or "")
        turn.usage = Usage.of_provider(input_tokens=response.prompt_eval_count, output_tokens=response.eval_count)
        reason = FINISH_REASONS.get(native or "stop", "unknown")
        turn.finish("tool_calls" if reason == "stop" and self._calls else reason, native or None)
        turn.complete()


def _token_logprob(token: Logprob) -> TokenLogprob:
    top = tuple(_token_logprob(other) for other in token.top_logprobs or ())
    return TokenLogprob(
        replace_surrogates(token.token), token.logprob, None if token.bytes is None else tuple(token.bytes), top
    )


def _arguments_text(raw: Raw | UnsetType) -> str:
    """Return arguments as they came; the templates of some models send the object as a JSON string."""
    if raw is UNSET or bytes(raw) == b"null":
        return "{}"
    text = text_of(raw)
    return replace_surrogates(decode(str, bytes(raw))) if text.startswith('"') else text
