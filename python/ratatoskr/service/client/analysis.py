"""Text analysis by a client of a daemon: refused, because the client does not carry these requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from ratatoskr.errors import NoProvider

if TYPE_CHECKING:
    from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
    from ratatoskr.types.nli import NliRequest, NliResults
    from ratatoskr.types.rerank import Ranking, RerankRequest
    from ratatoskr.types.stance import StanceRequest, StanceResults

__all__ = ["RefusedAnalysis"]


class RefusedAnalysis:
    """The methods of a `Backend` for text analysis; each raises `NoProvider`."""

    async def nli(self, request: NliRequest) -> NliResults:
        """Refuse inference."""
        _refuse(request.model)

    async def zero_shot(self, request: ZeroShotRequest) -> Classifications:
        """Refuse zero-shot classification."""
        _refuse(request.model)

    async def classify(self, request: ClassifyRequest) -> Classifications:
        """Refuse classification."""
        _refuse(request.model)

    async def stance(self, request: StanceRequest) -> StanceResults:
        """Refuse stances."""
        _refuse(request.model)

    async def rerank(self, request: RerankRequest) -> Ranking:
        """Refuse reranking."""
        _refuse(request.model)


def _refuse(model: str) -> NoReturn:
    text = "a client of a daemon does not analyse texts: use a gateway in this process, as builder().local_nli makes"
    raise NoProvider(text, model=model)
