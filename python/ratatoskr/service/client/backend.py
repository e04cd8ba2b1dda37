"""`RemoteBackend`: a backend in another process."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from ratatoskr._fork import call_in_child
from ratatoskr.backend.deadline import Deadline
from ratatoskr.backend.lifecycle import Lifecycle
from ratatoskr.backend.stream import OpenStream
from ratatoskr.errors import GatewayClosed, InvalidInput, NoProvider, RatatoskrError
from ratatoskr.service.address import Address
from ratatoskr.service.client.analysis import RemoteAnalysis
from ratatoskr.service.client.channel import Channels, metadata_of, wrong_answer
from ratatoskr.service.client.closed import KEPT, WHILE_CLOSED, answer_closed
from ratatoskr.service.client.failure import error_of_call, error_of_unserved
from ratatoskr.service.client.older import is_listed, left_out
from ratatoskr.service.client.pieces import Pieces
from ratatoskr.service.client.stream import RemoteSource
from ratatoskr.service.client.texts import Embedder
from ratatoskr.service.convert.capability import (
    CHAT,
    CHAT_STREAM,
    EMBED_BATCH,
    GENERATE,
    GENERATE_STREAM,
    QUERIES,
    Rpc,
    message_of,
    row_of,
)
from ratatoskr.service.convert.request import is_prompt, prompt_to_pb, request_to_pb
from ratatoskr.service.methods import ADMIN
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.event import ChatEvent, UsageEvent
from ratatoskr.types.query import GetCapabilities, GetHealth, Query, ResolvePreset
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import DEFAULTS, UNSET, Timeouts

__all__ = ["RemoteBackend"]

A = TypeVar("A")
_WAY: Final = 0.25
"""Seconds beyond the deadline that the daemon keeps, for the way there and back."""
_LIFE: Final = 1.0
_VERSION: Final = 2.0
"""Seconds to ask for the daemon's version, for the text of an error."""


