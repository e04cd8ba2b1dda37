"""The events of a stream that a daemon sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import grpc
import grpc.aio

from ratatoskr.errors import GatewayClosed, InvalidInput, MalformedResponse, RatatoskrError, StreamInterrupted
from ratatoskr.service.address import Address
from ratatoskr.service.client.failure import error_of_call
from ratatoskr.service.convert.event import events_from_pb
from ratatoskr.service.convert.response import ATTEMPT, NOTICE, response_from_pb
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.accumulator import ResponseBuilder
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.chat import ChatResponse
from ratatoskr.types.event import ChatEvent, Done, ToolCallDelta, ToolCallEnd, ToolCallStart
from ratatoskr.types.part import ToolCall

__all__ = ["RemoteSource"]

_FOR_THE_END: Final = 0.5
"""Seconds to wait for the status that follows the last event."""


class RemoteSource:
    """An `EventSource` over a call of a daemon.

    Args:
        call: of gRPC.
        read: from octets to the message of a chat's stream.
        address: of the daemon, for errors.
        is_closed: returns whether the client was closed.
        output: the type of the answer.
    """

    def __init__(
        self,
        call: Any,
        read: Callable[[bytes], pb.ChatEvent],
        address: Address,
        is_closed: Callable[[], bool],
        output: Any = None,
    ) -> None:
        self.provider = ""
        self.left_out: Callable[[], tuple[Notice, ...]] | None = None  # asked where the first message has no opening
        self.attempts: tuple[Attempt, ...] = ()
        self._call = call
        self._read = read
        self._address = address
        self._is_closed = is_closed
        self._output = output
        self._builder = ResponseBuilder()
        self._remainder: ChatResponse[Any] | None = None
        self._calls: dict[int, tuple[ToolCallStart, list[str]]] = {}

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._builder.request_id

    async def batch(self) -> list[ChatEvent]:
        """Return the events of the next message that has some."""
        try:
            while True:
                octets = await self._next()
                try:
                    events = self._take(self._read(octets))
                except InvalidInput as error:
                    raise MalformedResponse(f"the daemon sent what is no event: {error.message}") from None
                if events:
                    break
            if type(events[-1]) is Done:
                with contextlib.suppress(RatatoskrError, TimeoutError):
                    await asyncio.wait_for(self._next(), _FOR_THE_END)
            return events  # noqa: TRY300  # an `else` would be farther from it
        except StreamInterrupted as error:
            error.partial = replace(self._builder.response(), raw=None).with_attempts(self.attempts)
            raise

    async def _next(self) -> bytes:
        try:
            octets = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise error_of_call(error, self._address) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._is_closed() and (task is None or not task.cancelling()):
                raise GatewayClosed("the gateway is closed") from None
            raise
        if octets is grpc.aio.EOF:
            raise MalformedResponse("the daemon's stream ended before the end of the answer")
        return octets  # type: ignore[no-any-return]  # without a deserializer

    def _take(self, message: pb.ChatEvent) -> list[ChatEvent]:
        """Return the events of a message, and keep what else it says."""
        builder = self._builder
        if message.HasField("opening"):
            opening = message.opening
            self.provider = builder.provider = opening.provider
            builder.model = opening.model
            builder.request_id = opening.request_id if opening.HasField("request_id") else None
            builder.notices = [NOTICE.from_pb(notice) for notice in opening.warnings]
            self.attempts = tuple([ATTEMPT.from_pb(attempt) for attempt in opening.attempts])
        elif self.left_out is not None:
            builder.notices = list(self.left_out())
        self.left_out = None
        events = events_from_pb(message)
        for index, event in enumerate(events):
            if isinstance(event, (ToolCallStart, ToolCallDelta, ToolCallEnd)):
                events[index] = self._complete(event)
            builder.add(events[index])
        if message.HasField("remainder"):
            self._remainder = response_from_pb(message.remainder)
        return events

    def _complete(self, event: Any) -> Any:
        """Return an event of a call; its end gets the call where the daemon knows only the listed fields."""
        if type(event) is ToolCallStart:
            self._calls[event.index] = event, []
        elif event.index in self._calls:
            start, pieces = self._calls[event.index]
            if type(event) is ToolCallDelta:
                pieces.append(event.arguments)
            elif event.call == _NO_CALL:
                return ToolCallEnd(event.index, ToolCall(start.id, start.name, "".join(pieces)))
        return event

    def response(self) -> ChatResponse[Any]:
        """Return what has come so far."""
        response = self._builder.response(self._remainder if self._builder.done else None)
        return response if self._output is None else response.with_output(self._output)

    def close(self) -> None:
        """Cancel the call, so that the daemon closes its upstream; gRPC does not do it by itself."""
        self._call.cancel()


_NO_CALL: Final = ToolCall("", "", "")
