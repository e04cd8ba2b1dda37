"""Stance: the public methods, each of which makes one request for the backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ratatoskr.gateway.request import backend_of
from ratatoskr.types.stance import DEFAULT_TEMPLATES, StanceRequest, StanceResult, StanceResults, StanceTemplates
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of

__all__ = ["Stance"]


class Stance(Protocol):
    """Judges whether the author of a text is for something, against it, or neither."""

    async def classify_stance(
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
        request = StanceRequest([text], target, model, templates, truncate, timeouts_of(timeout))
        return (await backend_of(self).stance(request)).single()

    async def classify_stance_batch(
        self,
        texts: Sequence[str],
        target: str,
        model: str,
        *,
        templates: StanceTemplates = DEFAULT_TEMPLATES,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> StanceResults:
        """Return the stances of many texts toward a target in their order; the three scores of each sum to one.

        A model for inference, or of a provider that classifies with labels of the caller's, judges the three
        hypotheses of `templates`; the scores are the softmax over how far the text entails each. A chat model is asked
        for the three scores, and `method` is then `llm`.

        Args:
            texts: any number.
            target: what the stance is toward, as it is put into the hypotheses.
            model: a configured model for inference, one of a provider that classifies so, or a chat model.
            templates: the hypothesis of each stance, with `{target}` in it.
            truncate: whether a text is cut to what the model takes beside the hypothesis, or refused.
            timeout: total seconds, loading the model included, or `Timeouts`; 600 unless set in the builder.

        Raises:
            InvalidInput: the target is empty, a hypothesis alone is too long, or a text is not a `str`.
            MalformedResponse: a chat model gave no scores, or the output of a model for inference is not finite.
            RatatoskrError: as `infer_nli_batch`, or as `chat` for a chat model.
        """
        request = StanceRequest(texts, target, model, templates, truncate, timeouts_of(timeout))
        return await backend_of(self).stance(request)
