"""An open stream of one provider: the transport's batches through the dialect's decoder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import ContentFiltered, MalformedResponse, RatatoskrError
from ratatoskr.transport.client import HttpReply
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.part import ReasoningPart, TextPart
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.turn import TurnBuilder

if TYPE_CHECKING:
    from ratatoskr.providers.provider import Prepared, WireProvider


class WireStream:
    """Gives events in batches; an error behind them comes with the next call."""

    def __init__(self, provider: WireProvider, reply: HttpReply, prepared: Prepared, output: Any) -> None:
        self.provider = provider.name
        self._header_id = provider.request_id(reply)
        self._glue = provider
        self._reply = reply
        self._prepared = prepared
        self._output = output
        self._decoder = prepared.dialect.StreamDecoder(prepared.target)
        self._feed = self._decoder.feed
        self._error: RatatoskrError | None = None

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, from the head, or from the first events where the head has none."""
        return self._header_id or self._decoder.turn.response_id

    @property
    def model(self) -> str:
        """The model as answered, as far as told."""
        return self._decoder.turn.model or self._prepared.target.model

    async def batch(self) -> list[ChatEvent]:
        """Return the events that have come; an error behind them is raised by the next call."""
        while self._error is None:
            batch = await self._next()
            events = self._decode(batch)
            if events:
                return events
        raise self._error

    async def _next(self) -> list[tuple[str, bytes]] | None:
        try:
            return await self._reply.batch()
        except RatatoskrError as error:
            self._error = self._glue.named(error, self._reply, self._prepared.target)
            raise

    def _decode(self, batch: list[tuple[str, bytes]] | None) -> list[ChatEvent]:
        turn = self._decoder.turn
        events: list[ChatEvent] = []
        try:
            if batch is None:
                events = self._decoder.end()
                if not turn.done:
                    raise MalformedResponse("the stream ended before its end")
            else:
                for name, data in batch:
                    events += self._feed(name, data)
        except FailureReported as told:
            self._fail(self._glue.told(told.failure, self._reply, self._prepared.target))
        except RatatoskrError as error:
            self._fail(self._glue.named(error, self._reply, self._prepared.target))
        if self._error is not None:
            events += turn.take()
        elif turn.done:
            self._reply.release()
            if is_filtered(turn):
                self._fail(self._glue.named(filtered(turn, self.response()), self._reply, self._prepared.target))
                return []
        return events

    def _fail(self, error: RatatoskrError) -> None:
        self._error = error
        self._reply.close()

    def response(self) -> ChatResponse[Any]:
        """Return what has come so far."""
        return self._glue.respond(self._decoder.turn, self._reply, self._prepared, self._output, None)

    def close(self) -> None:
        """Close the upstream."""
        self._reply.close()


def is_filtered(turn: TurnBuilder) -> bool:
    """Tell whether an answer that has ended was refused before any output."""
    if turn.finish_reason not in ("content_filter", "refusal"):
        return False
    return all(isinstance(part, (TextPart, ReasoningPart)) and not part.text for part in turn.parts())


def filtered(turn: TurnBuilder, response: ChatResponse[Any]) -> ContentFiltered:
    """Return the error for an answer that was refused before any output; `partial` tells the tokens that it took."""
    return ContentFiltered(
        turn.detail or "the provider refused to answer",
        provider_code=turn.native_finish_reason,
        request_id=turn.response_id,
        partial=replace(response, raw=None),
    )
