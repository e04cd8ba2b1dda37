"""Reads the events of a stream. The dialect's own end is `message_stop`."""

from __future__ import annotations

from msgspec import structs

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.wire.anthropic.blocks import Blocks
from ratatoskr.wire.anthropic.decode import begin, finish, remember_container, tell, usage_of
from ratatoskr.wire.anthropic.failure import told, told_by
from ratatoskr.wire.anthropic.shapes import NOTHING, Event, Kind, Tokens, said
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.json import decode
from ratatoskr.wire.turn import TurnBuilder

_KNOWN = frozenset(
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
    """The events of one stream, folded into `turn`; see the protocol of the same name in `wire.dialect`."""

    __slots__ = ("_blocks", "_container", "_tokens", "turn")

    def __init__(self, target: Target) -> None:
        self.turn = TurnBuilder(target.issuer)
        self._blocks = Blocks(self.turn)
        self._tokens = Tokens()
        self._container = NOTHING

    def feed(self, event: str, data: bytes) -> list[ChatEvent]:
        """Return what one event of the wire means; what it is stands in its data, the name is for data without.

        Raises:
            FailureReported: it is an error.
            MalformedResponse: it is not of the dialect.
        """
        turn = self.turn
        if turn.done or event == "ping":
            return []
        try:
            told_event = decode(Event, data)
        except MalformedResponse:
            if event == "error":
                raise told_by(data) from None
            if decode(Kind, data).type in _KNOWN or event in _KNOWN:
                raise
            return []
        delta = told_event.delta
        block = self._blocks.open.get(told_event.index)
        if delta is not None and delta.type == "text_delta" and block is not None and block.kind == "text":
            turn.text(block.key, delta.text or "")  # most events are this one
        else:
            self._take(told_event.type or event, told_event, data)
        return turn.take()

    def _take(self, kind: str, event: Event, data: bytes) -> None:
        match kind:
            case "content_block_delta":
                if event.delta is None:
                    raise MalformedResponse("content_block_delta without a delta")
                self._blocks.delta(event.index, event.delta, data)
            case "content_block_start":
                self._blocks.start(event.index, event.content_block)
            case "content_block_stop":
                self._blocks.stop(event.index)
            case "message_start":
                self._start(event)
            case "message_delta":
                self._change(event)
            case "message_stop":
                self._complete()
            case _ if kind == "error" or said(event.error):
                raise told(event.error)

    def _start(self, event: Event) -> None:
        message = event.message
        if message is None:
            raise MalformedResponse("message_start without a message")
        if self._blocks.open and message.id != self.turn.response_id:
            raise MalformedResponse("a second message began before the first had ended")
        begin(self.turn, message)
        self._count(message.usage)
        if said(message.container):
            self._container = message.container
        finish(self.turn, message.stop_reason, message.stop_details)
        for index, raw in enumerate(message.content or ()):
            self._blocks.start(index, raw)

    def _change(self, event: Event) -> None:
        self._count(event.usage)
        tell(self.turn, "context_management", event.context_management)
        tell(self.turn, "input_transformations", event.input_transformations)
        if event.delta is not None:
            finish(self.turn, event.delta.stop_reason, event.delta.stop_details)
            if said(event.delta.container):
                self._container = event.delta.container

    def _count(self, tokens: Tokens | None) -> None:
        """Take totals that overwrite; what is absent keeps what an earlier event said."""
        if tokens is None:
            return
        for name, value in structs.asdict(tokens).items():
            if value is not None:
                setattr(self._tokens, name, value)
        self.turn.usage = usage_of(self._tokens)

    def _complete(self) -> None:
        self._blocks.close()
        remember_container(self.turn, self._container)
        self.turn.complete()

    def end(self) -> list[ChatEvent]:
        """Return nothing: a body that ends before `message_stop` was cut."""
        return []
