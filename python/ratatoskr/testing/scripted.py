"""`ScriptedGateway`: a whole gateway without sockets, for tests of applications."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from ratatoskr.backend.settings import Settings
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.gateway.request import models_of
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.routing import Candidate
from ratatoskr.testing.vectors import ScriptedEmbedder, ScriptVectors
from ratatoskr.types.accumulator import ResponseBuilder, events_of, remainder_of
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.embed import EmbedRequest
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.message import Message
from ratatoskr.types.model import ModelInfo
from ratatoskr.types.part import Part
from ratatoskr.types.timeouts import Deadlines

Said: TypeAlias = "str | Part | Sequence[str | Part] | ChatResponse[Any] | BaseException"
ScriptTurn: TypeAlias = "Said | Callable[[ChatRequest], Said | Awaitable[Said]]"


class ScriptedGateway(EmbeddedGateway):
    """Answers with what it was given, one turn a call, and keeps every request in `requests`.

    It is a `ModelGateway` like any other, with `sync()` too, and opens no socket: what it is asked goes nowhere.

    Args:
        *turns: text, a part such as a `ToolCall` or a sequence of parts, a whole `ChatResponse`, an exception to
            raise, or a function of the `ChatRequest` (async too) that gives one of these.
        vectors: what texts are embedded as: a mapping of texts, an exception to raise, or a function of a text.
            Texts that it leaves out, or all, get vectors of length one that depend on nothing but the text.
        dimensions: numbers of such a vector.
    """

    def __init__(self, *turns: ScriptTurn, vectors: ScriptVectors = None, dimensions: int = 8) -> None:
        provider, embedder = _Provider(turns), ScriptedEmbedder(vectors, dimensions)
        self.requests: list[ChatRequest] = provider.requests
        self.embed_requests: list[EmbedRequest] = embedder.requests
        super().__init__({provider.name: provider}, _NoCarrier(), Settings(retries=0), embedders=[embedder])

    def candidates(self, request: ChatRequest) -> tuple[Candidate, ...]:
        """Answer for any model; without one, for the model called `scripted`."""
        self._check_open()
        model = "scripted" if request.options.model is None else models_of(request.options)[0]
        return (Candidate("scripted", model, "the script"),)


class _NoCarrier:
    loop_bound = True  # a turn may be a function, which shall not find itself on any thread

    async def preconnect(self, urls: Sequence[str]) -> None:
        """Do nothing: there is nobody to connect to."""

    async def aclose(self) -> None:
        """Do nothing: there is nothing open."""


class _Provider:
    name = "scripted"

    def __init__(self, turns: Sequence[ScriptTurn]) -> None:
        self._turns = turns
        self.requests: list[ChatRequest] = []

    async def chat(self, request: ChatRequest, call: CallOptions) -> ChatResponse[Any]:
        index = len(self.requests)
        self.requests.append(request)
        if index >= len(self._turns):
            raise AssertionError(f"the script has {len(self._turns)} turns, and this is call {index + 1}")
        turn: Any = self._turns[index]
        if callable(turn):
            turn = turn(request)
            if inspect.isawaitable(turn):
                turn = await turn
        if isinstance(turn, BaseException):
            raise turn
        if isinstance(turn, ChatResponse):
            return turn.with_output(request.output)
        message = Message.assistant(turn)
        return ChatResponse(
            message,
            finish_reason="tool_calls" if message.tool_calls else "stop",
            provider=self.name,
            model=call.model,
            _output=request.output,
        )

    async def open(self, request: ChatRequest, call: CallOptions) -> _Stream:
        return _Stream(await self.chat(request, call))

    async def models(self, deadlines: Deadlines) -> list[ModelInfo]:
        return [ModelInfo("scripted", self.name, "scripted")]


class _Stream:
    """The events of a whole response, in one batch."""

    def __init__(self, response: ChatResponse[Any]) -> None:
        self.provider = response.provider
        self.request_id = response.request_id
        self._events = events_of(response)
        self._remainder = remainder_of(response)
        self._builder = ResponseBuilder(
            provider=response.provider,
            model=response.model,
            request_id=response.request_id,
            warnings=response.warnings,
        )

    async def batch(self) -> list[ChatEvent]:
        for event in self._events:
            self._builder.add(event)
        return self._events

    def response(self) -> ChatResponse[Any]:
        return self._builder.response(self._remainder if self._builder.done else None)

    def close(self) -> None:
        """Do nothing: there is nothing open."""
