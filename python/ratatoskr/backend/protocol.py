"""The seam below every gateway: one narrow method a capability, each taking one frozen request.

What a backend may have beyond it is a Protocol of its own and found by presence.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.types.allowance import BudgetStatus, LimitStatus
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.event import ChatEvent
    from ratatoskr.types.model import Explanation
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.query import Query
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults
    from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations, TokenizeRequest

A = TypeVar("A")


class Backend(Protocol):
    """Answers requests: in this process, over a network, from a script, or by wrapping another backend."""

    def chat(self, request: ChatRequest) -> Coroutine[Any, Any, ChatResponse[Any]]:
        """Return the whole response; raises `RatatoskrError`."""
        ...

    def open_stream(self, request: ChatRequest) -> Coroutine[Any, Any, OpenStream]:
        """Open a stream and return it once its first semantic event is there; raises `RatatoskrError`."""
        ...

    def embed(self, request: EmbedRequest) -> Coroutine[Any, Any, Embeddings]:
        """Return the vectors of the request's texts; raises `RatatoskrError`."""
        ...

    def embed_windows(self, request: EmbedRequest) -> AsyncGenerator[Embeddings, None]:
        """Yield the vectors of an iterable of any length window by window; raises `RatatoskrError`."""
        ...

    def nli(self, request: NliRequest) -> Coroutine[Any, Any, NliResults]:
        """Return the judgements of the request's pairs; raises `RatatoskrError`."""
        ...

    def zero_shot(self, request: ZeroShotRequest) -> Coroutine[Any, Any, Classifications]:
        """Return the labels of the request's texts, out of the caller's; raises `RatatoskrError`."""
        ...

    def classify(self, request: ClassifyRequest) -> Coroutine[Any, Any, Classifications]:
        """Return the labels of the request's texts, out of the model's own; raises `RatatoskrError`."""
        ...

    def stance(self, request: StanceRequest) -> Coroutine[Any, Any, StanceResults]:
        """Return the stances of the request's texts; raises `RatatoskrError`."""
        ...

    def rerank(self, request: RerankRequest) -> Coroutine[Any, Any, Ranking]:
        """Return the request's documents, the most relevant first; raises `RatatoskrError`."""
        ...

    def count_tokens(self, request: CountRequest) -> Coroutine[Any, Any, TokenCount]:
        """Return the number of tokens of a text or a conversation; raises `RatatoskrError`."""
        ...

    def tokenize(self, request: TokenizeRequest) -> Coroutine[Any, Any, Tokenizations]:
        """Return the tokens of texts with their places; raises `RatatoskrError`."""
        ...

    def inspect(self, query: Query[A]) -> Coroutine[Any, Any, A]:
        """Return the answer to a question about models, providers or a request; raises `RatatoskrError`."""
        ...

    async def aclose(self) -> None:
        """Release everything; calls and open streams end with `GatewayClosed`. May be called twice."""
        ...


class LoopBound(Protocol):
    """A backend that may have to be used from one event loop."""

    @property
    def loop_bound(self) -> bool:
        """Whether it belongs to the event loop that uses it first."""
        ...


class Retirable(Protocol):
    """A backend that can finish what it has begun."""

    async def retire(self, grace: float) -> None:
        """Refuse new calls, wait up to `grace` seconds for those under way, then close."""
        ...


class ModelMemory(Protocol):
    """A backend whose models can be loaded ahead of use and unloaded."""

    async def preload(self, model: str) -> None:
        """Load a model unless it is loaded; raises what loading raises."""
        ...

    async def unload(self, model: str) -> None:
        """Unload a model and release its memory; the next call loads it again."""
        ...


class Preconnects(Protocol):
    """A backend that can open connections ahead of use."""

    async def preconnect(self) -> None:
        """Open a connection to each configured provider; failures are left to the first call."""
        ...


class BoundedCalls(Protocol):
    """A backend that takes only so many calls of one caller at a time."""

    async def max_calls(self) -> int | None:
        """Return the most calls at a time; `None` where there is no limit, or it is not known."""
        ...


class EventSource(Protocol):
    """The events of one open stream."""

    provider: str

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request; known with the first events."""
        ...

    async def batch(self) -> list[ChatEvent]:
        """Return the events that have come, at least one; not called again after `Done`.

        Raises:
            RatatoskrError: the stream did not end as its dialect ends streams.
        """
        ...

    def response(self) -> ChatResponse[Any]:
        """Return what has come so far."""
        ...

    def close(self) -> None:
        """Close the upstream; may be called twice."""
        ...


class Allowances(Protocol):
    """Limits and budgets that the calls of a backend are subject to."""

    async def health(self) -> tuple[tuple[LimitStatus, ...], tuple[BudgetStatus, ...]]:
        """Return what is used of every limit and budget."""
        ...

    async def explain(self, explanation: Explanation) -> Explanation:
        """Return an explanation with the limits of each candidate, and the budgets."""
        ...


class Closeable(Protocol):
    """Parts that several backends may share."""

    async def aclose(self) -> None:
        """Close the parts that no other backend uses; may be called twice."""
        ...
