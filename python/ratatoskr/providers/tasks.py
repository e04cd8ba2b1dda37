"""What the configured providers offer besides chats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ratatoskr.providers.classify import HuggingFaceTasks
from ratatoskr.providers.decisions import HostedDecisions
from ratatoskr.providers.embed import HttpEmbedder, embedder_of
from ratatoskr.providers.protocol import FindsModels
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.rerank import reranker_of
from ratatoskr.providers.specs.decisions import DECISIONS

__all__ = ["remote_analysts", "remote_embedders"]


def remote_embedders(providers: Iterable[object]) -> list[HttpEmbedder]:
    """Return the embeddings of the providers that have them, with the providers' own keys."""
    made = (embedder_of(one) for one in providers if isinstance(one, HttpProvider))
    return [embedder for embedder in made if embedder is not None]


def remote_analysts(providers: Iterable[object]) -> Iterator[FindsModels]:
    """Yield the text analysis of the providers that have it, with the providers' own keys."""
    for provider in providers:
        if not isinstance(provider, HttpProvider):
            continue
        if provider.spec.hub_tasks:
            yield HuggingFaceTasks(provider)
        if provider.name in DECISIONS:
            yield HostedDecisions(provider, DECISIONS[provider.name])
        if (reranker := reranker_of(provider)) is not None:
            yield reranker
