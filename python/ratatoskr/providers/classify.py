"""Classification and inference by Hugging Face's router: zero-shot, models' own labels, pairs of texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

from ratatoskr.errors import InvalidInput
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.task import TaskClient, ask_each
from ratatoskr.types.attempt import Notice
from ratatoskr.types.classify import (
    Classification,
    Classifications,
    ClassifyRequest,
    ZeroShotRequest,
    rank_labels,
)
from ratatoskr.types.nli import NliRequest, NliResult, NliResults
from ratatoskr.wire.classify.huggingface import (
    LabelScores,
    decode_scores,
    encode_classify,
    encode_pairs,
    encode_zero_shot,
    split_inference,
)

__all__ = ["HuggingFaceTasks"]

S = TypeVar("S")

_BATCH: Final = 16
"""Texts of one request: the number is ours."""
_CONCURRENCY: Final = 4
_MAX_MODELS: Final = 256
"""The most models that are remembered: their names may come from the caller's users."""
_REPOSITORY: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_JUDGES: Final = re.compile(
    r"(?:^|[-_/.])(?:x?nli|mnli|anli|snli|zero-?shot)(?:[-_.]|$)|deberta.*(?:nli|zeroshot)", re.IGNORECASE
)
"""Names of models that judge hypotheses."""
_NO_NEUTRAL: Final = Notice(
    "no_neutral",
    "the endpoint judges a hypothesis as a label: the score of neutral is not known, and shared by the two others",
)
_CUT: Final = Notice("truncate_ignored", "the endpoint cuts texts that are too long, and does not say so", "truncate")


