"""Chats and bare prompts: the public methods, each of which makes one request for the backend.

A class with a `backend` (every `Gateway`) inherits them; any other class that has such methods satisfies the Protocol.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from ratatoskr.errors import RatatoskrError
from ratatoskr.gateway.request import MessagesLike, ModelLike, backend_of, check_request, request_of
from ratatoskr.gateway.stream import ChatStream
from ratatoskr.types.chat import ChatParams, ChatRequest, ChatResponse
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.timeouts import TimeoutsLike
from ratatoskr.types.tool import ToolLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ratatoskr.backend.stream import OpenStream

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
        """Return the answer to a conversation.

        Args:
            messages: a `str` (one user turn), a `Message`, or a sequence of them.
            model: a name, a sequence of names (a fallback chain), or `ChatOptions`.
            **arguments: `tools`, `tool_choice`, `output` (the type of the answer), `timeouts` (total seconds, or
                `Timeouts`), and the parameters of `ChatParams`, which override those of the options.

        Raises:
            InvalidInput: something in the request is wrong; nothing was sent.
            RatatoskrError: the only candidate's error, with `attempts`.
            AllAttemptsFailed: two or more candidates were tried.
        """
        return await backend_of(self).chat(request_of(messages, model, **arguments))

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
        """Return the answer to a conversation as a stream of events.

        Arguments are those of `chat`; what `chat` raises is raised when the stream is opened.
        """

        async def opener() -> OpenStream:
            return await backend_of(self).open_stream(request_of(messages, model, **arguments))

        return ChatStream(opener)

    async def chat_many(
        self, requests: Iterable[ChatRequest], concurrency: int = 32
    ) -> AsyncIterator[tuple[int, ChatResponse[Any] | RatatoskrError]]:
        """Answer many requests, at most `concurrency` at a time, and yield (index, response or error) as they complete.

        The requests are taken one by one as there is room, so they may come from a generator.
        """
        from ratatoskr.gateway.batch import as_completed

        backend = backend_of(self)

        async def chat(request: ChatRequest) -> ChatResponse[Any]:
            return await backend.chat(check_request(request))

        async for completed in as_completed(chat, requests, concurrency):
            yield completed


class Generate(Protocol):
    """Continues bare prompts."""

    async def generate(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> GenerateResponse:
        """Return the continuation of a prompt: at Ollama by its own endpoint, elsewhere as a chat of one user turn.

        Raises:
            RatatoskrError: as `chat` does.
        """
        request = request_of(prompt, model, timeouts=timeouts, **params)
        return GenerateResponse.of(await backend_of(self).chat(replace(request, kind="generate")))

    def generate_stream(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> ChatStream[None]:
        """Return the continuation of a prompt as a stream; the events are those of a chat."""

        async def opener() -> OpenStream:
            request = request_of(prompt, model, timeouts=timeouts, **params)
            return await backend_of(self).open_stream(replace(request, kind="generate"))

        return ChatStream(opener)
