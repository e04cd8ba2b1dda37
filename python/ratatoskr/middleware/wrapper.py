"""`BackendWrapper`: the base of backends that wrap another one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.query import Query
    from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest

A = TypeVar("A")

__all__ = ["BackendWrapper"]


class BackendWrapper:
    """Passes every request on; subclasses override the methods that they change.

    What the wrapped backend has beyond `Backend` (`retire`, `preload`, `loop_bound`, …) is found here, too.

    Args:
        backend: the one to wrap.
    """

    def __init__(self, backend: Backend) -> None:
        self.wrapped = backend

    def chat(self, request: ChatRequest) -> Coroutine[Any, Any, ChatResponse[Any]]:
        """Pass a chat on."""
        return self.wrapped.chat(request)

    def open_stream(self, request: ChatRequest) -> Coroutine[Any, Any, OpenStream]:
        """Pass the opening of a stream on."""
        return self.wrapped.open_stream(request)

    def embed(self, request: EmbedRequest) -> Coroutine[Any, Any, Embeddings]:
        """Pass an embedding request on."""
        return self.wrapped.embed(request)

    def embed_windows(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Pass an embedding request of any length on."""
        return self.wrapped.embed_windows(request)

    def count_tokens(self, request: CountRequest) -> Coroutine[Any, Any, TokenCount]:
        """Pass a count on."""
        return self.wrapped.count_tokens(request)

    def tokenize(self, request: TokenizeRequest) -> Coroutine[Any, Any, Tokenizations]:
        """Pass texts to tokenise on."""
        return self.wrapped.tokenize(request)

    def inspect(self, query: Query[A]) -> Coroutine[Any, Any, A]:
        """Pass a question on."""
        return self.wrapped.inspect(query)

    async def aclose(self) -> None:
        """Close the wrapped backend."""
        await self.wrapped.aclose()

    def __getattr__(self, name: str) -> Any:
        if name == "wrapped":  # not set yet, as while unpickling or copying
            raise AttributeError(name)
        return getattr(self.wrapped, name)
