"""What the providers of models in this process have in common: their names, and their memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.precision import Precision
from ratatoskr.local.store.catalog import find_in_catalog
from ratatoskr.types.local import LocalModelName
from ratatoskr.types.model import LocalHealth, ModelInfo, ModelStatus

__all__ = ["ServedModel", "ServedModels"]


class ServedModel(Protocol):
    """A model of this process, such as `LocalEmbedder` and `LocalNli`."""

    @property
    def model(self) -> str:
        """Its canonical name."""
        ...

    @property
    def precision(self) -> Precision:
        """The precision in which it computes."""
        ...

    async def preload(self) -> None:
        """Load it unless it is loaded."""
        ...

    async def unload(self) -> None:
        """Unload it."""
        ...

    def status(self) -> ModelStatus:
        """Return whether it can be used."""
        ...


M = TypeVar("M", bound=ServedModel)


class ServedModels(Generic[M]):
    """The models of one capability of a gateway; each is loaded on first use.

    Args:
        pool: loads the models, and keeps them within the memory budget.
        models: each with the name by which it was configured.

    Attributes:
        names: the model for each name that a caller may use, in lower case (`str.casefold`).

    Raises:
        ConfigurationError: a model is given twice.
    """

    name = "local"
    capabilities: ClassVar[tuple[str, ...]] = ()
    classifies: ClassVar[bool] = True

    def __init__(self, pool: ModelPool, models: Sequence[tuple[LocalModelName, M]]) -> None:
        self._models = pool
        self._served: dict[str, M] = {}
        names: dict[str, str] = {}
        ambiguous: set[str] = set()
        for given, model in models:
            if model.model in self._served:
                raise ConfigurationError(f"{model.model} is configured twice", field="model", model=str(given))
            self._served[model.model] = model
            for name in {name.rstrip("/").casefold() for name in _list_names(given, model.model)}:
                ambiguous |= {name} if name in names else set()
                names[name] = model.model
        ambiguous -= {model.casefold() for model in self._served}
        self.names: Mapping[str, str] = {name: model for name, model in names.items() if name not in ambiguous}

    @property
    def model_names(self) -> tuple[str, ...]:
        """The canonical names of the models."""
        return tuple(self._served)

    def find_model(self, name: str) -> str | None:
        """Return the canonical name of a configured model; `None` for any other name."""
        return self.names.get(name.casefold())

    async def models(self) -> list[ModelInfo]:
        """Return the configured models, described by their folders or the catalogue."""
        return await asyncio.to_thread(lambda: [self._describe(model) for model in self._served])

    def _describe(self, model: str) -> ModelInfo:
        entry = find_in_catalog(model)
        max_length, dimensions = (entry.max_length, entry.dimensions or None) if entry else (None, None)
        try:
            folder = self._models.store.find(model, classifies=self.classifies)
        except RatatoskrError:
            folder = None  # `status` says why
        if folder is not None:
            max_length = folder.max_length or max_length
            dimensions = folder.count_dimensions(folder.hidden) if folder.hidden else dimensions
        return ModelInfo(f"{self.name}:{model}", self.name, model, self.capabilities, max_length, dimensions)

    async def preload(self, model: str) -> None:
        """Load a model unless it is loaded; raises what loading raises."""
        await self._served[model].preload()

    async def unload(self, model: str) -> None:
        """Unload a model and release its memory."""
        await self._served[model].unload()

    async def status(self, model: str) -> ModelStatus:
        """Return whether a model is loaded, loading, available, or why it cannot be used."""
        return await asyncio.to_thread(self._served[model].status)

    async def health(self) -> tuple[LocalHealth, ...]:
        """Return the status of each model."""
        health = []
        for model, served in self._served.items():
            status = await self.status(model)
            device = str(self._models.device)
            health.append(LocalHealth(model, served.precision, device, status.status, status.reason))
        return tuple(health)

    async def aclose(self) -> None:
        """End the threads and unload every model; calls under way fail with `GatewayClosed`."""
        await asyncio.to_thread(self._models.close)


def _list_names(given: LocalModelName, model: str) -> Iterator[str]:
    """Yield the names of a model: as configured, its repository, the last part of that, and its short name."""
    yield model
    if isinstance(given, tuple):
        graph = Path(given[0]).expanduser()
        yield from (str(given[0]), str(graph.absolute()))
        return
    yield str(given).strip()
    yield model.rpartition("/")[2]
    entry = find_in_catalog(model)
    if entry is not None:
        yield entry.name
