"""Reads the responses of a stream, which ends with a `finishReason` and a clean end of the body."""

from __future__ import annotations

from typing import Literal

from msgspec import Raw

from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.gemini.decode import GenerateContentReader
from ratatoskr.wire.json import decode

FRAMING: Literal["sse"] = "sse"


class StreamDecoder:
    """Turns the responses of one stream into events; see the protocol of the same name in `wire.dialect`."""

    def __init__(self, target: Target) -> None:
        self._reader = GenerateContentReader(target)
        self.turn = self._reader.turn
        self._read = self._reader.read

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return the events of one response, or of an array of responses.

        Raises:
            FailureReported: the response is an error, or ended in one before any output.
            MalformedResponse: the data is not a `GenerateContentResponse`.
        """
        if self.turn.done:
            return []
        if data[:1] != b"{" and data.lstrip()[:1] == b"[":
            if data.strip() == b"[DONE]":  # some proxies end every stream in this way
                return []
            for item in decode(list[Raw], data):
                self._read(bytes(item))
        else:
            self._read(data)
        return self.turn.take()

    def end(self) -> list[ChatEvent]:
        """Return the events of a clean end of the body.

        Raises:
            MalformedResponse: the model stopped by itself, but inside a function call.
        """
        if self._reader.ended and not self.turn.done:
            self._reader.complete()
        return self.turn.take()
