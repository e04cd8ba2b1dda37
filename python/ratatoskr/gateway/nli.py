"""Natural language inference: the public methods, each of which makes one request for the backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ratatoskr.gateway.request import backend_of
from ratatoskr.types.nli import NliPair, NliRequest, NliResult, NliResults
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of

__all__ = ["Nli"]


class Nli(Protocol):
    """Judges whether a premise entails a hypothesis."""

    async def infer_nli(
        self, premise: str, hypothesis: str, model: str, *, truncate: bool = True, timeout: TimeoutsLike = None
    ) -> NliResult:
        """Return the judgement of one pair; arguments and errors are those of `infer_nli_batch`."""
        request = NliRequest([(premise, hypothesis)], model, truncate, timeouts_of(timeout))
        return (await backend_of(self).nli(request)).single()

    async def infer_nli_batch(
        self, pairs: Sequence[NliPair], model: str, *, truncate: bool = True, timeout: TimeoutsLike = None
    ) -> NliResults:
        """Return the judgements of many pairs of a premise and a hypothesis in their order.

        Args:
            pairs: any number; identical ones are computed once.
            model: a configured model for inference: its short name, its repository or the last part of that, or its
                folder; or a model of a provider that infers, with its prefix.
            truncate: whether a premise is cut to what the model takes beside the hypothesis, or refused.
            timeout: total seconds, loading the model included, or `Timeouts`; 600 unless set in the builder.

        Raises:
            InvalidInput: a pair is not two texts, or its hypothesis alone is too long; the message names its index.
            ContextLengthExceeded: a premise is too long and `truncate` is false.
            NoProvider: no configured model for inference has this name; the message lists them.
            ModelNotAvailable: the model is not in the store, or over the memory budget.
            ConfigurationError: the model's files differ from what was pulled, or it is not a model for inference, or
                the order of its labels is not known.
            MalformedResponse: the model's output for a pair is not finite; the message names its index.
            Timeout: a deadline passed; the computation ends with the current call of the model.
        """
        return await backend_of(self).nli(NliRequest(pairs, model, truncate, timeouts_of(timeout)))
