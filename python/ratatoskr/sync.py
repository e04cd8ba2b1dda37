"""`SyncGateway` and its streams: the same names and signatures, no `await`, one loop thread that outlives calls."""

from __future__ import annotations

import sys
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, overload

from ratatoskr.capabilities import MessagesLike, ModelLike, T
from ratatoskr.errors import GatewayClosed, RatatoskrError
from ratatoskr.loop_thread import LoopThread
from ratatoskr.stream import ChatStream
from ratatoskr.types.chat import ChatParams, ChatRequest, ChatResponse
from ratatoskr.types.embed import Embedding, Embeddings, InputType
from ratatoskr.types.event import ChatEvent, ContentDelta
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.message import Message
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus
from ratatoskr.types.timeouts import TimeoutsLike
from ratatoskr.types.tool import ToolLike

if TYPE_CHECKING:
    from typing import Generic

    from typing_extensions import TypeVar, Unpack

    from ratatoskr.capabilities import ModelGateway

    S = TypeVar("S", default=None, covariant=True)

    class _Of(Generic[S]):
        pass
else:

    class _Of:
        def __class_getitem__(cls, item: Any) -> Any:
            return cls


class _How(TypedDict):
    """What the three ways to embed have in common."""

    input_type: InputType
    dimensions: int | None
    truncate: bool
    timeouts: TimeoutsLike


