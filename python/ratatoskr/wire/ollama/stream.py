"""Reads the lines of a stream; the last one has `done: true`."""

from __future__ import annotations

from typing import Literal

from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.ollama.decode import ChatResponseReader

FRAMING: Literal["ndjson"] = "ndjson"


class StreamDecoder:
    """Turns the lines of one stream into events; see the protocol of the same name in `wire.dialect`."""

    def __init__(self, target: Target) -> None:
        reader = ChatResponseReader(target)
        self.turn = reader.turn
        self._read = reader.read

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return the events of one line.

        Raises:
            FailureReported: the line is an error.
            MalformedResponse: the line is not a response object of Ollama.
        """
        turn = self.turn
        if turn.done or not data.strip():
            return []
        self._read(data)
        return turn.take()

    def end(self) -> list[ChatEvent]:
        """Return no events: a body that ends before `done` was cut off."""
        return []
