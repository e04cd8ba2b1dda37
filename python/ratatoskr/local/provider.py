"""The providers of models that run in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, TypeVar, cast

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.local.analysts import ClassifierModels, NliModels, RerankerModels
from ratatoskr.local.classify import LocalClassifier
from ratatoskr.local.embed import LocalEmbedder
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.nli import LocalNli
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.local.rerank import LocalReranker
from ratatoskr.local.runtime import import_runtime
from ratatoskr.local.served import ServedModel, ServedModels
from ratatoskr.local.store.store import ModelStore
from ratatoskr.providers.protocol import CallOptions, FindsModels
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.local import AnalysisModel
from ratatoskr.types.visible import quote

__all__ = ["LocalProvider", "LocalProviders", "local_providers"]

M = TypeVar("M", bound=ServedModel)


class LocalProvider(ServedModels[LocalEmbedder]):
    """The local embedding models of a gateway."""

    capabilities: ClassVar[tuple[str, ...]] = ("embed",)
    classifies: ClassVar[bool] = False

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Embed a list of texts; raises what `LocalEmbedder.embed_batch` raises."""
        return await self._served[call.model].embed_batch(
            cast("Sequence[str]", request.texts),
            input_type=request.input_type,
            dimensions=request.dimensions,
            truncate=request.truncate,
            prompt=request.prompt,
        )

    def embed_windows(self, request: EmbedRequest, call: CallOptions) -> AsyncGenerator[Embeddings, None]:
        """Embed an iterable window by window; the model is loaded before a text is read."""
        windows = self._served[call.model].embed_windows(
            request.texts,
            input_type=request.input_type,
            dimensions=request.dimensions,
            truncate=request.truncate,
            prompt=request.prompt,
        )
        return cast("AsyncGenerator[Embeddings, None]", windows)  # callers close it


@dataclass(frozen=True, slots=True)
class LocalProviders:
    """All models of this process, under one memory budget.

    Attributes:
        pool: loads the models.
        embedders: the provider of embeddings, if there is a model for them.
        analysts: the providers of text analysis that have a model.
    """

    pool: ModelPool
    embedders: tuple[LocalProvider, ...]
    analysts: tuple[FindsModels, ...]

    async def aclose(self) -> None:
        """End the threads and unload every model; calls under way fail with `GatewayClosed`."""
        await asyncio.to_thread(self.pool.close)


def local_providers(
    embedding: Sequence[tuple[str | Path, PrecisionChoice]],
    analysis: Sequence[AnalysisModel] = (),
    *,
    device: Device | None = None,
    threads: int | None = None,
    cache_dir: str | Path | None = None,
    ram_budget: int | None = None,
) -> LocalProviders:
    """Return the providers of some models. Nothing is loaded and no thread is started.

    Args:
        embedding: name or folder and precision of each model for embeddings.
        analysis: the models for text analysis.
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

    embedders = [(given, _create(pool, given, precision, LocalEmbedder)) for given, precision in embedding]
    inference = [
        (given, _create(pool, given, precision, partial(LocalNli, labels=labels)))
        for kind, given, precision, labels in analysis
        if kind == "nli"
    ]
    classifiers = [
        (given, _create(pool, given, precision, partial(LocalClassifier, labels=labels)))
        for kind, given, precision, labels in analysis
        if kind == "classify"
    ]
    rerankers = [
        (given, _create(pool, given, precision, LocalReranker))
        for kind, given, precision, _ in analysis
        if kind == "rerank"
    ]
    analysts: tuple[FindsModels, ...] = (
        *((NliModels(pool, inference),) if inference else ()),
        *((ClassifierModels(pool, classifiers),) if classifiers else ()),
        *((RerankerModels(pool, rerankers),) if rerankers else ()),
    )
    return LocalProviders(pool, (LocalProvider(pool, embedders),) if embedders else (), analysts)


def _create(pool: ModelPool, given: object, precision: PrecisionChoice, make: Callable[..., M]) -> M:
    """Return a model; what is wrong with it is a fault of the configuration."""
    if not isinstance(given, str | Path | tuple) or not str(given).strip():
        raise ConfigurationError(f"a local model is named by a str or a Path, not {quote(given)}", field="model")
    try:
        return make(given, precision=precision, pool=pool)
    except InvalidInput as error:
        raise ConfigurationError(error.message, field=error.field) from None
