"""Search for a text in a file of vectors: the query is embedded by the model that made the file."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.embedder import JobEmbedder
from ratatoskr.jobs.vector_file import Match, Metric, VectorFile, check_options
from ratatoskr.types.embed import Embeddings, InputType
from ratatoskr.types.timeouts import TimeoutsLike

__all__ = ["BlockingEmbedder", "search", "search_sync"]


class BlockingEmbedder(Protocol):
    """What `search_sync` needs of a blocking gateway."""

    def embed_batch(
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


async def search(
    source: str | Path | VectorFile,
    query: str,
    embedder: JobEmbedder,
    *,
    top: int = 10,
    model: str | None = None,
    column: str | None = None,
    metric: Metric = "cosine",
    threads: int | None = None,
) -> list[Match]:
    """Return the rows of a file whose vectors are nearest to a text, the nearest first.

    The search is exact: every row is compared, in bounded memory, on all cores.

    Args:
        source: a file that `EmbedJob` wrote, or an open `VectorFile`.
        query: the text; the model's prompt for queries is put before it.
        embedder: a gateway, or a `LocalEmbedder`.
        top: the number of rows to find.
        model: the model of the vectors, where the file does not record it (`.npy` and JSON lines).
        column: the column of the texts; otherwise that which the file records, or the first with texts.
        metric: `cosine` or `dot`.
        threads: that read and compare; by default as many as this process may use CPUs.

    Raises:
        InvalidInput: the file is not one of vectors, its model is not known, or the model makes vectors of other
            dimensions.
        ConfigurationError: the file cannot be read.
        RatatoskrError: the model failed, or is not available.
    """
    check_options(top, metric)
    file = source if isinstance(source, VectorFile) else await asyncio.to_thread(VectorFile, source, column=column)
    name, options = _embed_options(file, model, getattr(embedder, "model", None))
    one: Any = embedder
    embeddings = await one.embed_batch([query], *name, **options)
    vectors, stop = _check_dimensions(file, embeddings), Event()
    try:
        return (await asyncio.to_thread(file.nearest, vectors, top, metric=metric, threads=threads, stop=stop))[0]
    finally:
        stop.set()  # the threads of a search that was cancelled


def search_sync(
    source: str | Path | VectorFile,
    query: str,
    gateway: BlockingEmbedder,
    *,
    top: int = 10,
    model: str | None = None,
    column: str | None = None,
    metric: Metric = "cosine",
    threads: int | None = None,
    dimensions: int | None = None,
) -> list[Match]:
    """Return what `search` returns, for a blocking gateway; `dimensions` are those to ask the model for."""
    check_options(top, metric)
    file = source if isinstance(source, VectorFile) else VectorFile(source, column=column)
    name, options = _embed_options(file, model, None)
    options["dimensions"] = dimensions
    one: Any = gateway
    vectors = _check_dimensions(file, one.embed_batch([query], *name, **options))
    return file.nearest(vectors, top, metric=metric, threads=threads)[0]


def _embed_options(file: VectorFile, model: str | None, own: Any) -> tuple[list[str], dict[str, Any]]:
    """Return the arguments of `embed_batch` after the texts; a local embedder with a model of its own takes none."""
    options: dict[str, Any] = {"input_type": "query", "dimensions": None, "truncate": True}
    if isinstance(own, str):
        if model is not None and model != own:
            raise InvalidInput(f"the model is {model!r}, but the embedder's model is {own!r}", field="model")
        return [], options
    name = model or file.model
    if name is None:
        message = f"{file.path.name} does not record the model that made its vectors; give model="
        raise InvalidInput(message, field="model")
    return [name], {**options, "timeout": math.inf}


def _check_dimensions(file: VectorFile, embeddings: Embeddings) -> Any:
    if embeddings.dimensions != file.dimensions:
        made = f" were made by {file.model} and" if file.model else ""
        raise InvalidInput(
            f"the vectors of {file.path.name}{made} have {file.dimensions} dimensions, and those of "
            f"{embeddings.model} have {embeddings.dimensions}; name the model that made the file",
            field="model",
        )
    return embeddings.vectors
