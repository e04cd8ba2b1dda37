"""What a provider offers to a backend: one Protocol per capability, found by presence."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.metadata import Parameter
from ratatoskr.types.model import LocalHealth, ModelInfo, ModelStatus, Plan
from ratatoskr.types.nli import NliRequest, NliResults
from ratatoskr.types.rerank import Ranking, RerankRequest
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.tokens import CountRequest, TokenCount, Tokenizations

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import EventSource
    from ratatoskr.models.knowledge import ModelKnowledge
    from ratatoskr.models.pricing import Pricing


@dataclass(frozen=True, init=False)
class CallOptions:
    """The parameters of one attempt at one candidate; of a whole call, where only the request says more.

    Attributes:
        model: the model's name there; empty for a whole call.
        deadlines: the limits of this attempt.
        policy: what happens to a parameter that the model does not support: `error`, `drop` or `pass`.
        provider: the name of the provider; `None` for a whole call.
        attempt: the number of the attempt in its call, from 1; `None` for a whole call.
        has_next: whether another candidate that the caller named is ready, so that this one need not be waited for.
        key: which of the provider's keys to use, from 0; `None` leaves that to the provider.
        pricing: gives an answer its cost; `None` where prices are not wanted.
        knowledge: checks the request before it is sent; `None` where nothing is known of models.
    """

    model: str
    deadlines: Deadlines
    policy: ParameterPolicy = "error"
    provider: str | None = None
    attempt: int | None = None
    has_next: bool = False
    key: int | None = None
    pricing: Pricing | None = None
    knowledge: ModelKnowledge | None = None

    def __init__(
        self,
        model: str,
        deadlines: Deadlines,
        policy: ParameterPolicy = "error",
        provider: str | None = None,
        attempt: int | None = None,
        has_next: bool = False,
        key: int | None = None,
        pricing: Pricing | None = None,
        knowledge: ModelKnowledge | None = None,
    ) -> None:
        # at once: one is made for every attempt, and the generated method of a frozen class sets field by field
        self.__dict__.update(
            model=model,
            deadlines=deadlines,
            policy=policy,
            provider=provider,
            attempt=attempt,
            pricing=pricing,
            knowledge=knowledge,
        )
        if has_next or key is not None:
            self.__dict__.update(has_next=has_next, key=key)


class ChatProvider(Protocol):
    """A provider of chats; each call is one attempt, without retry or fallback."""

    name: str

    async def chat(self, request: ChatRequest, call: CallOptions) -> ChatResponse[Any]:
        """Return the whole answer; raises `RatatoskrError`."""
        ...

    async def open(self, request: ChatRequest, call: CallOptions) -> EventSource:
        """Return a stream whose response headers have arrived; raises `RatatoskrError`."""
        ...


@runtime_checkable
class ListsModels(Protocol):
    """A provider that can list its models."""

    async def models(self, deadlines: Deadlines) -> list[ModelInfo]:
        """Return the models; raises `RatatoskrError`."""
        ...


@runtime_checkable
class DescribesParameters(Protocol):
    """A provider that knows what its models accept."""

    def parameters(self, model: str, max_output_tokens: int | None = None) -> dict[str, Parameter]:
        """Return what a model accepts of each parameter of `chat`.

        Args:
            model: its name there.
            max_output_tokens: the most tokens of an answer, as far as is known elsewhere.
        """
        ...


@runtime_checkable
class Plans(Protocol):
    """A provider that can describe the request that it would send."""

    def plan(self, request: ChatRequest, call: CallOptions, why: str, *, body: bool = False) -> Plan:
        """Return what would be sent, with `body` the whole HTTP request; a refusal is part of the plan."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """A provider that may have an address that counts the tokens of a request."""

    @property
    def counts_tokens(self) -> bool:
        """Whether it has one."""
        ...

    async def count_tokens(self, request: CountRequest, call: CallOptions) -> TokenCount:
        """Return its count; raises `RatatoskrError`."""
        ...


class TokenCounter(Protocol):
    """Counts and places tokens in this process."""

    def is_mapped(self, model: str) -> bool:
        """Return whether the user chose the tokenizer of this name."""
        ...

    def inline_limit(self, model: str) -> int:
        """Return how many characters of a text are counted in about a millisecond."""
        ...

    def count(self, request: CountRequest, model: str | None = None) -> TokenCount:
        """Return the count of a text or a conversation; `model` replaces the request's. Raises `RatatoskrError`."""
        ...

    def count_prompt(self, request: ChatRequest, model: str) -> int | None:
        """Return the exact number of tokens of a conversation's texts; `None` where only an estimate is possible."""
        ...

    def tokenize_batch(self, texts: Sequence[str], model: str) -> Tokenizations:
        """Return the tokens of texts; raises `RatatoskrError`."""
        ...


