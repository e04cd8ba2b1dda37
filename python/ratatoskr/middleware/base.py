"""`Middleware`: the base class of what stands around calls. A further capability is one method and one row here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults
    from ratatoskr.types.tokens import CountRequest, TokenCount

__all__ = [
    "CAPABILITIES",
    "AskChat",
    "AskClassify",
    "AskCount",
    "AskEmbed",
    "AskEmbedWindows",
    "AskNli",
    "AskRerank",
    "AskStance",
    "AskStream",
    "AskZeroShot",
    "Middleware",
]

AskChat: TypeAlias = "Callable[[ChatRequest, CallOptions], Awaitable[ChatResponse[Any]]]"
"""Passes a chat on and returns the answer."""
AskStream: TypeAlias = "Callable[[ChatRequest, CallOptions], Awaitable[OpenStream]]"
"""Passes a chat on and returns the opened stream."""
AskEmbed: TypeAlias = "Callable[[EmbedRequest, CallOptions], Awaitable[Embeddings]]"
"""Passes texts to embed on and returns their vectors."""
AskEmbedWindows: TypeAlias = "Callable[[EmbedRequest, CallOptions], AsyncGenerator[Embeddings, None]]"
"""Passes an iterable of texts on and yields windows of vectors."""
AskNli: TypeAlias = "Callable[[NliRequest, CallOptions], Awaitable[NliResults]]"
"""Passes a request for the judgements of pairs on and returns them."""
AskZeroShot: TypeAlias = "Callable[[ZeroShotRequest, CallOptions], Awaitable[Classifications]]"
"""Passes a request for the scores of labels of the caller's on and returns them."""
AskClassify: TypeAlias = "Callable[[ClassifyRequest, CallOptions], Awaitable[Classifications]]"
"""Passes a request for the scores of a model's own labels on and returns them."""
AskStance: TypeAlias = "Callable[[StanceRequest, CallOptions], Awaitable[StanceResults]]"
"""Passes a request for the stances of texts on and returns them."""
AskRerank: TypeAlias = "Callable[[RerankRequest, CallOptions], Awaitable[Ranking]]"
"""Passes a request for documents by relevance on and returns them."""

AskCount: TypeAlias = "Callable[[CountRequest, CallOptions], Awaitable[TokenCount]]"
"""Passes what is to be counted on and returns the number of its tokens."""


class Middleware:
    """Stands around every call (`builder.wrap(m)`), or around every try (`builder.wrap(m, each_try=True)`).

    Override what you need; what is not overridden is not called. Each method gets the request, the options of the call
    and `ask`, which passes a request on and returns the answer. A method may change the request, answer without asking,
    ask more than once, and change the answer. It serves several gateways, event loops and concurrent calls.

    `call` names the `provider` and the number of the `attempt` of a try; around a whole call, both are `None`.
    """

    async def chat(self, request: ChatRequest, call: CallOptions, ask: AskChat) -> ChatResponse[Any]:
        """Return the whole answer to a chat or a bare prompt."""
        return await ask(request, call)

    async def open_stream(self, request: ChatRequest, call: CallOptions, ask: AskStream) -> OpenStream:
        """Return a stream whose first events are there; `watch` sees the others."""
        return await ask(request, call)

    async def embed(self, request: EmbedRequest, call: CallOptions, ask: AskEmbed) -> Embeddings:
        """Return the vectors of a list of texts."""
        return await ask(request, call)

    async def embed_windows(
        self, request: EmbedRequest, call: CallOptions, ask: AskEmbedWindows
    ) -> AsyncGenerator[Embeddings, None]:
        """Yield the vectors of an iterable of any length window by window."""
        async for window in ask(request, call):
            yield window

    async def nli(self, request: NliRequest, call: CallOptions, ask: AskNli) -> NliResults:
        """Return the judgements of pairs."""
        return await ask(request, call)

    async def zero_shot(self, request: ZeroShotRequest, call: CallOptions, ask: AskZeroShot) -> Classifications:
        """Return the scores of labels of the caller's."""
        return await ask(request, call)

    async def classify(self, request: ClassifyRequest, call: CallOptions, ask: AskClassify) -> Classifications:
        """Return the scores of a model's own labels."""
        return await ask(request, call)

    async def stance(self, request: StanceRequest, call: CallOptions, ask: AskStance) -> StanceResults:
        """Return the stances of texts; no provider has this method: tries are `zero_shot` or `chat`."""
        return await ask(request, call)

    async def rerank(self, request: RerankRequest, call: CallOptions, ask: AskRerank) -> Ranking:
        """Return documents by relevance."""
        return await ask(request, call)

    async def count_tokens(self, request: CountRequest, call: CallOptions, ask: AskCount) -> TokenCount:
        """Return the number of tokens of a text or a conversation; a try is a count by a provider."""
        return await ask(request, call)


