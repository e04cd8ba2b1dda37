"""Reranking: routed to a provider of the very model."""

from __future__ import annotations

from typing import Final

from ratatoskr.backend.capability import CapabilityBackend, CapabilityNames
from ratatoskr.providers.protocol import RerankProvider
from ratatoskr.types.rerank import Ranking, RerankRequest

__all__ = ["RERANK", "RerankBackend"]

RERANK: Final = CapabilityNames("rerank", "model for reranking", "local_reranker")


class RerankBackend(CapabilityBackend[RerankProvider]):
    """Answers requests for reranking by the configured providers."""

    async def rerank(self, request: RerankRequest) -> Ranking:
        """Return a request's documents by relevance, with every attempt."""
        ranking, attempts = await self.run(
            request.model, request.timeouts, lambda provider, options: provider.rerank(request, options)
        )
        return ranking.with_attempts(attempts)
