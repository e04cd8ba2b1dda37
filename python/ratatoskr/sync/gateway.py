"""`SyncGateway`: the methods of a gateway without `await`, over one loop thread that outlives calls.

Calls that return a whole answer run on the calling thread, unless the gateway belongs to one event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from ratatoskr.errors import GatewayClosed, RatatoskrError
from ratatoskr.gateway.embed import EmbedKeywords
from ratatoskr.gateway.request import ChatKeywords, MessagesLike, ModelLike
from ratatoskr.gateway.signature import shows_parameters
from ratatoskr.gateway.stream import ChatStream
from ratatoskr.sync.analysis import SyncAnalysis
from ratatoskr.sync.inspect import SyncInspect
from ratatoskr.sync.loop_thread import LoopThread
from ratatoskr.sync.stream import SyncChatStream
from ratatoskr.sync.thread_loop import can_run_in_thread_loop, run_in_thread_loop
from ratatoskr.sync.tokens import SyncTokens
from ratatoskr.sync.tool_stream import SyncToolStream
from ratatoskr.types.chat import ChatParams, ChatRequest, ChatResponse
from ratatoskr.types.embed import Embedding, Embeddings, InputType
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.message import Message
from ratatoskr.types.timeouts import TimeoutsLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ratatoskr.gateway.base import Gateway
    from ratatoskr.gateway.tools import ToolStream


T = TypeVar("T")


class SyncGateway(SyncInspect, SyncAnalysis, SyncTokens):
    """A gateway with blocking methods. It may be used from several threads, in notebooks and beside running loops.

    Closing it closes the gateway, and vice versa. After a fork it works in the child with a loop of its own.

    Args:
        gateway: the gateway to call.
        loop_bound: whether everything must run on one event loop.
    """

    def __init__(self, gateway: Gateway, *, loop_bound: bool = True) -> None:
        self._gateway = gateway
        self._thread = LoopThread()
        self._one_loop = loop_bound

    def __repr__(self) -> str:
        return f"SyncGateway({self._gateway!r})"

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a call that leaves nothing open, on this thread where that is possible."""
        if self._one_loop or not can_run_in_thread_loop():
            return self._thread.run(coroutine)
        return run_in_thread_loop(coroutine)

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
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> ChatResponse[None]: ...
    @overload
    def chat(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        output: type[T],
        retries_on_invalid: int = 0,
        **keywords: Unpack[ChatKeywords],
    ) -> ChatResponse[T]: ...
    @shows_parameters
    def chat(
        self, messages: MessagesLike, model: ModelLike = None, *, retries_on_invalid: int = 0, **arguments: Any
    ) -> ChatResponse[Any]:
        """Return the answer to a conversation.

        Arguments and errors are those of `EmbeddedGateway.chat`.
        """
        return self._run(self._gateway.chat(messages, model, retries_on_invalid=retries_on_invalid, **arguments))

    @overload
    def chat_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> SyncChatStream[None]: ...
    @overload
    def chat_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        output: type[T],
        **keywords: Unpack[ChatKeywords],
    ) -> SyncChatStream[T]: ...
    @shows_parameters
    def chat_stream(self, messages: MessagesLike, model: ModelLike = None, **arguments: Any) -> SyncChatStream[Any]:
        """Return the answer to a conversation as a stream of events.

        The stream is opened by this call.
        """
        stream: ChatStream[Any] = self._gateway.chat_stream(messages, model, **arguments)
        return SyncChatStream(self._thread, stream)

    @shows_parameters
    def generate(
        self, prompt: str, model: ModelLike = None, *, timeout: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> GenerateResponse:
        """Return the continuation of a prompt: at Ollama by its own endpoint, elsewhere as a chat of one user turn."""
        return self._run(self._gateway.generate(prompt, model, timeout=timeout, **params))

    @shows_parameters
    def generate_stream(
        self, prompt: str, model: ModelLike = None, *, timeout: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> SyncChatStream[None]:
        """Return the continuation of a prompt as a stream; the events are those of a chat.

        The stream is opened by this call.
        """
        stream = self._gateway.generate_stream(prompt, model, timeout=timeout, **params)
        return SyncChatStream(self._thread, stream)

    @overload
    def chat_many(
        self,
        requests: Iterable[MessagesLike | ChatRequest],
        model: ModelLike = None,
        *,
        concurrency: int = 32,
        ordered: bool = False,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> Iterator[tuple[int, ChatResponse[None] | RatatoskrError]]: ...
    @overload
    def chat_many(
        self,
        requests: Iterable[MessagesLike | ChatRequest],
        model: ModelLike = None,
        *,
        concurrency: int = 32,
        ordered: bool = False,
        output: type[T],
        retries_on_invalid: int = 0,
        **keywords: Unpack[ChatKeywords],
    ) -> Iterator[tuple[int, ChatResponse[T] | RatatoskrError]]: ...
    @shows_parameters
    def chat_many(
        self,
        requests: Iterable[MessagesLike | ChatRequest],
        model: ModelLike = None,
        *,
        concurrency: int = 32,
        ordered: bool = False,
        retries_on_invalid: int = 0,
        **arguments: Any,
    ) -> Iterator[tuple[int, ChatResponse[Any] | RatatoskrError]]:
        """Answer many requests, at most `concurrency` at a time, and yield (index, response or error) as they complete.

        Arguments and errors are those of `EmbeddedGateway.chat_many`. Leaving the iteration cancels what is under way.
        """
        arguments |= {"concurrency": concurrency, "ordered": ordered, "retries_on_invalid": retries_on_invalid}
        finished = self._gateway.chat_many(requests, model, **arguments)
        try:
            while (item := self._thread.run(_next_or_none(finished))) is not None:
                yield item
        finally:
            self._thread.run(_close(finished))

    @overload
    def run_tools(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> tuple[ChatResponse[None], tuple[Message, ...]]: ...
    @overload
    def run_tools(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        output: type[T],
        retries_on_invalid: int = 0,
        **keywords: Unpack[ChatKeywords],
    ) -> tuple[ChatResponse[T], tuple[Message, ...]]: ...
    @shows_parameters
    def run_tools(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        retries_on_invalid: int = 0,
        **arguments: Any,
    ) -> tuple[ChatResponse[Any], tuple[Message, ...]]:
        """Chat, run the tools that the model calls, and chat again with their results, until it calls none.

        Arguments and errors are those of `EmbeddedGateway.run_tools`.
        """
        arguments |= {"max_rounds": max_rounds, "retries_on_invalid": retries_on_invalid}
        return self._thread.run(self._gateway.run_tools(messages, model, **arguments))  # type: ignore[no-any-return]

    @overload
    def run_tools_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> SyncToolStream[None]: ...
    @overload
    def run_tools_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        output: type[T],
        **keywords: Unpack[ChatKeywords],
    ) -> SyncToolStream[T]: ...
    @shows_parameters
    def run_tools_stream(
        self, messages: MessagesLike, model: ModelLike = None, *, max_rounds: int = 8, **arguments: Any
    ) -> SyncToolStream[Any]:
        """Return the events of every round of `run_tools`, each of which ends with its own `Done`.

        Arguments are those of `run_tools`; what it raises is raised by the iteration.
        """
        stream: ToolStream[Any] = self._gateway.run_tools_stream(messages, model, max_rounds=max_rounds, **arguments)
        return SyncToolStream(self._thread, stream)

    def embed(
        self,
        text: str,
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        timeout: TimeoutsLike = None,
    ) -> Embedding:
        """Return the vector of one text; arguments and errors are those of `embed_batch`."""
        options = EmbedKeywords(
            input_type=input_type, dimensions=dimensions, truncate=truncate, prompt=prompt, timeout=timeout
        )
        return self._thread.run(self._gateway.embed(text, model, **options))

    def embed_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        timeout: TimeoutsLike = None,
    ) -> Embeddings:
        """Return the vectors of many texts in their order.

        Arguments and errors are those of `EmbeddedGateway.embed_batch`.
        """
        options = EmbedKeywords(
            input_type=input_type, dimensions=dimensions, truncate=truncate, prompt=prompt, timeout=timeout
        )
        return self._thread.run(self._gateway.embed_batch(texts, model, **options))

    def embed_iter(
        self,
        texts: Iterable[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        timeout: TimeoutsLike = None,
    ) -> Iterator[Embedding]:
        """Yield the vectors of any iterable's texts in its order, holding a few windows of them at most.

        The texts are taken on the gateway's own loop. Deadlines and errors are those of `EmbeddedGateway.embed_iter`.
        """
        options = EmbedKeywords(
            input_type=input_type, dimensions=dimensions, truncate=truncate, prompt=prompt, timeout=timeout
        )
        vectors = self._gateway.embed_iter(texts, model, **options)
        try:
            error: BaseException | None = None
            while error is None:
                several, error = self._thread.run(_take_batch(vectors))
                yield from several
            if not isinstance(error, StopAsyncIteration):
                raise error
        finally:
            self._thread.run(_close(vectors))

    def retire(self, grace: float = 30.0) -> None:
        """Refuse new calls, wait for calls and streams under way, then close."""
        self._thread.run(self._gateway.retire(grace))
        self.stop()

    def close(self) -> None:
        """Close the gateway and end the loop thread; may be called twice, but not on the loop's own thread."""
        try:
            self._thread.run(self._gateway.aclose())
        except GatewayClosed:
            return  # already closed
        finally:
            self.stop()

    def stop(self) -> None:
        """End the loop thread; called by the gateway when it is closed."""
        self._thread.stop()


async def _next_or_none(items: Any) -> Any:
    return await anext(items, None)


_BATCH = 256  # items fetched by one hop between threads; a window holds a multiple of it


async def _take_batch(items: AsyncIterator[T]) -> tuple[list[T], BaseException | None]:
    """Return the next items, and the exception that ended the iteration if it ended."""
    found: list[T] = []
    try:
        while len(found) < _BATCH:
            found.append(await anext(items))
    except (Exception, StopAsyncIteration) as error:  # raised after the items before it
        return found, error
    return found, None


async def _close(items: Any) -> None:
    await items.aclose()