class RemoteBackend(RemoteAnalysis):
    """A `Backend` that asks a daemon.

    Args:
        address: of the daemon.
        token: sent with every call.
        credentials: of the channel; `None` for one that is not encrypted.
        timeouts: where a call says nothing.
    """

    loop_bound = True  # the blocking gateway keeps one channel, on its own loop

    def __init__(self, address: Address, token: Secret | None, credentials: Any, timeouts: Timeouts = UNSET) -> None:
        self.address = address
        self.lifecycle = Lifecycle()
        self._timeouts = timeouts
        self._channels = Channels(address, credentials, lambda: self.lifecycle.is_idle)
        self._token = token
        self._known_limits: pb.Limits | None = None
        self._told: dict[type[Any], Any] = {}
        self._unserved: set[str] = set()  # paths of methods that the daemon does not have
        self._pieces = Pieces(self._limits)
        self._embedder = Embedder(self._embed_once, self._pieces)
        call_in_child(self._renew)

    def renew_by(self, renew: Callable[[], Any]) -> None:
        """Ask a function for other credentials before each new connection; `None` from it keeps them."""
        self._channels.renew = renew

    def _renew(self) -> None:
        """Forget in a forked child what the parent has under way."""
        if self.lifecycle.is_open:
            self.lifecycle = Lifecycle()

    @property
    def provider_names(self) -> tuple[str, ...]:
        """The daemon's address, which a gateway shows."""
        return (self.address.url,)

    async def chat(self, request: ChatRequest) -> ChatResponse[Any]:
        """Return the whole answer."""
        sent, seen = self._to_send(request), list[Any]()
        response: ChatResponse[Any] = await self._ask(GENERATE if is_prompt(request) else CHAT, sent, seen.append)
        if not is_prompt(request) and is_listed(seen[0]):
            response = replace(response, warnings=left_out(sent, self.address))
        return response if request.output is None else response.with_output(request.output)

    async def open_stream(self, request: ChatRequest) -> OpenStream:
        """Return a stream whose first semantic event is there."""
        sent = self._to_send(request)
        timeouts = sent.timeouts
        message: pb.GenerateRequest | pb.ChatRequest
        read: Callable[[bytes], pb.ChatEvent]
        if is_prompt(sent):
            method, message, read = GENERATE_STREAM, prompt_to_pb(sent), _generate_event
        else:
            method, message, read = CHAT_STREAM, request_to_pb(sent), pb.ChatEvent.FromString
        inside = self.lifecycle.enter()
        source: RemoteSource | None = None
        try:
            channel = await self._channels.connect(_connect(timeouts))
            life = _seconds(timeouts.stream_life, _LIFE)
            call = channel.unary_stream(method.path)(
                message.SerializeToString(), timeout=life, metadata=self._metadata()
            )
            source = RemoteSource(call, read, self.address, self._is_closed, request.output)
            source.left_out = lambda: left_out(sent, self.address)
            async with Deadline(_seconds(timeouts.total, _WAY), "total", "the first event of the stream"):
                events: list[ChatEvent] = []
                while not any(type(event) is not UsageEvent for event in events):
                    events += await source.batch()
        except BaseException:
            if source is not None:
                source.close()
            self.lifecycle.leave(inside)
            raise
        stream = OpenStream(source, events, source.attempts)
        stream.on_close = lambda: self.lifecycle.leave(inside)
        return stream

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """Return vectors; texts beyond the daemon's limits travel in several calls, some of them at once."""
        return await self._embedder.embed(request)

    def embed_windows(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yield the vectors of an iterable of any length window by window."""
        self.lifecycle.check_open()
        return self._embedder.embed_windows(request)

    async def _embed_once(self, request: EmbedRequest) -> Embeddings:
        return cast("Embeddings", await self._ask(EMBED_BATCH, replace(request, timeouts=self._in_force(request))))

    async def max_calls(self) -> int | None:
        """Return the most calls that the daemon takes of this client at a time, where it can be asked and says so."""
        try:
            return (await self._limits()).calls or None
        except RatatoskrError:  # each call will tell
            return None

    async def _limits(self) -> pb.Limits:
        """Return what the daemon takes; asked once."""
        if self._known_limits is None:
            answer = await self._send(QUERIES[GetCapabilities].method.path, pb.CapabilitiesRequest(), self._timeouts)
            self._known_limits = pb.CapabilitiesResponse.FromString(answer).limits
        return self._known_limits

    async def inspect(self, query: Query[A]) -> A:
        """Return the answer to a question; some of them a closed client answers, too."""
        if not self.lifecycle.is_open and type(query) in WHILE_CLOSED:
            return cast("A", answer_closed(query, self._told))
        capability = row_of(query)
        if capability is None:
            raise NoProvider(f"a daemon is not asked for {type(query).__name__}: use a gateway in this process")
        answer = await self._ask(capability, query)
        if isinstance(query, ResolvePreset) and not answer.name:  # of a daemon that knows only the listed fields
            answer = replace(answer, name=query.name)
        if type(query) in KEPT:
            self._told[type(query)] = answer
        return cast("A", answer)

    async def preload(self, model: str) -> None:
        """Load a local model of the daemon ahead of use; for administrators."""
        await self._send(f"/{ADMIN}/Preload", message_of(pb.ModelRequest, model=model), self._timeouts)

    async def unload(self, model: str) -> None:
        """Unload a local model of the daemon; for administrators."""
        await self._send(f"/{ADMIN}/Unload", message_of(pb.ModelRequest, model=model), self._timeouts)

    async def ask_admin(self, name: str, message: Any) -> bytes:
        """Return the octets of the answer to a method of administration."""
        return await self._send(f"/{ADMIN}/{name}", message, self._timeouts)

    async def stream_raw(self, path: str, message: Any) -> AsyncGenerator[bytes, None]:
        """Yield the octets of each message of a stream that is none of events."""
        inside = self.lifecycle.enter()
        call: Any = None
        try:
            channel = await self._channels.connect(_connect(self._timeouts))
            call = channel.unary_stream(path)(message.SerializeToString(), metadata=self._metadata())
            async for octets in call:
                yield octets
        except grpc.aio.AioRpcError as error:
            raise await self._failure(path, error) from None
        finally:
            if call is not None:
                call.cancel()
            self.lifecycle.leave(inside)

    async def preconnect(self) -> None:
        """Connect to the daemon."""
        self.lifecycle.check_open()
        await self._channels.connect(_connect(self._timeouts))

    async def retire(self, grace: float) -> None:
        """Refuse new calls, wait up to `grace` seconds for those under way, then close."""
        await self.lifecycle.drain(grace)
        await self.aclose()

    async def aclose(self) -> None:
        """Close every channel; calls under way end with `GatewayClosed`."""
        self.lifecycle.close()
        await self._channels.aclose()

    def _is_closed(self) -> bool:
        return not self.lifecycle.is_running

    # calls

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return metadata_of(self._token)

    def _in_force(self, request: Any) -> Timeouts:
        return cast("Timeouts", request.timeouts).over(self._timeouts)

    def _to_send(self, request: ChatRequest) -> ChatRequest:
        """Return a request with the deadlines in force, and without what stays with its caller: messages' metadata."""
        timeouts = self._in_force(request)
        if timeouts is not request.timeouts:
            request = replace(request, timeouts=timeouts)
        if any(message.metadata for message in request.messages):
            return replace(request, messages=tuple([replace(m, metadata={}) for m in request.messages]))
        return request

    async def _ask(self, capability: Rpc, request: Any, see: Callable[[Any], object] | None = None) -> Any:
        """Return the answer to a request; `see` is called with its message."""
        timeouts = getattr(request, "timeouts", self._timeouts)
        octets = await self._send(capability.method.path, capability.request_to_pb(request), timeouts)
        try:
            message = capability.method.response.FromString(octets)
            if see is not None:
                see(message)
            return capability.answer_from_pb(message)
        except (InvalidInput, DecodeError) as error:
            raise wrong_answer(self.address, error) from None

    async def _send(self, path: str, message: Any, timeouts: Timeouts) -> bytes:
        """Return the octets of the answer to a message."""
        inside = self.lifecycle.enter()
        call: Any = None
        try:
            channel = await self._channels.connect(_connect(timeouts))
            deadline = _seconds(timeouts.total, _WAY)
            call = channel.unary_unary(path)(message.SerializeToString(), timeout=deadline, metadata=self._metadata())
            return await call  # type: ignore[no-any-return]  # octets, without a deserializer
        except grpc.aio.AioRpcError as error:
            raise await self._failure(path, error) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.lifecycle.is_running and (task is None or not task.cancelling()):
                raise GatewayClosed("the gateway is closed") from None
            raise
        finally:
            if call is not None:
                call.cancel()
            self.lifecycle.leave(inside)

    async def _failure(self, path: str, error: grpc.aio.AioRpcError) -> RatatoskrError:
        """Return the error of a call; one for a method that the daemon does not have tells its version."""
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            return error_of_call(error, self.address)
        self._unserved.add(path)
        version, health = None, QUERIES[GetHealth].method
        if path != health.path:
            with contextlib.suppress(RatatoskrError, DecodeError):
                answer = await self._send(health.path, pb.HealthRequest(), Timeouts(total=_VERSION))
                version = pb.HealthResponse.FromString(answer).version
        return error_of_unserved(path, error, self.address, version)


def _connect(timeouts: Timeouts) -> float | None:
    return _seconds(timeouts.connect or DEFAULTS.connect, 0.0)


def _seconds(limit: float | None, more: float) -> float | None:
    return None if limit is None or limit == math.inf else limit + more


def _generate_event(octets: bytes) -> pb.ChatEvent:
    """Return an event of a continued prompt as one of a chat."""
    event = pb.GenerateEvent.FromString(octets)
    if event.HasField("chat"):
        chat: pb.ChatEvent = event.chat
        return chat
    return pb.ChatEvent(content=event.text) if event.WhichOneof("event") == "text" else pb.ChatEvent(done=True)
