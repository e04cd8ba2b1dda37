"""Reads the events of a stream, which ends with `message_stop`."""

from __future__ import annotations

from typing import Literal

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.anthropic.decode import BlockReader, add_container, add_event, read_message_start
from ratatoskr.wire.anthropic.errors import read_error, read_error_event
from ratatoskr.wire.anthropic.finish import set_finish_reason
from ratatoskr.wire.anthropic.shapes import MINOR, NULL, MessageStreamEvent, TypedObject, Usage, is_set
from ratatoskr.wire.anthropic.usage import convert_usage, update_counts
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.json import decode, decode_without_minor
from ratatoskr.wire.turn import TurnBuilder

FRAMING: Literal["sse"] = "sse"

_EVENT_TYPES = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    }
)


class StreamDecoder:
    """Turns the events of one stream into ours; see the protocol of the same name in `wire.dialect`."""

    __slots__ = ("_blocks", "_container", "_counts", "_has_message", "turn")

    def __init__(self, target: Target) -> None:
        self.turn = TurnBuilder(target.issuer)
        self._blocks = BlockReader(self.turn)
        self._counts = Usage()
        self._container = NULL
        self._has_message = False

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return the events of one event of the wire; its name is used only if the data has no type.

        Raises:
            FailureReported: it is an error.
            MalformedResponse: it is not an event of the dialect.
        """
        turn = self.turn
        if turn.done or event == "ping":
            return []
        try:
            decoded = decode(MessageStreamEvent, data)
        except MalformedResponse as error:
            if event == "error":
                raise read_error_event(data) from None
            if decode(TypedObject, data).type not in _EVENT_TYPES and event not in _EVENT_TYPES:
                return []
            decoded = decode_without_minor(error, MessageStreamEvent, data, MINOR, turn.notices)
        delta = decoded.delta
        block = self._blocks.open.get(decoded.index)
        if delta is not None and delta.type == "text_delta" and block is not None and block.type == "text":
            turn.text(block.key, delta.text or "")  # the most frequent event
        else:
            self._read(decoded.type or event, decoded, data)
        return turn.take()

    def _read(self, event_type: str, event: MessageStreamEvent, data: bytes) -> None:
        match event_type:
            case "content_block_delta":
                if event.delta is None:
                    raise MalformedResponse("content_block_delta without a delta")
                self._blocks.read_delta(event.index, event.delta, data)
            case "content_block_start":
                self._blocks.start(event.index, event.content_block)
            case "content_block_stop":
                self._blocks.stop(event.index)
            case "message_start":
                self._read_message_start(event)
            case "message_delta":
                self._read_message_delta(event)
            case "message_stop":
                if not (self._has_message or self._blocks.open or self.turn.finish_reason):
                    raise MalformedResponse("message_stop without a message")
                self._blocks.stop_all()
                add_container(self.turn, self._container)
                self.turn.complete()
            case _ if event_type == "error" or is_set(event.error):
                raise read_error(event.error)

    def _read_message_start(self, event: MessageStreamEvent) -> None:
        message = event.message
        if message is None:
            raise MalformedResponse("message_start without a message")
        if self._blocks.open and message.id != self.turn.response_id:
            raise MalformedResponse("a second message began before the first had ended")
        self._has_message = True
        read_message_start(self.turn, message)
        self._update_usage(message.usage)
        if is_set(message.container):
            self._container = message.container
        set_finish_reason(self.turn, message.stop_reason, message.stop_details)
        for index, raw in enumerate(message.content or ()):
            self._blocks.start(index, raw)

    def _read_message_delta(self, event: MessageStreamEvent) -> None:
        self._update_usage(event.usage)
        add_event(self.turn, "context_management", event.context_management)
        add_event(self.turn, "input_transformations", event.input_transformations)
        if event.delta is not None:
            set_finish_reason(self.turn, event.delta.stop_reason, event.delta.stop_details)
            if is_set(event.delta.container):
                self._container = event.delta.container

    def _update_usage(self, counts: Usage | None) -> None:
        if counts is not None:
            update_counts(self._counts, counts)
            self.turn.usage = convert_usage(self._counts)

    def end(self) -> list[ChatEvent]:
        """Return no events: a body that ends before `message_stop` was cut off."""
        return []
