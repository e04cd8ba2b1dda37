"""`BackendWrapper`: the base of backends that wrap another one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.query import Query
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults

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

    def nli(self, request: NliRequest) -> Coroutine[Any, Any, NliResults]:
        """Pass a request for inference on."""
        return self.wrapped.nli(request)

    def zero_shot(self, request: ZeroShotRequest) -> Coroutine[Any, Any, Classifications]:
        """Pass a request for zero-shot classification on."""
        return self.wrapped.zero_shot(request)

    def classify(self, request: ClassifyRequest) -> Coroutine[Any, Any, Classifications]:
        """Pass a request for classification on."""
        return self.wrapped.classify(request)

    def stance(self, request: StanceRequest) -> Coroutine[Any, Any, StanceResults]:
        """Pass a request for stances on."""
        return self.wrapped.stance(request)

    def rerank(self, request: RerankRequest) -> Coroutine[Any, Any, Ranking]:
        """Pass a request for reranking on."""
        return self.wrapped.rerank(request)

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
