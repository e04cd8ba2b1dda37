"""One Protocol per capability: what a gateway gives to callers, and what a provider gives to the chain."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, overload, runtime_checkable

from ratatoskr.errors import RatatoskrError
from ratatoskr.types.chat import ChatOptions, ChatParams, ChatRequest, ChatResponse
from ratatoskr.types.embed import Embedding, Embeddings, EmbedRequest, InputType
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.message import Message
from ratatoskr.types.model import Explanation, Health, LocalHealth, ModelInfo, ModelStatus, Plan
from ratatoskr.types.timeouts import Deadlines, TimeoutsLike
from ratatoskr.types.tool import ToolLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ratatoskr.stream import ChatStream

T = TypeVar("T")

Policy = Literal["error", "drop", "pass"]
MessagesLike = str | Message | Sequence[Message]
ModelLike = str | Sequence[str] | ChatOptions | None


class Chat(Protocol):
    """Answers conversations: every gateway, and what a test may stand in for it."""

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
        """Answer a conversation whole; see `ModelGateway.chat`."""
        ...

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
        """Answer a conversation as it is made; see `ModelGateway.chat_stream`."""
        ...


class Embed(Protocol):
    """Turns texts into vectors: every gateway, and what a test may stand in for it."""

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
        """Return the vector of one text."""
        ...

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
        """Return the vectors of many texts in their order."""
        ...

    def embed_iter(
        self,
        texts: Iterable[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        timeouts: TimeoutsLike = None,
    ) -> AsyncIterator[Embedding]:
        """Yield the vectors of any iterable's texts in its order, in bounded memory."""
        ...


class ModelGateway(Chat, Embed, Protocol):
    """Everything that a gateway does, whether in this process or elsewhere."""

    async def generate(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> GenerateResponse:
        """Continue a prompt."""
        ...

    def generate_stream(
        self, prompt: str, model: ModelLike = None, *, timeouts: TimeoutsLike = None, **params: Unpack[ChatParams]
    ) -> ChatStream[None]:
        """Continue a prompt, streaming; the events are a chat's."""
        ...

    def chat_many(
        self, requests: Iterable[ChatRequest], concurrency: int = 32
    ) -> AsyncIterator[tuple[int, ChatResponse[Any] | RatatoskrError]]:
        """Answer many requests at once, yielding each with its index as it is done."""
        ...

    async def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """Return the models that the configured providers serve, by asking them."""
        ...

    async def model_status(self, model: str) -> ModelStatus:
        """Tell whether a model can be used."""
        ...

    async def explain(self, model: ModelLike, messages: MessagesLike = "", **arguments: Any) -> Explanation:
        """Tell what a call would do, without sending anything."""
        ...

    async def capabilities(self) -> frozenset[str]:
        """Return what this gateway can do."""
        ...

    async def health(self) -> Health:
        """Tell which providers are configured, without sending anything."""
        ...

    async def preload(self, model: str) -> None:
        """Load a model of this process ahead of use."""
        ...

    async def unload(self, model: str) -> None:
        """Let go of a model of this process and give its memory back."""
        ...

    async def preconnect(self) -> None:
        """Open a connection to each configured provider ahead of use."""
        ...

    async def aclose(self) -> None:
        """Close every connection; every call and open stream ends with `GatewayClosed`."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """What one try at one candidate is to keep to.

    Attributes:
        model: the model's name there.
        deadlines: of this try.
        policy: what to do with a parameter that the model does not take: `error`, `drop` or `pass`.
        generate: a bare prompt is to be continued, for providers that have an endpoint of its own for that.
    """

    model: str
    deadlines: Deadlines
    policy: Policy = "error"
    generate: bool = False


class EventSource(Protocol):
    """An open stream of one provider."""

    provider: str

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request; known with the first events."""
        ...

    async def batch(self) -> list[ChatEvent]:
        """Return the events that have come, at least one; after `Done` it is not called again.

        Raises:
            RatatoskrError: the stream ended in any other way than its end.
        """
        ...

    def response(self) -> ChatResponse[Any]:
        """Return what has come so far."""
        ...

    def close(self) -> None:
        """Close the upstream; may be called twice."""
        ...


class ChatProvider(Protocol):
    """One provider, asked directly: one try, no retry, no other provider."""

    name: str

    async def chat(self, request: ChatRequest, call: Call) -> ChatResponse[Any]:
        """Answer whole; raises one `RatatoskrError`."""
        ...

    async def open(self, request: ChatRequest, call: Call) -> EventSource:
        """Begin a stream: the response's head is there; raises one `RatatoskrError`."""
        ...


@runtime_checkable
class ListsModels(Protocol):
    """A provider that tells which models it serves."""

    async def models(self, deadlines: Deadlines) -> list[ModelInfo]:
        """Ask for the list; raises one `RatatoskrError`."""
        ...


@runtime_checkable
class Plans(Protocol):
    """A provider that can tell what it would send."""

    def plan(self, request: ChatRequest, call: Call, why: str) -> Plan:
        """Return the request in the provider's words; what would be refused is told in the plan."""
        ...


class EmbedProvider(Protocol):
    """Somebody who embeds, asked directly: one try, no other provider.

    Attributes:
        name: as in the prefix of its models' names.
        names: every name that a caller may use, folded, with the one name of the model: its repository on the hub, or
            the path of its folder. Providers that give the same name serve the very same model.
    """

    name: str
    names: Mapping[str, str]

    async def embed_batch(self, request: EmbedRequest, call: Call) -> Embeddings:
        """Embed the request's list of texts; raises one `RatatoskrError`."""
        ...

    def embed_windows(self, request: EmbedRequest, call: Call) -> AsyncGenerator[Embeddings, None]:
        """Embed an iterable of any length window by window; raises one `RatatoskrError`.

        `ModelNotAvailable` comes before the first text is taken, so that another provider can be given all of them.
        """
        ...

    async def models(self) -> list[ModelInfo]:
        """Return what it serves."""
        ...


@runtime_checkable
class KeepsModels(Protocol):
    """Somebody whose models are in the memory of this process."""

    async def preload(self, model: str) -> None:
        """Load a model, if it is not; raises what loading raises."""
        ...

    async def unload(self, model: str) -> None:
        """Let go of a model."""
        ...

    async def status(self, model: str) -> ModelStatus:
        """Tell whether a model can be used."""
        ...

    async def health(self) -> tuple[LocalHealth, ...]:
        """Tell how each model is."""
        ...

    async def aclose(self) -> None:
        """End the threads and let go of every model; calls under way end with `GatewayClosed`."""
        ...