@dataclass(frozen=True, slots=True)
class Capability:
    """A method of `Middleware` and the methods that it stands around.

    Attributes:
        name: of the middleware's method, which is that of the backend's.
        provider: the name of the provider's method.
        answer: the module and the class of what both return, or yield.
    """

    name: str
    provider: str
    answer: tuple[str, str]


CAPABILITIES = (
    Capability("chat", "chat", ("types.chat", "ChatResponse")),
    Capability("open_stream", "open", ("backend.stream", "OpenStream")),
    Capability("embed", "embed_batch", ("types.embed", "Embeddings")),
    Capability("embed_windows", "embed_windows", ("types.embed", "Embeddings")),
    Capability("nli", "infer_nli", ("types.nli", "NliResults")),
    Capability("zero_shot", "classify_zero_shot", ("types.classify", "Classifications")),
    Capability("classify", "classify", ("types.classify", "Classifications")),
    Capability("stance", "stance", ("types.stance", "StanceResults")),
    Capability("rerank", "rerank", ("types.rerank", "Ranking")),
    Capability("count_tokens", "count_tokens", ("types.tokens", "TokenCount")),
)
"""What a middleware may stand around."""


def overridden(middleware: Middleware) -> tuple[str, ...]:
    """Return the names of the methods that a middleware overrides.

    Raises:
        ConfigurationError: it is a class or no middleware, overrides nothing, or a method that takes other arguments.
    """
    if isinstance(middleware, type):
        name = middleware.__name__
        raise ConfigurationError(f"the middleware {name} is a class: pass an object, as {name}()", field="middleware")
    if not isinstance(middleware, Middleware):
        raise ConfigurationError(
            f"a middleware must be an object of a subclass of Middleware, not {quote(middleware)}", field="middleware"
        )
    cls = type(middleware)
    names = tuple(
        one.name
        for one in CAPABILITIES
        if one.name in vars(middleware) or getattr(cls, one.name) is not getattr(Middleware, one.name)
    )
    if not names:
        known = ", ".join(one.name for one in CAPABILITIES)
        raise ConfigurationError(f"the middleware {cls.__name__} overrides none of {known}", field="middleware")
    for name in names:
        _check_arguments(cls.__name__, name, getattr(middleware, name))
    return names


def _check_arguments(cls: str, name: str, method: Any) -> None:
    import inspect

    if not callable(method):
        raise ConfigurationError(f"{cls}.{name} is not a method", field="middleware")
    try:
        inspect.signature(method).bind("request", "call", "ask")
    except (TypeError, ValueError):
        raise ConfigurationError(f"{cls}.{name} must take (self, request, call, ask)", field="middleware") from None
    if name != "embed_windows" and (inspect.isasyncgenfunction(method) or inspect.isgeneratorfunction(method)):
        raise ConfigurationError(f"{cls}.{name} must return an answer: it is a generator", field="middleware")
    if name == "embed_windows" and inspect.iscoroutinefunction(method):
        raise ConfigurationError(f"{cls}.{name} must yield windows: it is not a generator", field="middleware")
