"""Chats and bare prompts: the public methods, each of which makes one request for the backend.

A class with a `backend` (every `Gateway`) inherits them; any other class that has such methods satisfies the Protocol.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from ratatoskr.errors import RatatoskrError
from ratatoskr.gateway.request import (
    ChatKeywords,
    MessagesLike,
    ModelLike,
    backend_of,
    check_request,
    options_of,
    refuse_retries,
    request_of,
)
from ratatoskr.gateway.signature import shows_parameters
from ratatoskr.gateway.stream import ChatStream
from ratatoskr.types.chat import CALL_KEYWORDS, ChatParams, ChatRequest, ChatResponse
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.timeouts import TimeoutsLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.gateway.tools import ToolStream
    from ratatoskr.types.message import Message

T = TypeVar("T")

__all__ = ["Chat", "Generate"]


class Chat(Protocol):
    """Answers conversations."""

    @overload
    async def chat(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> ChatResponse[None]: ...
    @overload
    async def chat(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        output: type[T],
        retries_on_invalid: int = 0,
        **keywords: Unpack[ChatKeywords],
    ) -> ChatResponse[T]: ...
    @shows_parameters
    async def chat(
        self, messages: MessagesLike, model: ModelLike = None, *, retries_on_invalid: int = 0, **arguments: Any
    ) -> ChatResponse[Any]:
        """Return the answer to a conversation.

        Args:
            messages: a `str` (one user turn), a `Message`, a dict in the form of OpenAI's Chat Completions, or a
                sequence of messages and dicts.
            model: a name, a sequence of names (a fallback chain), or `ChatOptions`.
            retries_on_invalid: how often an answer that does not validate as `output` is sent back with the errors;
                each try is in `attempts`, and `usage` is the sum.
            **arguments: `tools`, `tool_choice`, `output` (the type of the answer), `timeout` (total seconds, or
                `Timeouts`), and the parameters of `ChatParams`, which override those of the options.

        Raises:
            InvalidInput: something in the request is wrong; nothing was sent.
            RatatoskrError: the only candidate's error, with `attempts`.
            AllAttemptsFailed: two or more candidates were tried.
        """
        request = request_of(messages, model, **arguments)
        if not retries_on_invalid:
            return await backend_of(self).chat(request)
        from ratatoskr.gateway.output import chat_until_valid

        return await chat_until_valid(backend_of(self).chat, request, retries_on_invalid)

    @overload
    def chat_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> ChatStream[None]: ...
    @overload
    def chat_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        output: type[T],
        **keywords: Unpack[ChatKeywords],
    ) -> ChatStream[T]: ...
    @shows_parameters
    def chat_stream(self, messages: MessagesLike, model: ModelLike = None, **arguments: Any) -> ChatStream[Any]:
        """Return the answer to a conversation as a stream of events.

        Arguments are those of `chat` but `retries_on_invalid`; what `chat` raises is raised when the stream is opened.
        """

        async def opener() -> OpenStream:
            return await backend_of(self).open_stream(request_of(messages, model, **refuse_retries(arguments)))

        return ChatStream(opener)

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
    ) -> AsyncIterator[tuple[int, ChatResponse[None] | RatatoskrError]]: ...
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
    ) -> AsyncIterator[tuple[int, ChatResponse[T] | RatatoskrError]]: ...
    @shows_parameters
    async def chat_many(
        self,
        requests: Iterable[MessagesLike | ChatRequest],
        model: ModelLike = None,
        *,
        concurrency: int = 32,
        ordered: bool = False,
        retries_on_invalid: int = 0,
        **arguments: Any,
    ) -> AsyncIterator[tuple[int, ChatResponse[Any] | RatatoskrError]]:
        """Answer many requests, at most `concurrency` at a time, and yield (index, response or error) as they complete.

        The requests are taken one by one as there is room, so they may come from a generator.

        Args:
            requests: messages as `chat` takes them, or `ChatRequest`s, which stand as they are.
            model: of the requests that are messages, as are the other arguments.
            concurrency: the most requests under way; a daemon may allow its client fewer.
            ordered: yield in the order of the requests; at most `concurrency` answers wait for an earlier one.
            retries_on_invalid: as `chat` takes it, for every request.
            **arguments: those of `chat`.

        Raises:
            InvalidInput: an item is neither messages nor a request. It is raised after the answers to those before it,
                as is what the iterable itself raises.
        """
        from ratatoskr.gateway.batch import answer_many
        from ratatoskr.gateway.output import chat_until_valid

        backend = backend_of(self)
        options = options_of(model, {name: arguments[name] for name in arguments if name not in CALL_KEYWORDS})
        keywords = {name: value for name, value in arguments.items() if name in CALL_KEYWORDS}

        async def chat(item: Any) -> ChatResponse[Any]:
            request = check_request(item) if isinstance(item, ChatRequest) else request_of(item, options, **keywords)
            return await chat_until_valid(backend.chat, request, retries_on_invalid)

        if (max_calls := getattr(backend, "max_calls", None)) is not None:
            concurrency = min(concurrency, await max_calls() or concurrency)
        async for answered in answer_many(chat, requests, concurrency, ordered=ordered):
            yield answered

    @overload
    async def run_tools(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> tuple[ChatResponse[None], tuple[Message, ...]]: ...
    @overload
    async def run_tools(
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
    async def run_tools(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        retries_on_invalid: int = 0,
        **arguments: Any,
    ) -> tuple[ChatResponse[Any], tuple[Message, ...]]:
        """Chat, run the tools that the model calls, and chat again with their results, until it calls none.

        Args:
            messages: as `chat` takes them.
            model: as `chat` takes it.
            max_rounds: the most turns of the model.
            retries_on_invalid: as `chat` takes it; an answer that calls tools is not validated.
            **arguments: those of `chat`; each of `tools` needs a function to run.

        Returns:
            The last response, and every message that came after the given ones: append them to the history. After
            `max_rounds` the last response may still hold calls that were not run.

        Raises:
            InvalidInput: a tool has no function to run, `max_rounds` is below 1, or what `chat` refuses.
            RatatoskrError: what `chat` raises.
        """
        from ratatoskr.gateway.tools import run_tools

        return await run_tools(self, request_of(messages, model, **arguments), max_rounds, retries_on_invalid)

    @overload
    def run_tools_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        output: None = None,
        **keywords: Unpack[ChatKeywords],
    ) -> ToolStream[None]: ...
    @overload
    def run_tools_stream(
        self,
        messages: MessagesLike,
        model: ModelLike = None,
        *,
        max_rounds: int = 8,
        output: type[T],
        **keywords: Unpack[ChatKeywords],
    ) -> ToolStream[T]: ...
    @shows_parameters
    def run_tools_stream(
        self, messages: MessagesLike, model: ModelLike = None, *, max_rounds: int = 8, **arguments: Any
    ) -> ToolStream[Any]:
        """Return the events of every round of `run_tools`, each of which ends with its own `Done`.

        Arguments are those of `run_tools` but `retries_on_invalid`; what it raises is raised by the iteration.
        """
        from ratatoskr.gateway.tools import ToolStream

        return ToolStream(self, lambda: request_of(messages, model, **refuse_retries(arguments)), max_rounds)


class Generate(Protocol):
    """Continues bare prompts."""

    @shows_parameters
    async def generate(
        self, prompt: str, model: ModelLike = None, *, timeout: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> GenerateResponse:
        """Return the continuation of a prompt: at Ollama by its own endpoint, elsewhere as a chat of one user turn.

        Raises:
            RatatoskrError: as `chat` does.
        """
        request = request_of(prompt, model, timeout=timeout, **params)
        return GenerateResponse.of(await backend_of(self).chat(replace(request, kind="generate")))

    @shows_parameters
    def generate_stream(
        self, prompt: str, model: ModelLike = None, *, timeout: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> ChatStream[None]:
        """Return the continuation of a prompt as a stream; the events are those of a chat."""

        async def opener() -> OpenStream:
            request = request_of(prompt, model, timeout=timeout, **params)
            return await backend_of(self).open_stream(replace(request, kind="generate"))

        return ChatStream(opener)
