"""The blocking methods that describe models, providers and requests; see `ratatoskr.gateway.inspect`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ratatoskr.gateway.request import MessagesLike, ModelLike
from ratatoskr.gateway.signature import shows_parameters
from ratatoskr.types.metadata import ModelMetadata, PresetInfo, RefreshReport, ResolvedPreset
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus
from ratatoskr.types.usage import Cost, Usage

if TYPE_CHECKING:
    from ratatoskr.gateway.base import Gateway
    from ratatoskr.sync.loop_thread import LoopThread

__all__ = ["SyncInspect"]


class SyncInspect:
    """The part of `SyncGateway` that asks about models, providers and requests."""

    _gateway: Gateway
    _thread: LoopThread

    def preload(self, model: str) -> None:
        """Load a local model, if it is not loaded, so that the first call does not wait for that."""
        self._thread.run(self._gateway.preload(model))

    def unload(self, model: str) -> None:
        """Unload a local model and release its memory; the next call loads it again."""
        self._thread.run(self._gateway.unload(model))

    def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """Return the models that the configured providers serve, by asking each for its list, and the local ones."""
        return self._thread.run(self._gateway.list_models(provider))

    def model_status(self, model: str) -> ModelStatus:
        """Return whether a model can be used: a configured provider lists it, or it can be loaded."""
        return self._thread.run(self._gateway.model_status(model))

    def model_metadata(self, model: str) -> ModelMetadata:
        """Return what the catalogue knows about a model, and what it accepts; nothing is sent."""
        return self._thread.run(self._gateway.model_metadata(model))

    def fetch_model_metadata(self, model: str) -> ModelMetadata:
        """Return the same as `model_metadata`, with what the provider's own list of models says first."""
        return self._thread.run(self._gateway.fetch_model_metadata(model))

    def list_presets(self) -> list[PresetInfo]:
        """Return the presets: the built-in ones, and those of `models.toml`."""
        return self._thread.run(self._gateway.list_presets())

    def resolve_preset(self, name: str) -> ResolvedPreset:
        """Return what a preset stands for here: the first of its models whose provider is configured."""
        return self._thread.run(self._gateway.resolve_preset(name))

    def refresh_models(
        self, source: str | None = None, *, sha256: str | None = None, accept: bool = False, dry_run: bool = False
    ) -> RefreshReport:
        """Put a new table of models in force, for this user, and return what it changes."""
        return self._thread.run(self._gateway.refresh_models(source, sha256=sha256, accept=accept, dry_run=dry_run))

    @shows_parameters
    def explain(
        self, model: ModelLike, messages: MessagesLike = "…", *, body: bool = False, **arguments: Any
    ) -> Explanation:
        """Return what `chat` with the same arguments would do: the candidates, why, their parameters, the deadlines."""
        return self._thread.run(self._gateway.explain(model, messages, body=body, **arguments))

    def cost(self, usage: Usage, model: str, at: datetime | float | None = None) -> Cost | None:
        """Return what a use of a model costs by the list prices; `None` if its price is unknown."""
        return self._thread.run(self._gateway.cost(usage, model, at))

    def capabilities(self) -> frozenset[str]:
        """Return the names of what this gateway can do."""
        return self._thread.run(self._gateway.capabilities())

    def health(self) -> Health:
        """Return the configured providers, the origin of each key, and the state of each local model; sends nothing."""
        return self._thread.run(self._gateway.health())

    def preconnect(self) -> None:
        """Open a connection to each configured provider, so that the first call does not wait for one."""
        self._thread.run(self._gateway.preconnect())
