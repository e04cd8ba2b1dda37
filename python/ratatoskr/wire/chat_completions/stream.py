"""Streams: chunks with deltas, a finish reason, and `[DONE]`."""

from __future__ import annotations

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.chat_completions.decode import CompletionReader
from ratatoskr.wire.chat_completions.errors import decode_error
from ratatoskr.wire.chat_completions.shapes import MINOR, ChatCompletion
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.json import decode, decode_without_minor

_BRACKET = ord("[")


class StreamDecoder:
    """Decodes chunks into events; objects without choices, usage or error are ignored."""

    __slots__ = ("_flags", "_reader", "turn")

    def __init__(self, target: Target) -> None:
        self._reader = CompletionReader(target, streamed=True)
        self._flags = target.flags
        self.turn = self._reader.turn

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return the events of one chunk; after the end everything is ignored.

        Raises:
            FailureReported: it contains an error, or a finish reason that means one.
            MalformedResponse: it is not a chunk, or the stream ends without a finish reason.
        """
        turn = self.turn
        if turn.done or not data:
            return []
        if data[0] == _BRACKET and data.strip() == b"[DONE]":
            return self._complete()
        reader = self._reader
        try:
            chunk = decode(ChatCompletion, data)
        except MalformedResponse as error:
            chunk = decode_without_minor(error, ChatCompletion, data, MINOR, turn.notices)
        if not reader.has_head:
            reader.read_head(chunk)
        if chunk.choices:
            for choice in chunk.choices:
                delta = choice.delta
                if delta is None and choice.message is not None and turn.empty:
                    delta = choice.message  # a host without streaming may send the complete response as an event
                reader.read_choice(choice, delta)
        elif chunk.object == "error":
            raise FailureReported(decode_error(data))
        if chunk.is_error or event == "error":
            raise FailureReported(decode_error(data))
        if chunk.usage is not None or chunk.x_groq is not None or chunk.citations is not None:
            reader.read_tail(chunk)
        return turn.take()

    def end(self) -> list[ChatEvent]:
        """Return the events of the body's end, which ends the stream for hosts that send no `[DONE]`.

        Without `[DONE]` a stream has ended only if nothing of the message follows the finish reason.

        Raises:
            FailureReported: the finish reason means a failure.
        """
        if self.turn.done or not self._reader.ended:
            return []
        if "no_done" in self._flags or ("usage_or_done" in self._flags and self.turn.usage.source == "provider"):
            return self._complete()
        return []

    def _complete(self) -> list[ChatEvent]:
        if not self._reader.has_finish_reason:
            raise MalformedResponse("the stream ended without a finish reason")
        self._reader.complete()
        return self.turn.take()
