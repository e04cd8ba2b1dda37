"""The blocking methods of text analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ratatoskr.types.classify import HYPOTHESIS_TEMPLATE, Classification, Classifications
from ratatoskr.types.nli import NliPair, NliResult, NliResults
from ratatoskr.types.rerank import Ranking
from ratatoskr.types.stance import DEFAULT_TEMPLATES, StanceResult, StanceResults, StanceTemplates
from ratatoskr.types.timeouts import TimeoutsLike

if TYPE_CHECKING:
    from ratatoskr.gateway.base import Gateway
    from ratatoskr.sync.loop_thread import LoopThread

__all__ = ["SyncAnalysis"]


class SyncAnalysis:
    """Inference, classification, stance and reranking for `SyncGateway`; arguments and errors are `Gateway`'s."""

    _gateway: Gateway
    _thread: LoopThread

    def infer_nli(
        self, premise: str, hypothesis: str, model: str, *, truncate: bool = True, timeout: TimeoutsLike = None
    ) -> NliResult:
        """Return the judgement of one pair; arguments and errors are those of `infer_nli_batch`."""
        return self._thread.run(self._gateway.infer_nli(premise, hypothesis, model, truncate=truncate, timeout=timeout))

    def infer_nli_batch(
        self, pairs: Sequence[NliPair], model: str, *, truncate: bool = True, timeout: TimeoutsLike = None
    ) -> NliResults:
        """Return the judgements of many pairs of a premise and a hypothesis in their order."""
        return self._thread.run(self._gateway.infer_nli_batch(pairs, model, truncate=truncate, timeout=timeout))

    def classify_zero_shot(
        self,
        text: str,
        labels: Sequence[str],
        model: str,
        *,
        multi_label: bool = False,
        hypothesis_template: str = HYPOTHESIS_TEMPLATE,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Classification:
        """Return the labels of one text; arguments and errors are those of `classify_zero_shot_batch`."""
        return self._thread.run(
            self._gateway.classify_zero_shot(
                text,
                labels,
                model,
                multi_label=multi_label,
                hypothesis_template=hypothesis_template,
                truncate=truncate,
                timeout=timeout,
            )
        )

    def classify_zero_shot_batch(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        model: str,
        *,
        multi_label: bool = False,
        hypothesis_template: str = HYPOTHESIS_TEMPLATE,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Classifications:
        """Return the scores of labels of your own for many texts in their order."""
        return self._thread.run(
            self._gateway.classify_zero_shot_batch(
                texts,
                labels,
                model,
                multi_label=multi_label,
                hypothesis_template=hypothesis_template,
                truncate=truncate,
                timeout=timeout,
            )
        )

    def classify(
        self,
        text: str,
        model: str,
        *,
        multi_label: bool | None = None,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Classification:
        """Return the labels of one text; arguments and errors are those of `classify_batch`."""
        return self._thread.run(
            self._gateway.classify(text, model, multi_label=multi_label, truncate=truncate, timeout=timeout)
        )

    def classify_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        multi_label: bool | None = None,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Classifications:
        """Return the scores of the labels that a model was trained for, for many texts in their order."""
        return self._thread.run(
            self._gateway.classify_batch(texts, model, multi_label=multi_label, truncate=truncate, timeout=timeout)
        )

    def classify_stance(
        self,
        text: str,
        target: str,
        model: str,
        *,
        templates: StanceTemplates = DEFAULT_TEMPLATES,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> StanceResult:
        """Return the stance of one text; arguments and errors are those of `classify_stance_batch`."""
        return self._thread.run(
            self._gateway.classify_stance(text, target, model, templates=templates, truncate=truncate, timeout=timeout)
        )

    def classify_stance_batch(
        self,
        texts: Sequence[str],
        target: str,
        model: str,
        *,
        templates: StanceTemplates = DEFAULT_TEMPLATES,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> StanceResults:
        """Return the stances of many texts toward a target in their order; the three scores of each sum to one."""
        return self._thread.run(
            self._gateway.classify_stance_batch(
                texts, target, model, templates=templates, truncate=truncate, timeout=timeout
            )
        )

    def rerank(
        self,
        query: str,
        documents: Sequence[str],
        model: str,
        *,
        top_n: int | None = None,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Ranking:
        """Return documents as pairs of index and score, the most relevant first."""
        return self._thread.run(
            self._gateway.rerank(query, documents, model, top_n=top_n, truncate=truncate, timeout=timeout)
        )
