"""What the configured providers offer besides chats."""

from __future__ import annotations

from collections.abc import Iterable

from ratatoskr.providers.embed import HttpEmbedder, embedder_of
from ratatoskr.providers.provider import HttpProvider

__all__ = ["remote_embedders"]


def remote_embedders(providers: Iterable[object]) -> list[HttpEmbedder]:
    """Return the embeddings of the providers that have them, with the providers' own keys."""
    made = (embedder_of(one) for one in providers if isinstance(one, HttpProvider))
    return [embedder for embedder in made if embedder is not None]
