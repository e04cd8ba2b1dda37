"""An open stream of one provider: decodes the events of its reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._log import BODIES
from ratatoskr.errors import MalformedResponse, RatatoskrError
from ratatoskr.providers.errors import clean_word
from ratatoskr.providers.exchange import Binding, ProviderClient
from ratatoskr.providers.response import build_filter_error, build_response, is_filtered
from ratatoskr.transport.client import HttpReply
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.fairness import yield_to_loop
from ratatoskr.wire.failure import FailureReported

if TYPE_CHECKING:
    from ratatoskr.models.pricing import Pricing

_MAX_DECODED: Final = 256
"""The number of a reply's events that are decoded at once; the others of its batch wait for the next call."""


class HttpStream:
    """Returns events in batches; an error that comes after some events is raised by the call after theirs.

    Args:
        client: sent the request.
        binding: the model that was asked.
        reply: its events are decoded.
        notices: about the request.
        output: the type that `parsed` of the response gives.
        pricing: prices the answer where the provider does not bill it.
    """

    def __init__(
        self,
        client: ProviderClient,
        binding: Binding,
        reply: HttpReply,
        notices: tuple[Notice, ...],
        output: Any,
        pricing: Pricing | None = None,
    ) -> None:
        self.provider = client.name
        self._client = client
        self._target = binding.target
        self._reply = reply
        self._notices = notices
        self._output = output
        self._pricing = pricing
        self._decoder = binding.dialect.StreamDecoder(binding.target)
        self._received: list[tuple[str, bytes]] = []
        self._header_id = client.request_id(reply)
        self._error: RatatoskrError | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the reply, names in lower case."""
        return self._reply.headers

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request: from the headers, or from the first events where no header gives it."""
        return self._header_id or clean_word(self._decoder.turn.response_id, self._client.redact)

    @property
    def model(self) -> str:
        """The model as the provider named it, or as it was asked for until then."""
        return self._decoder.turn.model or self._target.model

    async def batch(self) -> list[ChatEvent]:
        """Return the events that have arrived, at least one.

        Raises:
            RatatoskrError: the stream has failed, or was filtered.
        """
        while self._error is None:
            batch: list[tuple[str, bytes]] | None = self._received
            if not batch:
                try:
                    batch = await self._reply.batch()
                except RatatoskrError as error:
                    self._error = self._client.add_context(error, self._reply, self._target)
                    raise
                if BODIES.enabled:
                    for _, data in batch or ():
                        self._client.log_reply(self._reply, data)
            if batch is not None and len(batch) > _MAX_DECODED:
                batch, self._received = batch[:_MAX_DECODED], batch[_MAX_DECODED:]
            else:
                self._received = []
            if events := self._decode(batch):
                return events
            await yield_to_loop()
        raise self._error

    def _decode(self, batch: list[tuple[str, bytes]] | None) -> list[ChatEvent]:
        """Return the events of a batch, or of the end of the stream (`None`)."""
        decoder = self._decoder
        turn = decoder.turn
        events: list[ChatEvent] = []
        try:
            if batch is None:
                events = decoder.end()
                if not turn.done:
                    raise MalformedResponse("the stream ended before its end")
            else:
                feed = decoder.feed
                for name, data in batch:
                    events += feed(name, data)
        except FailureReported as reported:
            self._fail(self._client.build_error(reported.failure, self._reply, self._target))
        except RatatoskrError as error:
            self._fail(self._client.add_context(error, self._reply, self._target))
        if self._error is not None:
            events += turn.take()
        elif turn.done:
            self._reply.release()
            if is_filtered(turn):
                filtered = build_filter_error(turn, self.response())
                self._fail(self._client.add_context(filtered, self._reply, self._target))
                return []
        return events

    def _fail(self, error: RatatoskrError) -> None:
        self._error = error
        self._reply.close()

    def response(self) -> ChatResponse[Any]:
        """Return what has arrived so far."""
        return build_response(
            self._decoder.turn,
            self._reply,
            self._target,
            self._header_id,
            self._notices,
            self._output,
            None,
            self._client.redact,
            self._pricing,
        )

    def close(self) -> None:
        """Close the connection of the stream."""
        self._reply.close()
