"""The provider of models that run in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from ratatoskr.errors import ConfigurationError, InvalidInput, RatatoskrError
from ratatoskr.local.embed import LocalEmbedder
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.local.runtime import import_runtime
from ratatoskr.local.store.catalog import find_in_catalog
from ratatoskr.local.store.store import ModelStore
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import LocalHealth, ModelInfo, ModelStatus
from ratatoskr.types.visible import quote

__all__ = ["LocalProvider", "local_provider"]


class LocalProvider:
    """The local embedding models of a gateway; each is loaded on first use.

    Args:
        pool: loads the models, and keeps them within the memory budget.
        embedders: one for each model.
        names: the model for each name that a caller may use, in lower case (`str.casefold`).
    """

    name = "local"

    def __init__(self, pool: ModelPool, embedders: Sequence[LocalEmbedder], names: dict[str, str]) -> None:
        self.names: Mapping[str, str] = names
        self._models = pool
        self._embedders = {embedder.model: embedder for embedder in embedders}

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Embed a list of texts; raises what `LocalEmbedder.embed_batch` raises."""
        return await self._embedders[call.model].embed_batch(
            cast("Sequence[str]", request.texts),
            input_type=request.input_type,
            dimensions=request.dimensions,
            truncate=request.truncate,
            prompt=request.prompt,
        )

    def embed_windows(self, request: EmbedRequest, call: CallOptions) -> AsyncGenerator[Embeddings, None]:
        """Embed an iterable window by window; the model is loaded before a text is read."""
        windows = self._embedders[call.model].embed_windows(
            request.texts,
            input_type=request.input_type,
            dimensions=request.dimensions,
            truncate=request.truncate,
            prompt=request.prompt,
        )
        return cast("AsyncGenerator[Embeddings, None]", windows)  # callers close it

    async def models(self) -> list[ModelInfo]:
        """Return the configured models, described by their folders or the catalogue."""
        return await asyncio.to_thread(lambda: [self._describe(model) for model in self._embedders])

    def _describe(self, model: str) -> ModelInfo:
        entry = find_in_catalog(model)
        max_length, dimensions = (entry.max_length, entry.dimensions) if entry else (None, None)
        try:
            folder = self._models.store.find(model)
        except RatatoskrError:
            folder = None  # `status` says why
        if folder is not None:
            max_length = folder.max_length
            dimensions = folder.count_dimensions(folder.hidden) if folder.hidden else dimensions
        return ModelInfo(f"{self.name}:{model}", self.name, model, ("embed",), max_length, dimensions)

    async def preload(self, model: str) -> None:
        """Load a model unless it is loaded; raises what loading raises."""
        await self._embedders[model].preload()

    async def unload(self, model: str) -> None:
        """Unload a model and release its memory."""
        await self._embedders[model].unload()

    async def status(self, model: str) -> ModelStatus:
        """Return whether a model is loaded, loading, available, or why it cannot be used."""
        return await asyncio.to_thread(self._embedders[model].status)

    async def health(self) -> tuple[LocalHealth, ...]:
        """Return the status of each model."""
        health = []
        for model, embedder in self._embedders.items():
            status = await self.status(model)
            device = str(self._models.device)
            health.append(LocalHealth(model, embedder.precision, device, status.status, status.reason))
        return tuple(health)

    async def aclose(self) -> None:
        """End the threads and unload every model; calls under way fail with `GatewayClosed`."""
        await asyncio.to_thread(self._models.close)


def local_provider(
    models: Sequence[tuple[str | Path, PrecisionChoice]],
    *,
    device: Device | None = None,
    threads: int | None = None,
    cache_dir: str | Path | None = None,
    ram_budget: int | None = None,
) -> LocalProvider:
    """Return the provider of some models. Nothing is loaded and no thread is started.

    Args:
        models: name or folder and precision of each.
        device: where they run.
        threads: threads that tokenise and compute, in place of the device's.
        cache_dir: the root of the model store.
        ram_budget: bytes that all models together may add to this process; see `ModelPool` for the default.

    Raises:
        ConfigurationError: an extra is not installed, the device is not available, or a model's name is invalid or
            given twice.
    """
    device = device or Device.cpu()
    if threads is not None:
        device = replace(device, workers=threads)
    if find_spec("onnxruntime") is None or device.kind == "cuda":
        device.check(import_runtime(device.kind).get_available_providers())
    pool = ModelPool(ModelStore(cache_dir), device, ram_budget=ram_budget)
    embedders: list[LocalEmbedder] = []
    names: dict[str, str] = {}
    ambiguous: set[str] = set()
    for given, precision in models:
        embedder = _create_embedder(pool, given, precision)
        if any(embedder.model == other.model for other in embedders):
            raise ConfigurationError(f"{embedder.model} is configured twice", field="model", model=str(given))
        embedders.append(embedder)
        for name in {name.rstrip("/").casefold() for name in _list_names(given, embedder.model)}:
            ambiguous |= {name} if name in names else set()
            names[name] = embedder.model
    full_names = {embedder.model.casefold() for embedder in embedders}
    ambiguous -= full_names
    return LocalProvider(pool, embedders, {name: model for name, model in names.items() if name not in ambiguous})


def _create_embedder(pool: ModelPool, given: str | Path, precision: PrecisionChoice) -> LocalEmbedder:
    if not isinstance(given, str | Path) or not str(given).strip():
        raise ConfigurationError(f"a local model is named by a str or a Path, not {quote(given)}", field="model")
    try:
        return LocalEmbedder(given, precision=precision, pool=pool)
    except InvalidInput as error:
        raise ConfigurationError(error.message, field=error.field) from None


def _list_names(given: str | Path, model: str) -> Iterator[str]:
    """Yield the names of a model: as configured, its repository, the last part of that, and its short name."""
    entry = find_in_catalog(model)
    yield str(given).strip()
    yield model
    yield model.rpartition("/")[2]
    if entry is not None:
        yield entry.name
