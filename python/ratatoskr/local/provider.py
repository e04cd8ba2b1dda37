"""The models of this process, as a gateway asks them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from ratatoskr._extras import require_extra
from ratatoskr.errors import ConfigurationError, InvalidInput, RatatoskrError
from ratatoskr.local.embed import LocalEmbedder
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.graph.cache import Precision
from ratatoskr.local.store.catalog import known
from ratatoskr.local.store.store import ModelStore
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import LocalHealth, ModelInfo, ModelStatus

__all__ = ["LocalProvider", "local_provider"]


class LocalProvider:
    """The embedding models that a gateway was built with; nothing is loaded before its first use.

    Args:
        models: loads them, and holds them within the budget.
        embedders: one for each model.
        names: every name that a caller may use, folded, and the model's own.
    """

    name = "local"

    def __init__(self, models: ModelPool, embedders: Sequence[LocalEmbedder], names: dict[str, str]) -> None:
        self.names: Mapping[str, str] = names
        self._models = models
        self._embedders = {embedder.model: embedder for embedder in embedders}

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Embed a list of texts; raises what `LocalEmbedder.embed_batch` does."""
        return await self._embedders[call.model].embed_batch(
            cast("Sequence[str]", request.texts),
            input_type=request.input_type,
            dimensions=request.dimensions,
            truncate=request.truncate,
        )

    def embed_windows(self, request: EmbedRequest, call: CallOptions) -> AsyncGenerator[Embeddings, None]:
        """Embed an iterable window by window; the model is loaded before a text is taken."""
        windows = self._embedders[call.model].embed_windows(
            request.texts,
            input_type=request.input_type,
            dimensions=request.dimensions,
            truncate=request.truncate,
        )
        return cast("AsyncGenerator[Embeddings, None]", windows)  # so that it can be closed

    async def models(self) -> list[ModelInfo]:
        """Return the configured models with what their folders, or the catalogue, tell of them."""
        return await asyncio.to_thread(lambda: [self._info(model) for model in self._embedders])

    def _info(self, model: str) -> ModelInfo:
        row = known(model)
        longest, dimensions = (row.max_length, row.dimensions) if row else (None, None)
        try:
            folder = self._models.store.find(model)
        except RatatoskrError:
            folder = None  # `model_status` tells why
        if folder is not None:
            longest = folder.max_length
            dimensions = folder.architecture.hidden if folder.architecture else dimensions
        return ModelInfo(f"{self.name}:{model}", self.name, model, ("embed",), longest, dimensions)

    async def preload(self, model: str) -> None:
        """Load a model, if it is not; raises what loading raises."""
        await self._embedders[model].preload()

    async def unload(self, model: str) -> None:
        """Let go of a model and give its memory back."""
        await self._embedders[model].unload()

    async def status(self, model: str) -> ModelStatus:
        """Tell whether a model is ready, loading, available, or why not."""
        return await asyncio.to_thread(self._embedders[model].status)

    async def health(self) -> tuple[LocalHealth, ...]:
        """Tell how each model is."""
        found = []
        for model, embedder in self._embedders.items():
            status = await self.status(model)
            device = str(self._models.device)
            found.append(LocalHealth(model, embedder.precision, device, status.status, status.reason))
        return tuple(found)

    async def aclose(self) -> None:
        """End the threads and let go of every model; calls under way end with `GatewayClosed`."""
        await asyncio.to_thread(self._models.close)


def local_provider(
    wanted: Sequence[tuple[str | Path, Precision]],
    *,
    device: Device | None = None,
    cache_dir: str | Path | None = None,
    ram_budget: int | None = None,
) -> LocalProvider:
    """Make the provider of models that a caller wants; nothing is loaded and no thread is started.

    Raises:
        ConfigurationError: an extra is not installed, the device is not there, a name is no model's, or one is named
            twice.
    """
    device = device or Device.cpu()
    extra = "cuda" if device.kind == "cuda" else "local"
    if find_spec("onnxruntime") is None or device.kind == "cuda":
        device.check(require_extra("onnxruntime", extra).get_available_providers())
    models = ModelPool(ModelStore(cache_dir), device, ram_budget=ram_budget)
    embedders: list[LocalEmbedder] = []
    names: dict[str, str] = {}
    several: set[str] = set()
    for given, precision in wanted:
        if precision == "int8" and device.kind == "cuda":
            raise ConfigurationError("int8 runs on the CPU alone", field="precision", model=str(given))
        embedder = _embedder(models, given, precision)
        if any(embedder.model == one.model for one in embedders):
            raise ConfigurationError(f"{embedder.model} is configured twice", field="model", model=str(given))
        embedders.append(embedder)
        for name in {one.casefold() for one in _names_of(given, embedder.model)}:
            several |= {name} if name in names else set()
            names[name] = embedder.model
    own = {embedder.model.casefold() for embedder in embedders}
    return LocalProvider(models, embedders, {n: model for n, model in names.items() if n in own or n not in several})


def _embedder(models: ModelPool, given: str | Path, precision: Precision) -> LocalEmbedder:
    if not isinstance(given, str | Path) or not str(given).strip():
        raise ConfigurationError(f"a local model is named by a str or a Path, not {given!r:.80}", field="model")
    try:
        return models.embedder(given, precision)
    except InvalidInput as error:
        raise ConfigurationError(error.message, field=error.field) from None


def _names_of(given: str | Path, model: str) -> Iterator[str]:
    """Yield what a caller may call a model: as configured, by its own name, its last part, its short name."""
    row = known(model)
    yield str(given).strip()
    yield model
    yield model.rpartition("/")[2]
    if row is not None:
        yield row.name
