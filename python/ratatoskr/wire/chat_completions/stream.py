"""Streams: chunks of deltas, ended by a finish reason and `[DONE]`."""

from __future__ import annotations

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.chat_completions.answer import Answer
from ratatoskr.wire.chat_completions.failure import decode_error
from ratatoskr.wire.chat_completions.shapes import Answered
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.json import decode

_BRACKET = ord("[")


class StreamDecoder:
    """Turns chunks into events; objects without choices, usage or error are passed over."""

    __slots__ = ("_answer", "_flags", "turn")

    def __init__(self, target: Target) -> None:
        self._answer = Answer(target, streamed=True)
        self._flags = target.flags
        self.turn = self._answer.turn

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return what one event means; after the end everything is ignored.

        Raises:
            FailureReported: it tells an error, or what looks like the end is a failure.
            MalformedResponse: it is not of the dialect, or the stream ends without a finish reason.
        """
        turn = self.turn
        if turn.done or not data:
            return []
        if data[0] == _BRACKET and data.strip() == b"[DONE]":
            return self._ended()
        answer = self._answer
        chunk = decode(Answered, data)
        if not answer.begun:
            answer.head(chunk)
        if chunk.choices:
            for choice in chunk.choices:
                said = choice.delta
                if said is None and choice.message is not None and not turn.parts():
                    said = choice.message  # a host that cannot stream may still frame its answer as one
                answer.choice(choice, said)
        elif chunk.object == "error":
            raise FailureReported(decode_error(data))
        if chunk.error or event == "error":
            raise FailureReported(decode_error(data))
        if chunk.usage is not None or chunk.x_groq is not None or chunk.citations is not None:
            answer.tail(chunk)
        return turn.take()

    def end(self) -> list[ChatEvent]:
        """Return what a clean end of the body means: the end, for hosts that send no `[DONE]`.

        Raises:
            FailureReported: what looks like the end is a failure.
        """
        if self.turn.done or not self._answer.finished:
            return []
        if "no_done" in self._flags or ("usage_or_done" in self._flags and self.turn.usage.source == "provider"):
            return self._ended()
        return []

    def _ended(self) -> list[ChatEvent]:
        if not self._answer.finished:
            raise MalformedResponse("the stream ended without a finish reason")
        self._answer.complete()
        return self.turn.take()
