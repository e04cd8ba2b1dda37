"""`ScriptedGateway`: a whole gateway without sockets, for tests of applications."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ratatoskr.backend.stream import OpenStream
from ratatoskr.errors import GatewayClosed
from ratatoskr.gateway.base import Gateway
from ratatoskr.testing.analysis import AnalysisRequest, ScriptAnalysis, ScriptedAnalysis
from ratatoskr.testing.tokens import ScriptedTokens, ScriptTokens
from ratatoskr.testing.vectors import ScriptedVectors, ScriptVectors
from ratatoskr.types.accumulator import ResponseBuilder, events_of, remainder_of
from ratatoskr.types.attempt import Attempt
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.message import Message
from ratatoskr.types.metadata import ModelMetadata, RefreshReport, ResolvedPreset
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus, Plan
from ratatoskr.types.part import Part
from ratatoskr.types.query import (
    ExplainRequest,
    GetCapabilities,
    GetCost,
    GetHealth,
    GetModelMetadata,
    GetModelStatus,
    ListModels,
    ListPresets,
    Query,
    RefreshModels,
    ResolvePreset,
)
from ratatoskr.types.timeouts import in_force
from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest
from ratatoskr.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.event import ChatEvent
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults

A = TypeVar("A")

ScriptAnswer: TypeAlias = "str | Part | Sequence[str | Part] | ChatResponse[Any] | BaseException"
ScriptTurn: TypeAlias = "ScriptAnswer | Callable[[ChatRequest], ScriptAnswer | Awaitable[ScriptAnswer]]"

NAME = "scripted"
_CHATS = ("chat", "chat_stream", "generate", "tools")
_ANALYSES = ("nli", "zero_shot", "classify", "stance", "rerank")
CAPABILITIES = frozenset((*_CHATS, *_ANALYSES, "embed", "list_models", "count_tokens", "tokenize"))


class ScriptedGateway(Gateway):
    """Answers with what it was given, one turn a call, and keeps every request in `requests`.

    It is a `ModelGateway` like any other, with `sync()` too, and opens no socket.

    Args:
        *turns: text, a part such as a `ToolCall` or a sequence of parts, a whole `ChatResponse`, an exception to
            raise, or a function of the `ChatRequest` (async too) that returns one of these.
        vectors: the embeddings of texts: a mapping of texts, an exception to raise, or a function of a text. Texts
            that it leaves out, or all, get vectors of length one that depend on nothing but the text.
        dimensions: numbers of such a vector.
        analysis: the judgements about texts: a mapping, an exception to raise, or a function. Its keys or arguments are
            a text for classification, and a pair of premise and hypothesis, text and target, or query and document; its
            values are a label, scores by label, or a number for a document. What it leaves out, or all, gets scores
            that depend on nothing but the texts and labels.
        tokens: the counts of tokens: a number, an exception to raise, or a function of the `CountRequest`. Without it,
            they are counted or estimated as by any gateway, also for the method `provider`.
    """

    def __init__(
        self,
        *turns: ScriptTurn,
        vectors: ScriptVectors = None,
        dimensions: int = 8,
        analysis: ScriptAnalysis = None,
        tokens: ScriptTokens = None,
    ) -> None:
        backend = ScriptedBackend(
            turns, ScriptedVectors(vectors, dimensions), ScriptedAnalysis(analysis), ScriptedTokens(tokens)
        )
        self.requests: list[ChatRequest] = backend.requests
        self.embed_requests: list[EmbedRequest] = backend.vectors.requests
        self.analysis_requests: list[AnalysisRequest] = backend.analysis.requests
        self.token_requests: list[CountRequest | TokenizeRequest] = backend.tokens.requests
        super().__init__(backend)


class ScriptedBackend:
    """A `Backend` that answers from a script, for any model; without one, as the model `scripted`."""

    loop_bound = True  # a turn may be a function, which must not run on a thread that its caller does not know

    def __init__(
        self,
        turns: Sequence[ScriptTurn],
        vectors: ScriptedVectors,
        analysis: ScriptedAnalysis,
        tokens: ScriptedTokens,
    ) -> None:
        self.requests: list[ChatRequest] = []
        self.vectors = vectors
        self.analysis = analysis
        self.tokens = tokens
        self._turns = turns
        self._closed = False

    async def chat(self, request: ChatRequest) -> ChatResponse[Any]:
        """Return the next turn of the script."""
        self._check_open()
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
            provider=NAME,
            model=_model_of(request),
            attempts=(Attempt(NAME, _model_of(request)),),
            _output=request.output,
        )

    async def open_stream(self, request: ChatRequest) -> OpenStream:
        """Return the next turn of the script as a stream."""
        response = await self.chat(request)
        source = _ScriptedSource(response)
        return OpenStream(source, await source.batch(), response.attempts)

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """Return the script's vectors."""
        self._check_open()
        return replace(self.vectors.embed(request), attempts=(Attempt(NAME, request.model),))

    async def embed_windows(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yield the script's vectors window by window."""
        self._check_open()
        for window in self.vectors.embed_windows(request):
            yield window
            self._check_open()

    async def nli(self, request: NliRequest) -> NliResults:
        """Return the script's judgements."""
        self._check_open()
        return self.analysis.nli(request)

    async def zero_shot(self, request: ZeroShotRequest) -> Classifications:
        """Return the script's scores of the caller's labels."""
        self._check_open()
        return self.analysis.zero_shot(request)

    async def classify(self, request: ClassifyRequest) -> Classifications:
        """Return the script's scores of labels."""
        self._check_open()
        return self.analysis.classify(request)

    async def stance(self, request: StanceRequest) -> StanceResults:
        """Return the script's stances."""
        self._check_open()
        return self.analysis.stance(request)

    async def rerank(self, request: RerankRequest) -> Ranking:
        """Return the script's ranking."""
        self._check_open()
        return self.analysis.rerank(request)

    async def count_tokens(self, request: CountRequest) -> TokenCount:
        """Return the script's count, or the one that any gateway makes."""
        self._check_open()
        return self.tokens.count(request)

    async def tokenize(self, request: TokenizeRequest) -> Tokenizations:
        """Return the tokens of texts, as any gateway does."""
        self._check_open()
        return self.tokens.tokenize(request)

    async def inspect(self, query: Query[A]) -> A:
        """Describe the script."""
        answer: Any
        question: Any = query
        match question:
            case ListModels(provider):
                self._check_open()
                answer = [ModelInfo(NAME, NAME, NAME)] if provider in (None, NAME) else []
            case GetModelStatus():
                self._check_open()
                answer = ModelStatus("available")
            case ExplainRequest(request):
                plan = Plan(NAME, _model_of(request), "the script")
                timeouts = in_force(request.timeouts, streamed=False)
                answer = Explanation((plan,), Explanation.deadlines_of(timeouts), 0)
            case GetModelMetadata(model):
                self._check_open()
                answer = ModelMetadata(ModelInfo(model, NAME, model), status="active")
            case ListPresets():
                answer = []
            case ResolvePreset(name):
                answer = ResolvedPreset(name, NAME, NAME)
            case RefreshModels(source):
                self._check_open()
                answer = RefreshReport(source or NAME)
            case GetCost():
                answer = None  # the script's models have no price
            case GetCapabilities():
                answer = CAPABILITIES
            case GetHealth():
                answer = Health(not self._closed, VERSION)
            case _:
                raise TypeError(f"the script has no answer to a {type(query).__name__}")
        return answer  # type: ignore[no-any-return]  # each case answers its own query

    async def preload(self, model: str) -> None:
        """Do nothing: there is no model to load."""
        self._check_open()

    async def unload(self, model: str) -> None:
        """Do nothing: there is no model to unload."""
        self._check_open()

    async def aclose(self) -> None:
        """Answer no further request."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise GatewayClosed("the gateway is closed")


def _model_of(request: ChatRequest) -> str:
    model = request.options.model
    if not model:
        return NAME
    return model if isinstance(model, str) else model[0]


class _ScriptedSource:
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
        """Return all events at once."""
        for event in self._events:
            self._builder.add(event)
        return self._events

    def response(self) -> ChatResponse[Any]:
        """Return what has come: all or nothing."""
        return self._builder.response(self._remainder if self._builder.done else None)

    def close(self) -> None:
        """Do nothing: nothing is open."""
