"""Classification: the public methods, each of which makes one request for the backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ratatoskr.gateway.request import backend_of
from ratatoskr.types.classify import (
    HYPOTHESIS_TEMPLATE,
    Classification,
    Classifications,
    ClassifyRequest,
    ZeroShotRequest,
)
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of

__all__ = ["Classify"]


class Classify(Protocol):
    """Gives texts labels."""

    async def classify_zero_shot(
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
        request = ZeroShotRequest(
            [text], labels, model, multi_label, hypothesis_template, truncate, timeouts_of(timeout)
        )
        return (await backend_of(self).zero_shot(request)).single()

    async def classify_zero_shot_batch(
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
        """Return the scores of labels of your own for many texts in their order.

        A model for inference judges, for each text and label, whether the text entails the hypothesis that it is of
        the label.

        Args:
            texts: any number; all of them with all labels are one batch.
            labels: up to 1,000, different from one another.
            model: a configured model for inference, or one of a provider that classifies so, with its prefix.
            multi_label: whether several labels may be true of a text. Each is then judged by itself, entailment
                against contradiction; otherwise the scores of the labels sum to one. A single label is always judged
                by itself.
            hypothesis_template: a sentence with exactly one `{}`, in place of which the label is put.
            truncate: whether a text is cut to what the model takes beside the hypothesis, or refused.
            timeout: total seconds, loading the model included, or `Timeouts`; 600 unless set in the builder.

        Raises:
            InvalidInput: there are no labels or too many, one is empty or given twice, the template has not exactly one
                placeholder, a hypothesis alone is too long, or a text is not a `str`.
            RatatoskrError: as `infer_nli_batch`.
        """
        request = ZeroShotRequest(
            texts, labels, model, multi_label, hypothesis_template, truncate, timeouts_of(timeout)
        )
        return await backend_of(self).zero_shot(request)

    async def classify(
        self,
        text: str,
        model: str,
        *,
        multi_label: bool | None = None,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Classification:
        """Return the labels of one text; arguments and errors are those of `classify_batch`."""
        request = ClassifyRequest([text], model, multi_label, truncate, timeouts_of(timeout))
        return (await backend_of(self).classify(request)).single()

    async def classify_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        multi_label: bool | None = None,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Classifications:
        """Return the scores of the labels that a model was trained for, for many texts in their order.

        Args:
            texts: any number; identical ones are computed once.
            model: a configured model for classification, or one of a provider that classifies, with its prefix.
            multi_label: whether several labels may be true of a text, so that each score is by itself; `None` for what
                the model's files say.
            truncate: whether texts are cut to the length that the model takes, or refused.
            timeout: total seconds, loading the model included, or `Timeouts`; 600 unless set in the builder.

        Raises:
            InvalidInput: a text is not a `str`; the message names its index.
            ContextLengthExceeded: a text is too long and `truncate` is false.
            NoProvider: no configured model for classification has this name; the message lists them.
            ModelNotAvailable: the model is not in the store, or over the memory budget.
            ConfigurationError: the model's files differ from what was pulled, it does not classify, or its labels are
                not known.
            MalformedResponse: the model's output for a text is not finite; the message names its index.
            Timeout: a deadline passed; the computation ends with the current call of the model.
        """
        return await backend_of(self).classify(
            ClassifyRequest(texts, model, multi_label, truncate, timeouts_of(timeout))
        )
