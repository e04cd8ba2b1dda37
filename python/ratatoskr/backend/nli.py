"""Natural language inference: routed to a provider of the very model."""

from __future__ import annotations

from typing import Final

from ratatoskr.backend.capability import CapabilityBackend, CapabilityNames
from ratatoskr.providers.protocol import NliProvider
from ratatoskr.types.nli import NliRequest, NliResults

__all__ = ["NLI", "NliBackend"]

NLI: Final = CapabilityNames("nli", "model for inference", "local_nli")


class NliBackend(CapabilityBackend[NliProvider]):
    """Answers requests for inference by the configured providers."""

    async def nli(self, request: NliRequest) -> NliResults:
        """Return the judgements of a request's pairs, with every attempt."""
        results, attempts = await self.run(
            request.model, request.timeouts, lambda provider, options: provider.infer_nli(request, options)
        )
        return results.with_attempts(attempts)
