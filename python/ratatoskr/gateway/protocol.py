"""What callers may rely on: one Protocol per capability, and all of them together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from ratatoskr.errors import RatatoskrError
from ratatoskr.types.chat import ChatOptions, ChatParams, ChatRequest, ChatResponse
from ratatoskr.types.embed import Embedding, Embeddings, InputType
from ratatoskr.types.generate import GenerateResponse
from ratatoskr.types.message import Message
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus
from ratatoskr.types.timeouts import TimeoutsLike
from ratatoskr.types.tool import ToolLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ratatoskr.gateway.stream import ChatStream

T = TypeVar("T")

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
