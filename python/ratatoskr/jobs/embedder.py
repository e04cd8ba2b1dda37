"""What computes the vectors of a job: a gateway, or one local model."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.jobs.job import EmbedJob
from ratatoskr.jobs.windows import RowWindow
from ratatoskr.local.store.catalog import find_in_catalog
from ratatoskr.types.embed import Embeddings, InputType
from ratatoskr.types.timeouts import TimeoutsLike
from ratatoskr.types.usage import Usage

if TYPE_CHECKING:
    from ratatoskr.local.store.store import ModelStore

__all__ = [
    "BatchEmbedder",
    "JobEmbedder",
    "ModelEmbedder",
    "check_vectors",
    "digest_of",
    "embed",
    "resolve_model",
    "with_row_number",
]


class BatchEmbedder(Protocol):
    """What a job needs of a gateway."""

    async def embed_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        input_type: InputType,
        dimensions: int | None,
        truncate: bool,
        timeout: TimeoutsLike,
    ) -> Embeddings:
        """Return the vectors of texts in their order."""
        ...


class ModelEmbedder(Protocol):
    """What a job needs of a local model, as `ratatoskr.local.LocalEmbedder` offers it."""

    model: str
    precision: Any

    async def embed_batch(
        self, texts: Sequence[str], *, input_type: InputType, dimensions: int | None, truncate: bool
    ) -> Embeddings:
        """Return the vectors of texts in their order."""
        ...


JobEmbedder: TypeAlias = BatchEmbedder | ModelEmbedder


def resolve_model(job: EmbedJob, embedder: JobEmbedder) -> EmbedJob:
    """Return the job with the model and precision of a local embedder filled in.

    Raises:
        InvalidInput: the job names another model.
    """
    if not isinstance(own := getattr(embedder, "model", None), str):
        return job
    row = find_in_catalog(job.model)
    if own not in {job.model, row.repository if row else None}:
        raise InvalidInput(f"the job names the model {job.model!r}, but the embedder's model is {own!r}", field="model")
    return replace(job, model=own, precision=str(getattr(embedder, "precision", job.precision)))


def digest_of(model: str, store: ModelStore) -> str:
    """Return one digest of all files of a local model, for `EmbedJob.model_digest`; reads them, so it blocks.

    Raises:
        ModelNotAvailable: the model is not in the store.
        ConfigurationError: its files differ from what was pulled, or cannot be used.
    """
    digests = sorted(store.check(store.find(model)).items())
    return hashlib.sha256(repr(digests).encode()).hexdigest()


async def embed(embedder: Any, job: EmbedJob, window: RowWindow) -> Embeddings:
    """Return the vectors of a window.

    Of a window without rows, a word is computed and left out: the answer tells the model and its dimensions.
    """
    if not window.texts:
        one = await _start_embedding(embedder, job, ["text"])
        return replace(one, vectors=one.vectors[:0], usage=Usage(), truncated=0)
    return await _start_embedding(embedder, job, window.texts)


def _start_embedding(embedder: Any, job: EmbedJob, texts: Sequence[str]) -> Awaitable[Embeddings]:
    options = {"input_type": job.input_type, "dimensions": job.dimensions, "truncate": job.truncate}
    embed_batch: Callable[..., Awaitable[Embeddings]] = embedder.embed_batch
    if isinstance(getattr(embedder, "model", None), str):
        return embed_batch(texts, **options)
    # No deadline: a window takes longer on a slow machine than an interactive call may.
    return embed_batch(texts, job.model, **options, timeout=math.inf)


def check_vectors(window: RowWindow, embeddings: Embeddings, dimensions: int, model: str) -> Any:
    """Return the vectors as one array of float32.

    Raises:
        MalformedResponse: there is not one for each text, or they are of another model than those before.
    """
    import numpy as np

    vectors = np.ascontiguousarray(embeddings.vectors, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(window.texts) or not vectors.shape[1]:
        raise MalformedResponse(
            f"{len(window.texts)} texts got vectors of shape {vectors.shape}", model=embeddings.model
        )
    if dimensions and (vectors.shape[1], embeddings.model) != (dimensions, model):
        raise MalformedResponse(
            f"vectors of {embeddings.model} ({vectors.shape[1]} dimensions) after those of {model} ({dimensions})",
            model=embeddings.model,
        )
    return vectors


def with_row_number(error: InvalidInput, job: EmbedJob, window: RowWindow) -> InvalidInput:
    """Return an error that names a text by its place in a call with its row in the input instead."""
    match = re.match(r"text (\d+)\b", error.message)
    if match is None or int(match[1]) >= len(window.places):
        return error
    path, row = window.places[int(match[1])]
    file = f" of {path.name}" if len(job.source_paths) > 1 else ""
    return type(error)(f"row {row}{file} (the first is 1){error.message[match.end() :]}", **error.fields())
