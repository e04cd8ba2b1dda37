"""`LocalNli`: inference, zero-shot classification and stance computed in this process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING

from ratatoskr._core import softmax
from ratatoskr.errors import InvalidInput, MalformedResponse
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.engine.runner import WINDOW
from ratatoskr.local.labels import NliLabels, check_label_names, read_nli_labels
from ratatoskr.local.model import LocalModel, LogitsHead
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.local.store.store import ModelStore
from ratatoskr.types.classify import (
    HYPOTHESIS_TEMPLATE,
    Classification,
    Classifications,
    ZeroShotRequest,
    rank_labels,
)
from ratatoskr.types.local import LabelNames, LocalModelName
from ratatoskr.types.nli import NliPair, NliRequest, NliResult, NliResults
from ratatoskr.types.stance import (
    DEFAULT_TEMPLATES,
    StanceRequest,
    StanceResult,
    StanceResults,
    StanceTemplates,
    stances_of,
)
from ratatoskr.types.usage import Usage

if TYPE_CHECKING:
    import numpy as np

    from ratatoskr._core import Tokens
    from ratatoskr.local.engine.call import BatchStats
    from ratatoskr.local.engine.head import Rows
    from ratatoskr.local.engine.tokenizer import Tokenizer

__all__ = ["LocalNli", "NliHead"]

_PAIR = re.compile(r"pair (\d+): (the hypothesis .*)", re.DOTALL)
"""What is said of a hypothesis that does not fit beside a premise."""


class NliHead(LogitsHead):
    """The head of models for inference: an item is a pair of texts, of which the second is never cut."""

    item = "pair"

    def count_characters(self, items: Sequence[NliPair]) -> Iterable[int]:
        """Return the lengths of pairs."""
        return (len(premise) + len(hypothesis) for premise, hypothesis in items)

    def tokenise(self, tokenizer: Tokenizer, items: list[NliPair], limit: int, first: int) -> Tokens:
        """Return the tokens of pairs; raises what `Tokenizer.encode_pairs` raises."""
        return tokenizer.encode_pairs(items, limit, first, keep_second=True)


class LocalNli(LocalModel):
    """One model for natural language inference. It belongs to no event loop and may be used from several at once.

    Args:
        model: a name of the catalogue, a model of the store, a folder, or an ONNX file and its tokenizer.json.
        labels: the names of the labels, in the order of the logits or by the names that config.json has; needed only
            where config.json has no `id2label`, or one that does not say what the labels mean.
        precision: `fp32`, `int8` for the quantised graph of the model's folder, `bf16` or `auto`; see `LocalEmbedder`.
        device: where the model runs.
        store: the store of the model's files.
        pool: shares threads and memory with other models; it determines device and store.
    """

    def __init__(
        self,
        model: LocalModelName,
        *,
        labels: LabelNames | None = None,
        precision: PrecisionChoice = "fp32",
        device: Device | None = None,
        store: ModelStore | None = None,
        pool: ModelPool | None = None,
    ) -> None:
        if labels is not None:
            check_label_names(labels)
        self._labels = labels
        super().__init__(model, NliHead, precision=precision, device=device, store=store, pool=pool)

    async def infer_nli(self, premise: str, hypothesis: str, *, truncate: bool = True) -> NliResult:
        """Return the judgement of one pair; raises what `infer_nli_batch` raises."""
        return (await self.infer(NliRequest([(premise, hypothesis)], self.model, truncate))).single()

    async def infer_nli_batch(self, pairs: Sequence[NliPair], *, truncate: bool = True) -> NliResults:
        """Return the judgements of many pairs of a premise and a hypothesis in their order.

        Args:
            pairs: any number; identical ones are computed once.
            truncate: whether a premise is cut to what the model takes beside the hypothesis, or refused.

        Raises:
            InvalidInput: a pair is not two texts, or its hypothesis alone is too long; the message names its index.
            ContextLengthExceeded: a premise is too long, and `truncate` is false.
            ModelNotAvailable: the model is not in the store, or exceeds the memory budget.
            ConfigurationError: the model's files are not what was pulled, it is not for inference, or the order of its
                labels is not known.
            MalformedResponse: the output for a pair is not finite; the message names its index.
        """
        return await self.infer(NliRequest(pairs, self.model, truncate))

    async def classify_zero_shot(
        self,
        text: str,
        labels: Sequence[str],
        *,
        multi_label: bool = False,
        hypothesis_template: str = HYPOTHESIS_TEMPLATE,
        truncate: bool = True,
    ) -> Classification:
        """Return the scores of labels for one text; raises what `classify_zero_shot_batch` raises."""
        request = ZeroShotRequest([text], labels, self.model, multi_label, hypothesis_template, truncate)
        return (await self.zero_shot(request)).single()

    async def classify_zero_shot_batch(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        multi_label: bool = False,
        hypothesis_template: str = HYPOTHESIS_TEMPLATE,
        truncate: bool = True,
    ) -> Classifications:
        """Return the scores of labels for many texts in their order.

        Args:
            texts: any number; all of them with all labels are one batch.
            labels: different from one another.
            multi_label: whether several labels may be true of a text, so that each is judged by itself.
            hypothesis_template: a sentence with exactly one `{}`, in place of which the label is put.
            truncate: whether a text is cut to what the model takes beside the hypothesis, or refused.

        Raises:
            InvalidInput: an argument is wrong, or a hypothesis alone is too long.
            RatatoskrError: as in `infer_nli_batch`.
        """
        return await self.zero_shot(
            ZeroShotRequest(texts, labels, self.model, multi_label, hypothesis_template, truncate)
        )

    async def classify_stance(
        self, text: str, target: str, *, templates: StanceTemplates = DEFAULT_TEMPLATES, truncate: bool = True
    ) -> StanceResult:
        """Return the stance of one text toward a target; raises what `classify_stance_batch` raises."""
        return (await self.stance(StanceRequest([text], target, self.model, templates, truncate))).single()

    async def classify_stance_batch(
        self,
        texts: Sequence[str],
        target: str,
        *,
        templates: StanceTemplates = DEFAULT_TEMPLATES,
        truncate: bool = True,
    ) -> StanceResults:
        """Return the stances of many texts toward a target in their order; the scores of each sum to one.

        Args:
            texts: any number.
            target: what the stance is toward.
            templates: the hypothesis of each stance.
            truncate: whether a text is cut to what the model takes beside the hypothesis, or refused.

        Raises:
            InvalidInput: an argument is wrong, or a hypothesis alone is too long.
            RatatoskrError: as in `infer_nli_batch`.
        """
        return await self.stance(StanceRequest(texts, target, self.model, templates, truncate))

    async def infer(self, request: NliRequest) -> NliResults:
        """Return the judgements of a request's pairs; raises what `infer_nli_batch` raises."""
        rows, stats, labels = await self._run(list(request.pairs), request.truncate)
        cut = frozenset(stats.cut)
        results = []
        for index, row in enumerate(self.score(softmax, rows, "pair").tolist()):
            best = labels.names[max(range(len(row)), key=row.__getitem__)]
            neutral = None if labels.neutral is None else row[labels.neutral]
            results.append(
                NliResult(
                    best,
                    row[labels.entailment],
                    neutral,
                    row[labels.contradiction],
                    self.model,
                    index in cut,
                    "local",
                )
            )
        return NliResults(tuple(results), self.model, "local", _usage(stats))

    async def zero_shot(self, request: ZeroShotRequest) -> Classifications:
        """Return the labels of a request's texts; raises what `classify_zero_shot_batch` raises."""
        names = request.labels
        multi_label = request.multi_label or len(names) == 1
        scores, stats = await self._score(request.texts, request.hypotheses(), multi_label, request.truncate, "label")
        cut = {index // len(names) for index in stats.cut}
        results = tuple(
            Classification(
                rank_labels(names, row),
                multi_label,
                self.model,
                index in cut,
                "local",
                "onnx",
                request.hypothesis_template,
            )
            for index, row in enumerate(scores.tolist())
        )
        return Classifications(results, self.model, "local", _usage(stats))

    async def stance(self, request: StanceRequest) -> StanceResults:
        """Return the stances of a request's texts; raises what `classify_stance_batch` raises."""
        hypotheses = request.templates.hypotheses(request.target)
        scores, stats = await self._score(request.texts, hypotheses, False, request.truncate, "template")
        cut = {index // len(hypotheses) for index in stats.cut}
        common = {"model": self.model, "provider": "local", "method": "onnx", "templates": request.templates}
        results = stances_of(scores.tolist(), request.target, cut, common)
        return StanceResults(results, self.model, "local", _usage(stats))

    async def _score(
        self, texts: Sequence[str], hypotheses: Sequence[str], multi_label: bool, truncate: bool, noun: str
    ) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], BatchStats]:
        """Return how far each text entails each hypothesis: by itself, or so that those of a text sum to one.

        Args:
            texts: the premises.
            hypotheses: judged with each text.
            multi_label: whether each is judged by itself.
            truncate: whether a premise is cut, or refused.
            noun: what the caller gave a hypothesis by, for messages.
        """
        import numpy as np

        try:
            rows, stats, labels = await self._run([*product(texts, hypotheses)], truncate)
        except InvalidInput as error:  # of a hypothesis, which the caller did not give as one of a pair
            found = _PAIR.fullmatch(error.message)
            if found is None:
                raise
            message = f"{noun} {int(found[1]) % len(hypotheses)}: {found[2]}"
            raise InvalidInput(message, field=f"{noun}s", model=self.model) from None
        shape = (len(texts), len(hypotheses))
        if not np.isfinite(rows).all():
            text, hypothesis = divmod(int(np.argmin(np.isfinite(rows).all(axis=1))), len(hypotheses))
            message = f"the model's output for text {text} and label {hypothesis} is not finite"
            raise MalformedResponse(message, model=self.model, retryable=False)
        if multi_label:
            both = np.ascontiguousarray(rows[:, [labels.contradiction, labels.entailment]])
            return softmax(both)[:, 1].reshape(shape), stats
        return softmax(np.ascontiguousarray(rows[:, labels.entailment]).reshape(shape)), stats

    async def _run(self, pairs: list[NliPair], truncate: bool) -> tuple[Rows, BatchStats, NliLabels]:
        """Return the logits of pairs, and what the logits mean."""
        with await self._runner.acquire() as model:
            labels = read_nli_labels(model.folder, model.row_size, self._labels)
            if len(pairs) > WINDOW:  # the pairs of later windows are checked before anything is computed, too
                await asyncio.to_thread(_check_hypotheses, model, pairs)
            rows, stats = await self._runner.run(model, pairs, truncate=truncate)
            return rows, stats, labels


def _check_hypotheses(model: LoadedModel, pairs: list[NliPair]) -> None:
    """Raise what tokenising raises for a hypothesis that is too long."""
    places: dict[str, int] = {}
    for index, (_, hypothesis) in enumerate(pairs):
        places.setdefault(hypothesis, index)
    for hypothesis, index in places.items():
        if len(hypothesis) * 4 > model.folder.max_length:
            model.tokenise([pairs[index]], index)


def _usage(stats: BatchStats) -> Usage:
    return Usage(input_tokens=stats.tokens, source="local")
