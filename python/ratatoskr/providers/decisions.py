"""Zero-shot classification by hosted decisions: one request for each text, with the labels as its questions."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Final

from ratatoskr.errors import InvalidInput
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs.decisions import DecisionSpec
from ratatoskr.providers.task import PathTask, ask_each
from ratatoskr.types.attempt import Notice
from ratatoskr.types.classify import Classification, Classifications, ZeroShotRequest, rank_labels
from ratatoskr.types.usage import Usage
from ratatoskr.wire.classify.decisions import decode_decisions, encode_decisions

__all__ = ["HostedDecisions"]

_CONCURRENCY: Final = 8


class HostedDecisions(PathTask[DecisionSpec]):
    """The decisions of one provider.

    Args:
        provider: whose address and keys are used.
        spec: the row of its API.
    """

    def __init__(self, provider: HttpProvider, spec: DecisionSpec) -> None:
        super().__init__(provider, spec, "texts")

    async def classify_zero_shot(self, request: ZeroShotRequest, call: CallOptions) -> Classifications:
        """Return the scores of the caller's labels.

        Raises:
            InvalidInput: there are more labels than the API takes.
            RatatoskrError: there are none.
        """
        spec, labels = self._spec, request.labels
        by_itself = request.multi_label or len(labels) == 1
        most = spec.max_questions if by_itself else spec.max_choices
        if len(labels) > most:
            text = f"{len(labels)} labels are too many: {self.name} takes at most {most} of a text"
            raise InvalidInput(text, field="labels")
        hypotheses = request.hypotheses()

        async def ask(text: str) -> tuple[dict[str, float], Usage, str]:
            questions = encode_decisions(text, labels, hypotheses, spec.form, by_itself=by_itself)
            body = {"model": call.model, spec.text: text, "questions": questions}
            return await self._client.ask(
                spec.path, body, call, "decisions", lambda data: decode_decisions(data, labels, by_itself=by_itself)
            )

        answers = await ask_each(request.texts, ask, _CONCURRENCY) if request.texts else []
        results = tuple(
            Classification(
                rank_labels(labels, [scores[label] for label in labels]),
                request.multi_label,
                model or call.model,
                provider=self.name,
                method="decisions",
                hypothesis_template=request.hypothesis_template,
            )
            for scores, _, model in answers
        )
        usage = reduce(add, (usage for _, usage, _ in answers)) if answers else Usage()
        notices = () if request.truncate else (_refused_by_host(self.name),)
        return Classifications(results, call.model, self.name, usage, warnings=notices)


def _refused_by_host(name: str) -> Notice:
    return Notice("truncate_ignored", f"{name} decides itself what becomes of texts that are too long", "truncate")
