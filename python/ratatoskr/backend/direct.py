"""`DirectBackend`: answers in this process, by the configured providers and local models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ratatoskr.backend.analysis import AnalysisBackend
from ratatoskr.backend.capability import BackendParts
from ratatoskr.backend.chat import ChatBackend
from ratatoskr.backend.embed import EmbedBackend
from ratatoskr.backend.inspect import ANSWERS, WHILE_CLOSED
from ratatoskr.backend.lifecycle import Lifecycle
from ratatoskr.backend.protocol import Allowances, Closeable
from ratatoskr.backend.settings import CallTimeouts, Settings
from ratatoskr.backend.stream import OpenStream
from ratatoskr.backend.tokens import TokenBackend
from ratatoskr.providers.protocol import ChatProvider, EmbedProvider, RemoteEmbedProvider, TokenCounter
from ratatoskr.registry.backoff import Clock
from ratatoskr.registry.chain import Chain
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import BreakerHealth
from ratatoskr.types.query import Query
from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest

if TYPE_CHECKING:
    from ratatoskr.providers.protocol import FindsModels
    from ratatoskr.transport.client import Transport
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults

A = TypeVar("A")

__all__ = ["DirectBackend"]


class DirectBackend:
    """A `Backend` in this process. It belongs to no event loop and may be used from several.

    Args:
        providers: those that are reached over a network, by name.
        transport: carries their bytes.
        settings: what the builder has decided.
        embedders: providers of embeddings, in order of preference.
        analysts: providers of text analysis, in order of preference; `providers` that have its methods follow.
        make_counter: makes what counts tokens in this process, on first use.
        clock: time and chance of retries.
        shared: closes transport and local models in place of the backend, where other backends use them, too.
        guards: the limits and budgets.
    """

    def __init__(
        self,
        providers: Mapping[str, ChatProvider],
        transport: Transport,
        settings: Settings,
        *,
        embedders: Sequence[EmbedProvider | RemoteEmbedProvider] = (),
        analysts: Sequence[FindsModels] = (),
        make_counter: Callable[[], TokenCounter] | None = None,
        clock: Clock | None = None,
        shared: Closeable | None = None,
        guards: Allowances | None = None,
    ) -> None:
        self.settings = settings
        self.guards = guards
        self.lifecycle = Lifecycle()
        self._transport = transport
        self._shared = shared
        self._chain = chain = Chain(
            retries=settings.retries, clock=clock, breaker=settings.breaker, timeouts=settings.timeouts
        )
        timeouts = CallTimeouts(settings.timeouts)
        self.embeddings = EmbedBackend(embedders, chain, settings, timeouts, self.lifecycle)
        self.remote = dict(providers)
        chats = {name: provider for name, provider in providers.items() if getattr(provider, "chats", True)}
        self.chats = ChatBackend(chats, chain, settings, timeouts, self.lifecycle, self._other_kind)
        self.analysis = AnalysisBackend(
            (*analysts, *providers.values()),
            BackendParts(chain, settings, timeouts, self.lifecycle),
            self.chats.chat,
            has_chats=bool(chats),
        )
        self.tokens = TokenBackend(make_counter, self.chats, timeouts, self.lifecycle)

    def _other_kind(self, model: str) -> str | None:
        """Return what a model of this process that does not chat is, and how it is used."""
        if self.embeddings.has(model):
            return "an embedding model, which does not chat: use embed()"
        return self.analysis.describe(model)

    @property
    def provider_names(self) -> tuple[str, ...]:
        """The names of the providers, those of local models last."""
        return tuple(dict.fromkeys((*self.remote, *self.embeddings.registry.providers, *self.analysis.provider_names)))

    @property
    def transport(self) -> Transport:
        """What carries the bytes."""
        return self._transport

    @property
    def loop_bound(self) -> bool:
        """Whether the transport belongs to the event loop that uses it first."""
        return self._transport.loop_bound

    def chat(self, request: ChatRequest) -> Coroutine[Any, Any, ChatResponse[Any]]:
        """Return the whole answer; see `ChatBackend.chat`."""
        return self.chats.chat(request)

    def open_stream(self, request: ChatRequest) -> Coroutine[Any, Any, OpenStream]:
        """Open a stream; see `ChatBackend.open_stream`."""
        return self.chats.open_stream(request)

    def embed(self, request: EmbedRequest) -> Coroutine[Any, Any, Embeddings]:
        """Return vectors; see `EmbedBackend.embed`."""
        return self.embeddings.embed(request)

    def embed_windows(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yield windows of vectors; see `EmbedBackend.embed_windows`."""
        return self.embeddings.embed_windows(request)

    def nli(self, request: NliRequest) -> Coroutine[Any, Any, NliResults]:
        """Return judgements; see `NliBackend.nli`."""
        return self.analysis.inference.nli(request)

    def zero_shot(self, request: ZeroShotRequest) -> Coroutine[Any, Any, Classifications]:
        """Return labels out of the caller's; see `ZeroShotBackend.zero_shot`."""
        return self.analysis.zero_shot.zero_shot(request)

    def classify(self, request: ClassifyRequest) -> Coroutine[Any, Any, Classifications]:
        """Return labels out of the model's own; see `ClassifyBackend.classify`."""
        return self.analysis.classification.classify(request)

    def stance(self, request: StanceRequest) -> Coroutine[Any, Any, StanceResults]:
        """Return stances; see `StanceBackend.stance`."""
        return self.analysis.stances.stance(request)

    def rerank(self, request: RerankRequest) -> Coroutine[Any, Any, Ranking]:
        """Return documents by relevance; see `RerankBackend.rerank`."""
        return self.analysis.reranking.rerank(request)

    def count_tokens(self, request: CountRequest) -> Coroutine[Any, Any, TokenCount]:
        """Return a number of tokens; see `TokenBackend.count`."""
        return self.tokens.count(request)

    def tokenize(self, request: TokenizeRequest) -> Coroutine[Any, Any, Tokenizations]:
        """Return the tokens of texts; see `TokenBackend.tokenize`."""
        return self.tokens.tokenize(request)

    def breakers(self) -> tuple[BreakerHealth, ...]:
        """Return the circuit breakers that are not closed."""
        return self._chain.readiness.breakers()

    async def inspect(self, query: Query[A]) -> A:
        """Return the answer to a question; see `backend.inspect`."""
        if type(query) not in WHILE_CLOSED:
            self.lifecycle.check_open()
        answer: A = await ANSWERS[type(query)](self, query)
        return answer

    async def preload(self, model: str) -> None:
        """Load a local model ahead of use."""
        self.lifecycle.check_open()
        keepers = self.analysis.keepers(model)
        if not keepers or self.embeddings.has(model):
            await self.embeddings.preload(model)
        for keeper, name in keepers:
            await keeper.preload(name)

    async def unload(self, model: str) -> None:
        """Unload a local model."""
        self.lifecycle.check_open()
        keepers = self.analysis.keepers(model)
        if not keepers or self.embeddings.has(model):
            await self.embeddings.unload(model)
        for keeper, name in keepers:
            await keeper.unload(name)

    async def preconnect(self) -> None:
        """Open a connection to each configured provider."""
        self.lifecycle.check_open()
        await self._transport.preconnect([url for p in self.remote.values() if (url := getattr(p, "base_url", ""))])

    async def retire(self, grace: float) -> None:
        """Refuse new calls, wait up to `grace` seconds for those under way, then close."""
        await self.lifecycle.drain(grace)
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection and unload every model; calls under way end with `GatewayClosed`."""
        self.lifecycle.close()
        self._chain.close()
        if self._shared is not None:
            await self._shared.aclose()
        else:
            await self.embeddings.aclose()
            await self.analysis.aclose()
            await self._transport.aclose()
