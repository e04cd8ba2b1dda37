"""`EmbeddedGateway`: a `ModelGateway` that does everything in this process."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from ratatoskr.backend import inspect as listing
from ratatoskr.backend.embed import EmbedBackend
from ratatoskr.backend.settings import Carrier, Closeable, Settings
from ratatoskr.backend.stream import open_stream
from ratatoskr.errors import GatewayClosed, RatatoskrError
from ratatoskr.gateway.protocol import MessagesLike, ModelLike, T
from ratatoskr.gateway.request import models_of, normal, request_of, with_schema
from ratatoskr.gateway.stream import ChatStream, OpenStream, StreamLimits
from ratatoskr.providers.protocol import CallOptions, ChatProvider, EmbedProvider
from ratatoskr.registry.backoff import Clock
from ratatoskr.registry.chain import Chain
from ratatoskr.registry.policy import safe_to_repeat
from ratatoskr.routing import Candidate, Routes
from ratatoskr.types.chat import ChatParams, ChatRequest, ChatResponse
from ratatoskr.types.embed import Embedding, Embeddings, EmbedRequest, InputType
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus
from ratatoskr.types.timeouts import DEFAULTS, UNSET, Deadlines, Timeouts, TimeoutsLike, in_force, timeouts_of
from ratatoskr.types.tool import ToolLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ratatoskr.sync.gateway import SyncGateway


class EmbeddedGateway:
    """A gateway in this process. It belongs to no event loop and may be used from several.

    Made by `Ratatoskr.builder()` or `Ratatoskr.from_env()`; an async context manager.
    """

    def __init__(
        self,
        providers: Mapping[str, ChatProvider],
        carrier: Carrier,
        settings: Settings,
        *,
        embedders: Sequence[EmbedProvider] = (),
        clock: Clock | None = None,
    ) -> None:
        self._providers = dict(providers)
        self._carrier = carrier
        self._settings = settings
        self._call_timeouts = in_force(settings.timeouts, streamed=False)
        self._stream_timeouts = in_force(settings.timeouts, streamed=True)
        self._chain = Chain(retries=settings.retries, clock=clock)
        self._embedders = EmbedBackend(embedders, self._chain, settings)
        self._routes = Routes(
            self._providers,
            rules=settings.rules,
            fallbacks=settings.fallbacks,
            substitute=settings.substitute,
            embeds=self._embedders.has,
        )
        self.assembly: Closeable | None = None  # closes what no other gateway shares, in place of this gateway
        self._closed = False
        self._sync: SyncGateway | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # chat

    @overload
    async def chat(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        tools: Sequence[ToolLike] = (),
        tool_choice: str | None = None,
        output: None = None,
        timeouts: TimeoutsLike = None,
        **params: Unpack[ChatParams],
    ) -> ChatResponse[None]: ...
    @overload
    async def chat(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        tools: Sequence[ToolLike] = (),
        tool_choice: str | None = None,
        output: type[T],
        timeouts: TimeoutsLike = None,
        **params: Unpack[ChatParams],
    ) -> ChatResponse[T]: ...
    async def chat(self, messages: MessagesLike, model: ModelLike = None, **arguments: Any) -> ChatResponse[Any]:
        """Answer a conversation whole.

        Args:
            messages: a `str` (one user turn), a `Message`, or a sequence of them.
            model: a name, a sequence of names (a chain to fall back along), or `ChatOptions`.
            **arguments: `tools`, `tool_choice`, `output` (a type that the answer is to be), `timeouts` (seconds in all,
                or `Timeouts`), and the parameters of `ChatParams`, which override the options'.

        Raises:
            InvalidInput: something in the request is wrong; nothing was sent.
            RatatoskrError: the only candidate's error, with `attempts`.
            AllAttemptsFailed: two or more candidates were tried.
        """
        return await self._chat(request_of(messages, model, **arguments))

    async def _chat(self, request: ChatRequest, *, generate: bool = False) -> ChatResponse[Any]:
        timeouts = self._timeouts(request.timeouts, streamed=False)
        request = with_schema(request)

        async def ask(candidate: Candidate, deadlines: Deadlines) -> ChatResponse[Any]:
            call = CallOptions(candidate.model, deadlines, self._settings.policy, generate)
            return await self._provider(candidate).chat(request, call)

        response, attempts = await self._chain.run(
            self.candidates(request), ask, timeouts, safe_to_repeat=safe_to_repeat(request)
        )
        # Both were just made and seen by nobody yet.
        object.__setattr__(attempts[-1], "usage", response.usage)
        object.__setattr__(response, "attempts", attempts)
        return response

    @overload
    def chat_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        tools: Sequence[ToolLike] = (),
        tool_choice: str | None = None,
        output: None = None,
        timeouts: TimeoutsLike = None,
        **params: Unpack[ChatParams],
    ) -> ChatStream[None]: ...
    @overload
    def chat_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        tools: Sequence[ToolLike] = (),
        tool_choice: str | None = None,
        output: type[T],
        timeouts: TimeoutsLike = None,
        **params: Unpack[ChatParams],
    ) -> ChatStream[T]: ...
    def chat_stream(self, messages: MessagesLike, model: ModelLike = None, **arguments: Any) -> ChatStream[Any]:
        """Answer a conversation as it is made; takes what `chat` takes and raises it when the stream is opened."""
        return self._stream(lambda: request_of(messages, model, **arguments), arguments.get("timeouts"))

    def _stream(
        self, make: Callable[[], ChatRequest], timeouts: TimeoutsLike, *, generate: bool = False
    ) -> ChatStream[Any]:
        try:
            flow = self._timeouts(timeouts_of(timeouts), streamed=True)
        except RatatoskrError:
            flow = DEFAULTS  # the same error is raised again when the stream is opened

        async def opener() -> OpenStream:
            return await self._open(make(), generate=generate)

        no_progress, life = flow.no_progress or math.inf, flow.stream_life or math.inf
        return ChatStream(opener, StreamLimits(no_progress, life))

    async def _open(self, request: ChatRequest, *, generate: bool) -> OpenStream:
        timeouts = self._timeouts(request.timeouts, streamed=True)
        request = with_schema(request)

        async def ask(candidate: Candidate, deadlines: Deadlines) -> OpenStream:
            call = CallOptions(candidate.model, deadlines, self._settings.policy, generate)
            return await open_stream(self._provider(candidate), request, call)

        opened, attempts = await self._chain.run(
            self.candidates(request), ask, timeouts, safe_to_repeat=safe_to_repeat(request)
        )
        opened.attempts = attempts
        return opened

    async def generate(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> GenerateResponse:
        """Continue a prompt: on Ollama by its own endpoint, elsewhere as a chat of one user turn.

        Raises:
            RatatoskrError: as `chat` does.
        """
        request = request_of(prompt, model, timeouts=timeouts, **params)
        return GenerateResponse.of(await self._chat(request, generate=True))

    def generate_stream(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> ChatStream[None]:
        """Continue a prompt, streaming; the events are a chat's."""
        return self._stream(lambda: request_of(prompt, model, timeouts=timeouts, **params), timeouts, generate=True)

    async def chat_many(
        self, requests: Iterable[ChatRequest], concurrency: int = 32
    ) -> AsyncIterator[tuple[int, ChatResponse[Any] | RatatoskrError]]:
        """Answer many requests, at most `concurrency` at a time, yielding (index, response or error) as they finish.

        The requests are taken one by one as there is room, so they may come from a generator.
        """
        from ratatoskr.gateway.batch import as_completed

        async def chat(request: ChatRequest) -> ChatResponse[Any]:
            return await self._chat(normal(request))

        async for finished in as_completed(chat, requests, concurrency):
            yield finished

    # embed

    async def embed(
        self,
        text: str,
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        timeouts: TimeoutsLike = None,
    ) -> Embedding:
        """Return the vector of one text; takes and raises what `embed_batch` does."""
        times = timeouts_of(timeouts)
        return await self._embedders.one(EmbedRequest([text], model, input_type, dimensions, truncate, times))

    async def embed_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        timeouts: TimeoutsLike = None,
    ) -> Embeddings:
        """Return the vectors of many texts in their order.

        Args:
            texts: any number; identical ones are computed once.
            model: a configured embedding model: its short name, its repository or that's last part, its folder.
            input_type: `query` puts the model's instruction for queries before each text.
            dimensions: `None`, or what the model has.
            truncate: whether texts are cut to what the model takes, and counted in `truncated`, or refused.
            timeouts: seconds in all, loading the model included, or `Timeouts`; 600 unless the builder says otherwise.

        Raises:
            InvalidInput: a text is no `str` or holds half a surrogate pair; the message names its index.
            ContextLengthExceeded: a text is too long and `truncate` is false.
            UnsupportedParameter: the model has not these dimensions.
            NoProvider: no such embedding model is configured; the message lists those that are.
            ModelNotAvailable: the model is not in the store, or over the memory budget.
            ConfigurationError: the model's files are not what was pulled, or cannot be used.
            MalformedResponse: a vector is not finite.
            Timeout: a deadline passed; what is being computed ends with the present call of the model.
        """
        times = timeouts_of(timeouts)
        return await self._embedders.batch(EmbedRequest(texts, model, input_type, dimensions, truncate, times))

    async def embed_iter(
        self,
        texts: Iterable[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        timeouts: TimeoutsLike = None,
    ) -> AsyncIterator[Embedding]:
        """Yield the vectors of any iterable's texts in its order, holding a few windows of them at most.

        `timeouts.total` holds until the first vectors are there and `no_progress` between windows, the time that the
        iterable itself takes left out. Raises what `embed_batch` does, behind the vectors of the windows before.
        """
        request = EmbedRequest(texts, model, input_type, dimensions, truncate, timeouts_of(timeouts))
        async with aclosing(self._embedders.iterate(request)) as vectors:
            async for vector in vectors:
                yield vector

    async def preload(self, model: str) -> None:
        """Load a model of this process, if it is not loaded, so that the first call does not wait for that."""
        await self._embedders.preload(model)

    async def unload(self, model: str) -> None:
        """Let go of a model of this process and give its memory back; the next call loads it again."""
        await self._embedders.unload(model)

    # which, and whether

    def candidates(self, request: ChatRequest) -> tuple[Candidate, ...]:
        """Return who may be asked, in order, each once.

        Raises:
            InvalidInput: no model, or a name that cannot be read.
            NoProvider: nobody is configured for it.
        """
        self._check_open()
        return self._routes.resolve(models_of(request.options))

    def _provider(self, candidate: Candidate) -> ChatProvider:
        self._check_open()
        return self._providers[candidate.provider]

    def _check_open(self) -> None:
        if self._closed:
            raise GatewayClosed("the gateway is closed")

    def _timeouts(self, timeouts: Timeouts, *, streamed: bool) -> Timeouts:
        if timeouts is UNSET:
            return self._stream_timeouts if streamed else self._call_timeouts
        return in_force(timeouts.over(self._settings.timeouts), streamed=streamed)

    async def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """Return the models that the configured providers serve, by asking each for its list, and the local ones.

        Args:
            provider: only this one's; `local` for the models of this process.

        Raises:
            RatatoskrError: a provider's answer failed; with several, those that answered are returned and it takes all
                of them to fail for `AllAttemptsFailed`.
        """
        self._check_open()
        return await listing.list_models(
            self._providers, self._embedders, provider, self._settings.timeouts.over(DEFAULTS)
        )

    async def model_status(self, model: str) -> ModelStatus:
        """Tell whether a model can be used: whether somebody is configured for it and lists it, or it can be loaded."""
        self._check_open()
        return await listing.model_status(self, self._embedders, model)

    async def explain(self, model: ModelLike, messages: MessagesLike = "…", **arguments: Any) -> Explanation:
        """Tell what `chat` with the same arguments would do: who is asked and why, with which parameters, how long.

        Nothing is sent; of an embedding model it is told who would embed with it. Parameters that a candidate refuses
        are told in its plan and raise nothing.

        Raises:
            InvalidInput: the request itself is wrong.
            NoProvider: nobody is configured for the model.
        """
        from ratatoskr.backend.explain import plan_of

        if isinstance(model, str) and self._embedders.has(model):
            return await self._embedders.explain(model, timeouts_of(arguments.get("timeouts")))
        request = with_schema(request_of(messages, model, **arguments))
        timeouts = self._timeouts(request.timeouts, streamed=False)
        plans = [plan_of(self._provider(c), request, c, self._settings.policy) for c in self.candidates(request)]
        return Explanation(tuple(plans), Explanation.deadlines_of(timeouts), self._settings.retries)

    async def capabilities(self) -> frozenset[str]:
        """Return what this gateway can do."""
        chats = {"chat", "chat_stream", "generate", "tools"} if self._providers else set()
        return frozenset({"list_models"} | chats | ({"embed"} if len(self._embedders) else set()))

    async def health(self) -> Health:
        """Tell which providers are configured, where each key came from, and how each local model is; sends nothing."""
        return await listing.health(
            self._providers, self._embedders, self._settings.key_origins, healthy=not self._closed
        )

    async def preconnect(self) -> None:
        """Open a connection to each configured provider, so that the first call does not wait for one."""
        await self._carrier.preconnect([url for p in self._providers.values() if (url := getattr(p, "base_url", ""))])

    # the other face, and the end

    def sync(self) -> SyncGateway:
        """Return the blocking face of this gateway; closing either closes both."""
        if self._sync is None:
            from ratatoskr.sync.gateway import SyncGateway

            self._sync = SyncGateway(self, loop_bound=self._carrier.loop_bound)
        return self._sync

    async def aclose(self) -> None:
        """Close every connection, unload every model; all under way ends with `GatewayClosed`. May be called twice."""
        self._closed = True
        self._chain.close()
        self._embedders.close()
        for part in (self._embedders, self._carrier) if self.assembly is None else (self.assembly,):
            await part.aclose()
        if self._sync is not None:
            self._sync.stop()