class SyncGateway:
    """The blocking face of a gateway. It may be used from several threads, in notebooks and beside running loops.

    Closing it closes the gateway, and the other way round. After a fork it works in the child with a loop of its own.
    """

    def __init__(self, gateway: ModelGateway) -> None:
        self._gateway = gateway
        self._thread = LoopThread()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @overload
    def chat(
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
    def chat(
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
    def chat(self, messages: MessagesLike, model: ModelLike = None, **arguments: Any) -> ChatResponse[Any]:
        """Answer a conversation whole.

        Arguments and errors are those of `EmbeddedGateway.chat`.
        """
        return self._thread.run(self._gateway.chat(messages, model, **arguments))

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
    ) -> SyncChatStream[None]: ...
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
    ) -> SyncChatStream[T]: ...
    def chat_stream(self, messages: MessagesLike, model: ModelLike = None, **arguments: Any) -> SyncChatStream[Any]:
        """Answer a conversation as it is made; takes what `chat` takes and raises it when the stream is opened.

        The stream is opened by this very call.
        """
        stream: ChatStream[Any] = self._gateway.chat_stream(messages, model, **arguments)
        return SyncChatStream(self._thread, stream)

    def generate(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> GenerateResponse:
        """Continue a prompt: on Ollama by its own endpoint, elsewhere as a chat of one user turn."""
        return self._thread.run(self._gateway.generate(prompt, model, timeouts=timeouts, **params))

    def generate_stream(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> SyncChatStream[None]:
        """Continue a prompt, streaming; the events are a chat's.

        The stream is opened by this very call.
        """
        stream = self._gateway.generate_stream(prompt, model, timeouts=timeouts, **params)
        return SyncChatStream(self._thread, stream)

    def chat_many(
        self, requests: Iterable[ChatRequest], concurrency: int = 32
    ) -> Iterator[tuple[int, ChatResponse[Any] | RatatoskrError]]:
        """Answer many requests, at most `concurrency` at a time, yielding (index, response or error) as they finish.

        Leaving the iteration cancels what is under way.
        """
        finished = self._gateway.chat_many(requests, concurrency)
        try:
            while (item := self._thread.run(_following(finished))) is not None:
                yield item
        finally:
            self._thread.run(_ended(finished))

    def embed(
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
        how: _How = {"input_type": input_type, "dimensions": dimensions, "truncate": truncate, "timeouts": timeouts}
        return self._thread.run(self._gateway.embed(text, model, **how))

    def embed_batch(
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

        Arguments and errors are those of `EmbeddedGateway.embed_batch`.
        """
        how: _How = {"input_type": input_type, "dimensions": dimensions, "truncate": truncate, "timeouts": timeouts}
        return self._thread.run(self._gateway.embed_batch(texts, model, **how))

    def embed_iter(
        self,
        texts: Iterable[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        timeouts: TimeoutsLike = None,
    ) -> Iterator[Embedding]:
        """Yield the vectors of any iterable's texts in its order, holding a few windows of them at most.

        The texts are taken on the gateway's own loop. Deadlines and errors are those of `EmbeddedGateway.embed_iter`.
        """
        how: _How = {"input_type": input_type, "dimensions": dimensions, "truncate": truncate, "timeouts": timeouts}
        vectors = self._gateway.embed_iter(texts, model, **how)
        try:
            error: BaseException | None = None
            while error is None:
                several, error = self._thread.run(_several(vectors))
                yield from several
            if not isinstance(error, StopAsyncIteration):
                raise error
        finally:
            self._thread.run(_ended(vectors))

    def preload(self, model: str) -> None:
        """Load a model of this process, if it is not loaded, so that the first call does not wait for that."""
        self._thread.run(self._gateway.preload(model))

    def unload(self, model: str) -> None:
        """Let go of a model of this process and give its memory back; the next call loads it again."""
        self._thread.run(self._gateway.unload(model))

    def run_tools(self, request: ChatRequest, max_rounds: int = 8) -> tuple[ChatResponse[Any], tuple[Message, ...]]:
        """Run the tool loop; see `ratatoskr.run_tools`."""
        from ratatoskr.tools import run_tools

        return self._thread.run(run_tools(self._gateway, request, max_rounds))

    def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """Return the models that the configured providers serve, by asking each for its list, and the local ones."""
        return self._thread.run(self._gateway.list_models(provider))

    def model_status(self, model: str) -> ModelStatus:
        """Tell whether a model can be used: whether somebody is configured for it and lists it, or it can be loaded."""
        return self._thread.run(self._gateway.model_status(model))

    def explain(self, model: ModelLike, messages: MessagesLike = "…", **arguments: Any) -> Explanation:
        """Tell what `chat` with the same arguments would do: who is asked and why, with which parameters, how long."""
        return self._thread.run(self._gateway.explain(model, messages, **arguments))

    def capabilities(self) -> frozenset[str]:
        """Return what this gateway can do."""
        return self._thread.run(self._gateway.capabilities())

    def health(self) -> Health:
        """Tell which providers are configured, where each key came from, and how each local model is; sends nothing."""
        return self._thread.run(self._gateway.health())

    def preconnect(self) -> None:
        """Open a connection to each configured provider, so that the first call does not wait for one."""
        self._thread.run(self._gateway.preconnect())

    def close(self) -> None:
        """Close the gateway and end the loop thread; may be called twice, and from any thread but the loop's own."""
        try:
            self._thread.run(self._gateway.aclose())
        except GatewayClosed:
            return  # closed before, from either side
        finally:
            self.stop()

    def stop(self) -> None:
        """End the loop thread; the gateway calls this when it is closed from its async face."""
        self._thread.stop()


class SyncChatStream(_Of["S"]):
    """A `ChatStream` for callers that block; iterate over it, leave its block or `close()` it from any thread."""

    def __init__(self, thread: LoopThread, stream: ChatStream[Any]) -> None:
        self._thread = thread
        self._stream = stream
        self._events: list[ChatEvent] = []
        self._next = 0
        self._finished = True
        thread.run(_opened(stream))
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatEvent:
        """Return the next event; one hop to the loop fetches all that have come."""
        if self._next >= len(self._events):
            if self._finished:
                raise StopIteration
            self._events, self._next = self._fetch(), 0
            if not self._events:
                self._finished = True
                raise StopIteration
        event = self._events[self._next]
        self._next += 1
        return event

    def _fetch(self) -> list[ChatEvent]:
        try:
            return self._thread.run(self._stream.events())
        except GatewayClosed as error:
            if error.partial is None:  # the loop was gone before it could say
                error.partial = replace(self._stream.partial, raw=None)
                self._close_stream()
            raise

    def text(self) -> Iterator[str]:
        """Iterate over the text alone."""
        for event in self:
            if type(event) is ContentDelta:
                yield event.text

    def collect(self) -> ChatResponse[S]:
        """Read to the end and return the response."""
        for _ in self:
            pass
        return self.response

    @property
    def provider(self) -> str:
        """Who answers."""
        return self._stream.provider

    @property
    def model(self) -> str:
        """The model as answered, as far as told."""
        return self._stream.model

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._stream.request_id

    @property
    def response(self) -> ChatResponse[S]:
        """The whole response; see `ChatStream.response`."""
        return self._stream.response

    @property
    def partial(self) -> ChatResponse[S]:
        """What has come so far, at any time."""
        return self._stream.partial

    def close(self) -> None:
        """Close the upstream; may be called twice and from another thread."""
        self._finished = True
        self._close_stream()

    def _close_stream(self) -> None:
        if not self._thread.post(self._stream.close):
            self._stream.close()  # nobody reads any more

    def __del__(self) -> None:
        if self._finished or self._stream.ended or sys.is_finalizing():
            return
        self.close()
        warnings.warn(
            "a SyncChatStream was dropped before its end; leave its block or close it", ResourceWarning, 2, self
        )


async def _opened(stream: ChatStream[Any]) -> None:
    await stream


async def _following(items: Any) -> Any:
    return await anext(items, None)


_AT_A_TIME = 256  # items that one hop between threads fetches; a window holds a multiple of it


async def _several(items: AsyncIterator[T]) -> tuple[list[T], BaseException | None]:
    """Return the next items, and what ended the iteration if it ended."""
    found: list[T] = []
    try:
        while len(found) < _AT_A_TIME:
            found.append(await anext(items))
    except (Exception, StopAsyncIteration) as error:  # it is raised behind the items before it
        return found, error
    return found, None


async def _ended(items: Any) -> None:
    await items.aclose()