class EmbedProvider(Protocol):
    """A provider of embeddings; each call is one attempt, without fallback.

    Attributes:
        name: as in the prefix of its models' names.
        names: every name that a caller may use, case-folded, to the canonical name of the model: its repository on the
            hub or the path of its folder. Providers with the same canonical name serve the very same model.
    """

    name: str
    names: Mapping[str, str]

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Return the vectors of the request's list of texts; raises `RatatoskrError`."""
        ...

    def embed_windows(self, request: EmbedRequest, call: CallOptions) -> AsyncGenerator[Embeddings, None]:
        """Yield the vectors of an iterable of any length window by window; raises `RatatoskrError`.

        `ModelNotAvailable` is raised before the first text is taken, so that another provider can take all of them.
        """
        ...

    async def models(self) -> list[ModelInfo]:
        """Return the models."""
        ...


@runtime_checkable
class RemoteEmbedProvider(Protocol):
    """A provider of embeddings whose API takes a limited number of texts; each call is one request.

    It has no list of its models: any name may be one.
    """

    name: str

    def split(self, texts: Sequence[str], model: str) -> list[int]:
        """Return the numbers of texts of the requests that the API takes, in order."""
        ...

    def concurrency(self) -> int:
        """Return the number of requests of one call that may be under way at a time."""
        ...

    def uses_hub_names(self) -> bool:
        """Return whether models are named by their repositories on the hub, and are those very models."""
        ...

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Return the vectors of texts that one request takes; raises `RatatoskrError`."""
        ...

    def plan_embedding(self, model: str, reason: str) -> Plan:
        """Return where texts would be sent."""
        ...

    async def models(self) -> list[ModelInfo]:
        """Return the known models of a provider that has no list of its own."""
        ...


class FindsModels(Protocol):
    """A provider of one or more of the capabilities below; each call is one attempt, without fallback.

    Attributes:
        name: as in the prefix of its models' names.
    """

    name: str

    def find_model(self, name: str) -> str | None:
        """Return the canonical name of a model that this provider serves, without a prefix; `None` for any other.

        Providers with the same canonical name, such as its repository on the hub, serve the very same model.
        """
        ...


@runtime_checkable
class NliProvider(FindsModels, Protocol):
    """A provider of natural language inference."""

    async def infer_nli(self, request: NliRequest, call: CallOptions) -> NliResults:
        """Return the judgements of the request's pairs; raises `RatatoskrError`."""
        ...


@runtime_checkable
class ZeroShotProvider(FindsModels, Protocol):
    """A provider of classification with labels of the caller's."""

    async def classify_zero_shot(self, request: ZeroShotRequest, call: CallOptions) -> Classifications:
        """Return the labels of the request's texts; raises `RatatoskrError`."""
        ...


@runtime_checkable
class ClassifyProvider(FindsModels, Protocol):
    """A provider of classification with labels that a model was trained for."""

    async def classify(self, request: ClassifyRequest, call: CallOptions) -> Classifications:
        """Return the labels of the request's texts; raises `RatatoskrError`."""
        ...


@runtime_checkable
class RerankProvider(FindsModels, Protocol):
    """A provider of reranking."""

    async def rerank(self, request: RerankRequest, call: CallOptions) -> Ranking:
        """Return the request's documents, the most relevant first; raises `RatatoskrError`."""
        ...


@runtime_checkable
class KeepsModels(Protocol):
    """A provider whose models are in the memory of this process."""

    async def models(self) -> list[ModelInfo]:
        """Return the configured models."""
        ...

    async def preload(self, model: str) -> None:
        """Load a model unless it is loaded; raises what loading raises."""
        ...

    async def unload(self, model: str) -> None:
        """Unload a model."""
        ...

    async def status(self, model: str) -> ModelStatus:
        """Return whether a model can be used."""
        ...

    async def health(self) -> tuple[LocalHealth, ...]:
        """Return the state of each model."""
        ...

    async def aclose(self) -> None:
        """End the threads and unload every model; calls under way end with `GatewayClosed`."""
        ...
