"""What a provider offers to a backend: one Protocol per capability, found by presence."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import LocalHealth, ModelInfo, ModelStatus, Plan
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Deadlines

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import EventSource


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The parameters of one attempt at one candidate.

    Attributes:
        model: the model's name there.
        deadlines: of this try.
        policy: what to do with a parameter that the model does not take: `error`, `drop` or `pass`.
    """

    model: str
    deadlines: Deadlines
    policy: ParameterPolicy = "error"


class ChatProvider(Protocol):
    """One provider, asked directly: one try, no retry, no other provider."""

    name: str

    async def chat(self, request: ChatRequest, call: CallOptions) -> ChatResponse[Any]:
        """Answer whole; raises one `RatatoskrError`."""
        ...

    async def open(self, request: ChatRequest, call: CallOptions) -> EventSource:
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

    def plan(self, request: ChatRequest, call: CallOptions, why: str) -> Plan:
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

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Embed the request's list of texts; raises one `RatatoskrError`."""
        ...

    def embed_windows(self, request: EmbedRequest, call: CallOptions) -> AsyncGenerator[Embeddings, None]:
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
