"""The judgements of `ScriptedGateway` about texts: what a test gives it, or what it can predict."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ratatoskr.types.attempt import Attempt
from ratatoskr.types.classify import Classification, Classifications, ClassifyRequest, ZeroShotRequest, rank_labels
from ratatoskr.types.nli import NliRequest, NliResult, NliResults
from ratatoskr.types.rerank import Ranking, RerankRequest, rank_documents
from ratatoskr.types.stance import StanceRequest, StanceResults, stances_of

__all__ = ["AnalysisRequest", "ScriptAnalysis", "ScriptedAnalysis"]

AnalysisRequest: TypeAlias = NliRequest | ZeroShotRequest | ClassifyRequest | StanceRequest | RerankRequest
ScriptScores: TypeAlias = "str | float | Mapping[str, float]"
ScriptAnalysis: TypeAlias = "Mapping[Any, ScriptScores] | Callable[..., ScriptScores] | BaseException | None"
"""The scores of texts and pairs by what they are: the score of each label, the one label that is certain, or, of a
document for a query, a number."""

_NAME = "scripted"
_INFERENCE = ("entailment", "neutral", "contradiction")
_STANCES = ("favor", "against", "neutral")
_OWN_LABELS = ("negative", "positive")


class ScriptedAnalysis:
    """Judges texts by a script, for any model; keeps every request in `requests`.

    Args:
        script: what is known of a text, a pair of premise and hypothesis, of text and target, or of query and document.
            What it leaves out, or all, gets scores that depend on nothing but the texts and labels.
    """

    def __init__(self, script: ScriptAnalysis) -> None:
        self.requests: list[AnalysisRequest] = []
        self._script = script

    def nli(self, request: NliRequest) -> NliResults:
        """Return the script's judgements of pairs."""
        self.requests.append(request)
        results = []
        for pair in request.pairs:
            scores = self._scores(pair, _INFERENCE)
            label = max(scores, key=scores.__getitem__)
            entailment, neutral, contradiction = (scores[one] for one in _INFERENCE)
            results.append(NliResult(label, entailment, neutral, contradiction, request.model, provider=_NAME))
        return NliResults(tuple(results), request.model, _NAME, attempts=_attempts(request.model))

    def zero_shot(self, request: ZeroShotRequest) -> Classifications:
        """Return the script's scores of the caller's labels."""
        self.requests.append(request)
        several = request.multi_label or len(request.labels) == 1
        return self._classify(request, request.labels, several, request.hypothesis_template)

    def classify(self, request: ClassifyRequest) -> Classifications:
        """Return the script's scores of the labels that it names for a text; else of `negative` and `positive`."""
        self.requests.append(request)
        return self._classify(request, None, bool(request.multi_label), None)

    def _classify(
        self,
        request: ZeroShotRequest | ClassifyRequest,
        labels: Sequence[str] | None,
        multi_label: bool,
        template: str | None,
    ) -> Classifications:
        results = []
        for text in request.texts:
            scores = self._scores(text, labels, normalise=not multi_label)
            ranked = rank_labels(scores, scores.values())
            results.append(
                Classification(ranked, multi_label, request.model, provider=_NAME, hypothesis_template=template)
            )
        return Classifications(tuple(results), request.model, _NAME, attempts=_attempts(request.model))

    def stance(self, request: StanceRequest) -> StanceResults:
        """Return the script's stances."""
        self.requests.append(request)
        rows = [[*self._scores((text, request.target), _STANCES).values()] for text in request.texts]
        common = {"model": request.model, "provider": _NAME, "templates": request.templates}
        results = stances_of(rows, request.target, (), common)
        return StanceResults(results, request.model, _NAME, attempts=_attempts(request.model))

    def rerank(self, request: RerankRequest) -> Ranking:
        """Return the script's ranking of documents."""
        self.requests.append(request)
        scores = []
        for document in request.documents:
            given = self._find((request.query, document))
            if given is None:
                given = _hash(request.query, document)
            if isinstance(given, str | Mapping):
                raise TypeError(f"the script must give a document a number, not {given!r}")
            scores.append(float(given))
        documents = rank_documents(scores, request.top_n)
        return Ranking(documents, request.model, _NAME, attempts=_attempts(request.model))

    def _find(self, item: str | tuple[str, str]) -> ScriptScores | None:
        script = self._script
        if isinstance(script, BaseException):
            raise script
        if script is None:
            return None
        if isinstance(script, Mapping):
            return script.get(item)
        return script(*item) if isinstance(item, tuple) else script(item)

    def _scores(
        self, item: str | tuple[str, str], labels: Sequence[str] | None, *, normalise: bool = True
    ) -> dict[str, float]:
        """Return the score of each label; with `normalise`, those of the script's own making sum to one."""
        given = self._find(item)
        if isinstance(given, Mapping):
            names = labels or tuple(given)
            if unknown := given.keys() - {*names}:
                raise AssertionError(f"the script scores {sorted(unknown)}, and the labels are {[*names]}")
            return {name: float(given.get(name, 0.0)) for name in names}
        names = labels or _OWN_LABELS
        if isinstance(given, str):
            if labels is not None and given not in labels:
                raise AssertionError(f"the script answers {given!r}, and the labels are {[*labels]}")
            return {name: float(name == given) for name in dict.fromkeys((*names, given))}
        if given is not None:
            raise AssertionError(f"the script must give {item!r} a label or scores of labels, not {given!r}")
        text = item if isinstance(item, str) else "\0".join(item)
        scores = {name: _hash(text, name) for name in names}
        total = sum(scores.values()) if normalise else 1.0
        return {name: score / total for name, score in scores.items()}


def _hash(first: str, second: str) -> float:
    """Return a number above 0 and below 1 that depends on nothing but two texts."""
    octets = hashlib.sha256(f"{first}\0{second}".encode()).digest()
    return (int.from_bytes(octets[:6], "big") + 1) / (2**48 + 1)


def _attempts(model: str) -> tuple[Attempt, ...]:
    return (Attempt(_NAME, model),)