class HuggingFaceTasks:
    """Natural language inference, zero-shot and text classification of Hugging Face's own inference.

    Args:
        provider: whose address and keys are used.
    """

    def __init__(self, provider: HttpProvider) -> None:
        self.name = provider.name
        self._client = TaskClient(provider, "/v1", "texts")
        self._without_pairs = dict[str, None]()  # models that refused a pair of texts

    def find_model(self, name: str) -> str | None:
        """Return the repository that a name means; `None` if it is none."""
        return name if _REPOSITORY.fullmatch(name) else None

    def knows_model(self, name: str) -> bool:
        """Return whether a name says that the model judges hypotheses."""
        return "/" in name and self.find_model(name) is not None and _JUDGES.search(name) is not None

    def address(self, model: str) -> str:
        """Return where texts are sent."""
        return self._client.url(_path(model))

    async def classify_zero_shot(self, request: ZeroShotRequest, call: CallOptions) -> Classifications:
        """Return the scores of the caller's labels; raises `RatatoskrError`."""
        by_itself = request.multi_label or len(request.labels) == 1

        async def ask(texts: Sequence[str]) -> list[LabelScores]:
            body = encode_zero_shot(texts, request.labels, request.hypothesis_template, multi_label=by_itself)
            return await self._ask(body, call, len(texts), request.labels)

        found = await self._ask_all(request.texts, ask)
        results = tuple(
            Classification(
                rank_labels(request.labels, [scores[label] for label in request.labels]),
                request.multi_label,
                call.model,
                provider=self.name,
                method="zero_shot",
                hypothesis_template=request.hypothesis_template,
            )
            for scores in found
        )
        return Classifications(results, call.model, self.name, warnings=_notices(request.truncate))

    async def classify(self, request: ClassifyRequest, call: CallOptions) -> Classifications:
        """Return the scores of the model's own labels; raises `RatatoskrError`."""

        async def ask(texts: Sequence[str]) -> list[LabelScores]:
            return await self._ask(encode_classify(texts, request.multi_label), call, len(texts), None)

        found = await self._ask_all(request.texts, ask)
        results = tuple(
            Classification(
                rank_labels(scores, scores.values()),
                bool(request.multi_label),
                call.model,
                provider=self.name,
                method="text_classification",
            )
            for scores in found
        )
        return Classifications(results, call.model, self.name, warnings=_notices(request.truncate))

    async def infer_nli(self, request: NliRequest, call: CallOptions) -> NliResults:
        """Return the judgements of pairs: as pairs where the model takes them, else as labels of the premises.

        Raises:
            RatatoskrError: there are none.
        """
        if request.pairs and call.model not in self._without_pairs:
            try:
                return await self._infer_pairs(request, call)
            except InvalidInput as error:
                if error.status not in {400, 422}:
                    raise
                if len(self._without_pairs) >= _MAX_MODELS:
                    self._without_pairs.clear()
                self._without_pairs[call.model] = None
        return await self._infer_labels(request, call)

    async def _infer_pairs(self, request: NliRequest, call: CallOptions) -> NliResults:
        async def ask(pairs: Sequence[tuple[str, str]]) -> list[LabelScores]:
            return await self._ask(encode_pairs(pairs), call, len(pairs), None)

        results = []
        for scores in await self._ask_all(request.pairs, ask):
            entailment, neutral, contradiction = split_inference(scores)
            named = {"entailment": entailment, "neutral": neutral, "contradiction": contradiction}
            label = max((name for name, score in named.items() if score is not None), key=lambda name: named[name] or 0)
            results.append(
                NliResult(
                    label,
                    entailment,
                    neutral,
                    contradiction,
                    call.model,
                    provider=self.name,
                    method="sentence_pair",
                )
            )
        return NliResults(tuple(results), call.model, self.name, warnings=_notices(request.truncate))

    async def _infer_labels(self, request: NliRequest, call: CallOptions) -> NliResults:
        """Judge each hypothesis as the only label of its premises; no template adds words to it."""
        places: dict[str, list[int]] = {}
        for place, (_, hypothesis) in enumerate(request.pairs):
            places.setdefault(hypothesis, []).append(place)
        blocks = [
            (hypothesis, block[first : first + _BATCH])
            for hypothesis, block in places.items()
            for first in range(0, len(block), _BATCH)
        ]

        async def ask(item: tuple[str, list[int]]) -> list[LabelScores]:
            hypothesis, block = item
            texts = [request.pairs[place][0] for place in block]
            body = encode_zero_shot(texts, [hypothesis], "{}", multi_label=True)
            return await self._ask(body, call, len(texts), [hypothesis])

        results: list[NliResult | None] = [None] * len(request.pairs)
        answers = await ask_each(blocks, ask, _CONCURRENCY) if blocks else []
        for (hypothesis, block), found in zip(blocks, answers, strict=True):
            for place, scores in zip(block, found, strict=True):
                score = scores[hypothesis]
                label = "entailment" if score >= 0.5 else "contradiction"
                results[place] = NliResult(
                    label, score, None, 1 - score, call.model, provider=self.name, method="zero_shot"
                )
        warnings = (*_notices(request.truncate), _NO_NEUTRAL)
        return NliResults(tuple(one for one in results if one), call.model, self.name, warnings=warnings)

    async def _ask_all(self, items: Sequence[S], ask: Callable[[Sequence[S]], Any]) -> list[LabelScores]:
        blocks = [items[first : first + _BATCH] for first in range(0, len(items), _BATCH)]
        if not blocks:
            return []
        answers: list[list[LabelScores]] = await ask_each(blocks, ask, _CONCURRENCY)
        return [scores for answer in answers for scores in answer]

    async def _ask(
        self, body: Mapping[str, Any], call: CallOptions, count: int, labels: Sequence[str] | None
    ) -> list[LabelScores]:
        return await self._client.ask(
            _path(call.model), body, call, "classify", lambda data: decode_scores(data, count, labels)
        )


def _path(model: str) -> str:
    return f"/hf-inference/models/{quote(model, safe='/')}"


def _notices(truncate: bool) -> tuple[Notice, ...]:
    return () if truncate else (_CUT,)
