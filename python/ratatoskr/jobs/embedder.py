"""What computes the vectors of a job and of a search: a gateway, or one local model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from ratatoskr.types.embed import Embeddings, InputType
from ratatoskr.types.timeouts import TimeoutsLike

__all__ = ["BatchEmbedder", "JobEmbedder", "ModelEmbedder"]


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
