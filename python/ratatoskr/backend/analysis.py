"""The capabilities of text analysis together: which models they have, and which of them answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ratatoskr.backend.capability import BackendParts, CapabilityBackend
from ratatoskr.backend.classify import CLASSIFY, ZERO_SHOT, ClassifyBackend, ZeroShotBackend
from ratatoskr.backend.nli import NLI, NliBackend
from ratatoskr.backend.rerank import RERANK, RerankBackend
from ratatoskr.backend.stance import StanceBackend
from ratatoskr.providers.protocol import (
    ClassifyProvider,
    KeepsModels,
    NliProvider,
    RerankProvider,
    ZeroShotProvider,
)
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.model import LocalHealth, ModelInfo

__all__ = ["AnalysisBackend"]


class AnalysisBackend:
    """Inference, classification, stance and reranking over the providers that have them.

    Args:
        providers: any, in order of preference; each serves the capabilities whose methods it has.
        shared: what all capabilities share.
        chat: asks a chat model.
        has_chats: whether a chat provider is configured.
    """

    def __init__(
        self,
        providers: Sequence[object],
        shared: BackendParts,
        chat: Callable[[ChatRequest], Coroutine[Any, Any, ChatResponse[Any]]],
        *,
        has_chats: bool,
    ) -> None:
        self.inference = NliBackend(NLI, {one.name: one for one in providers if isinstance(one, NliProvider)}, shared)
        self.zero_shot = ZeroShotBackend(
            ZERO_SHOT, {one.name: one for one in providers if isinstance(one, ZeroShotProvider)}, shared
        )
        self.classification = ClassifyBackend(
            CLASSIFY, {one.name: one for one in providers if isinstance(one, ClassifyProvider)}, shared
        )
        self.reranking = RerankBackend(
            RERANK, {one.name: one for one in providers if isinstance(one, RerankProvider)}, shared
        )
        self.stances = StanceBackend(self.zero_shot, chat, shared.timeouts, has_chats=has_chats)
        self._has_chats = has_chats
        self._parts: tuple[CapabilityBackend[Any], ...] = (
            self.inference,
            self.zero_shot,
            self.classification,
            self.reranking,
        )
        served = [one for part in self._parts for one in part.registry.providers.values()]
        self._keepers = [one for one in dict.fromkeys(served) if isinstance(one, KeepsModels)]

    @property
    def provider_names(self) -> tuple[str, ...]:
        """The names of the providers."""
        return tuple(dict.fromkeys(name for part in self._parts for name in part.registry.providers))

    def find(self, model: str) -> CapabilityBackend[Any] | None:
        """Return a capability that has a model by this name, here or as the name says; `None` if none has."""
        local = (part for part in self._parts if part.keepers(model))
        return next(local, None) or next((part for part in self._parts if part.find(model, known=True)), None)

    def describe(self, model: str) -> str | None:
        """Return what a model of this process is, and by which methods it is used; `None` if there is none."""
        found = [part.capability for part in self._parts if part.keepers(model)]
        if not found:
            return None
        kinds = " and ".join((found[0].model, *(one.model.removeprefix("model ") for one in found[1:])))
        return f"a {kinds}, which does not chat: use {' or '.join(f'{one.method}()' for one in found)}"

    def keepers(self, model: str) -> list[tuple[KeepsModels, str]]:
        """Return the providers of this process that have a model, each once, with its name there."""
        return list(dict.fromkeys(keeper for part in self._parts for keeper in part.keepers(model)))

    def capabilities(self) -> set[str]:
        """Return the names of what can be called."""
        names = {part.capability.name for part in self._parts if part.registry.providers}
        return names | ({"stance"} if self._has_chats or self.zero_shot.registry.providers else set())

    async def models(self) -> list[ModelInfo]:
        """Return the models of this process."""
        return [model for keeper in self._keepers for model in await keeper.models()]

    async def health(self) -> tuple[LocalHealth, ...]:
        """Return the state of each model of this process."""
        return tuple([health for keeper in self._keepers for health in await keeper.health()])

    async def aclose(self) -> None:
        """Unload every model; calls under way end with `GatewayClosed`."""
        for keeper in self._keepers:
            await keeper.aclose()
