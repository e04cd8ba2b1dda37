"""Who makes the vectors: a gateway, or one local model."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.jobs.job import EmbedJob
from ratatoskr.jobs.windows import Window
from ratatoskr.local.store.catalog import find_in_catalog
from ratatoskr.types.embed import Embeddings, InputType
from ratatoskr.types.timeouts import TimeoutsLike

if TYPE_CHECKING:
    from ratatoskr.local.store.store import ModelStore

__all__ = ["EmbedsBatches", "OneModel", "Target", "checked", "digest_of", "embed", "in_rows", "settled"]


class EmbedsBatches(Protocol):
    """What a job needs of a gateway."""

    async def embed_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        input_type: InputType,
        dimensions: int | None,
        truncate: bool,
        timeouts: TimeoutsLike,
    ) -> Embeddings:
        """Return the vectors of texts in their order."""
        ...


class OneModel(Protocol):
    """What a job needs of a local model; `ratatoskr.local.LocalEmbedder` has it."""

    model: str
    precision: Any

    async def embed_batch(
        self, texts: Sequence[str], *, input_type: InputType, dimensions: int | None, truncate: bool
    ) -> Embeddings:
        """Return the vectors of texts in their order."""
        ...


Target = EmbedsBatches | OneModel


def settled(job: EmbedJob, target: Target) -> EmbedJob:
    """Return the job with what the target itself tells of its model.

    Raises:
        InvalidInput: the job names another model.
    """
    if not isinstance(own := getattr(target, "model", None), str):
        return job
    row = find_in_catalog(job.model)
    if own not in {job.model, row.repository if row else None}:
        raise InvalidInput(f"the job is of {job.model!r}, and this embedder's model is {own!r}", field="model")
    return replace(job, model=own, precision=str(getattr(target, "precision", job.precision)))


def digest_of(model: str, store: ModelStore) -> str:
    """Return one digest of all files of a local model, for `EmbedJob.model_digest`; reads them, so it blocks.

    Raises:
        ModelNotAvailable: the model is not in the store.
        ConfigurationError: its files are not what was pulled, or cannot be used.
    """
    told = sorted(store.check(store.find(model)).items())
    return hashlib.sha256(repr(told).encode()).hexdigest()


def embed(target: Any, job: EmbedJob, window: Window) -> Awaitable[Embeddings]:
    """Begin a window."""
    options = {"input_type": job.input_type, "dimensions": job.dimensions, "truncate": job.truncate}
    asked: Callable[..., Awaitable[Embeddings]] = target.embed_batch
    if isinstance(getattr(target, "model", None), str):
        return asked(window.texts, **options)
    # A window has as long as it takes: on a slow machine that is more than any call of a person's should.
    return asked(window.texts, job.model, **options, timeouts=math.inf)


def checked(window: Window, made: Embeddings, dimensions: int, model: str) -> Any:
    """Return the vectors as one array of float32.

    Raises:
        MalformedResponse: they are not one a text, or not of the model that made those before.
    """
    import numpy as np

    vectors = np.ascontiguousarray(made.vectors, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(window.texts) or not vectors.shape[1]:
        raise MalformedResponse(f"{len(window.texts)} texts got vectors of shape {vectors.shape}", model=made.model)
    if dimensions and (vectors.shape[1], made.model) != (dimensions, model):
        raise MalformedResponse(
            f"vectors of {made.model} with {vectors.shape[1]} dimensions came after those of {model} with {dimensions}",
            model=made.model,
        )
    return vectors


def in_rows(error: InvalidInput, window: Window) -> InvalidInput:
    """Return an error that names a text by its place in a call with the place in the input instead."""
    found = re.match(r"text (\d+)\b", error.message)
    if found is None or int(found[1]) >= len(window.places):
        return error
    row = window.places[int(found[1])]
    return type(error)(f"row {row} (the first is 1){error.message[found.end() :]}", **error.fields())
