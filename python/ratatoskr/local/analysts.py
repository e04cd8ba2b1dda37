"""The providers of text analysis by models that run in this process, one for each kind of model."""

from __future__ import annotations

from typing import ClassVar

from ratatoskr.local.classify import LocalClassifier
from ratatoskr.local.nli import LocalNli
from ratatoskr.local.rerank import LocalReranker
from ratatoskr.local.served import ServedModels
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.classify import Classifications, ClassifyRequest, ZeroShotRequest
from ratatoskr.types.nli import NliRequest, NliResults
from ratatoskr.types.rerank import Ranking, RerankRequest

__all__ = ["ClassifierModels", "NliModels", "RerankerModels"]


class NliModels(ServedModels[LocalNli]):
    """The local models for inference."""

    capabilities: ClassVar[tuple[str, ...]] = ("nli", "zero_shot", "stance")

    async def infer_nli(self, request: NliRequest, call: CallOptions) -> NliResults:
        """Judge pairs; raises what `LocalNli.infer_nli_batch` raises."""
        return await self._served[call.model].infer(request)

    async def classify_zero_shot(self, request: ZeroShotRequest, call: CallOptions) -> Classifications:
        """Score labels of the caller's; raises what `LocalNli.classify_zero_shot_batch` raises."""
        return await self._served[call.model].zero_shot(request)


class ClassifierModels(ServedModels[LocalClassifier]):
    """The local models for classification."""

    capabilities: ClassVar[tuple[str, ...]] = ("classify",)

    async def classify(self, request: ClassifyRequest, call: CallOptions) -> Classifications:
        """Score the model's own labels; raises what `LocalClassifier.classify_batch` raises."""
        return await self._served[call.model].run(request)


class RerankerModels(ServedModels[LocalReranker]):
    """The local models for reranking."""

    capabilities: ClassVar[tuple[str, ...]] = ("rerank",)

    async def rerank(self, request: RerankRequest, call: CallOptions) -> Ranking:
        """Order documents; raises what `LocalReranker.rerank` raises."""
        return await self._served[call.model].run(request)
