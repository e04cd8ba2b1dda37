"""Classification with labels of the caller's or of the model's: routed to a provider of the very model."""

from __future__ import annotations

from typing import Final

from ratatoskr.backend.capability import CapabilityBackend, CapabilityNames
from ratatoskr.providers.protocol import ClassifyProvider, ZeroShotProvider
from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest

__all__ = ["CLASSIFY", "ZERO_SHOT", "ClassifyBackend", "ZeroShotBackend"]

CLASSIFY: Final = CapabilityNames("classify", "model for classification", "local_classifier")
ZERO_SHOT: Final = CapabilityNames("zero_shot", "model for zero-shot classification", "local_nli")


class ClassifyBackend(CapabilityBackend[ClassifyProvider]):
    """Answers requests for labels of a model's own by the configured providers."""

    async def classify(self, request: ClassifyRequest) -> Classifications:
        """Return the labels of a request's texts, with every attempt."""
        results, attempts = await self.run(
            request.model, request.timeouts, lambda provider, options: provider.classify(request, options)
        )
        return results.with_attempts(attempts)


class ZeroShotBackend(CapabilityBackend[ZeroShotProvider]):
    """Answers requests for labels of the caller's by the configured providers."""

    async def zero_shot(self, request: ZeroShotRequest) -> Classifications:
        """Return the labels of a request's texts, with every attempt."""
        results, attempts = await self.run(
            request.model, request.timeouts, lambda provider, options: provider.classify_zero_shot(request, options)
        )
        return results.with_attempts(attempts)
