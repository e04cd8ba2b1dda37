"""Decisions: questions about one text, answered with probabilities, in a list or by names.

Labels of which one is true are the choices of one question; labels that are judged by themselves a question each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from ratatoskr.errors import ContentFiltered, MalformedResponse
from ratatoskr.types.usage import Usage
from ratatoskr.wire.json import Count, decode

__all__ = ["decode_decisions", "encode_decisions"]

Form: TypeAlias = Literal["list", "named"]
_INSTRUCTIONS: Final = "Which of these statements about the text is true?"


class _Share(msgspec.Struct):
    value: str | bool
    probability: float


class _Decision(msgspec.Struct):
    type: str | None = None
    probability: float | None = None
    noul: float | None = None
    choice: str | bool | None = None
    probabilities: list[_Share] | dict[str, float] | None = None
    refusal: str | None = None


class _DecisionUsage(msgspec.Struct):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    prompt_tokens: Count | None = None


class _DecisionList(msgspec.Struct):
    answers: list[_Decision] | dict[str, _Decision]
    model: str | None = None
    usage: _DecisionUsage | None = None


def encode_decisions(
    text: str, labels: Sequence[str], hypotheses: Sequence[str], form: Form, *, by_itself: bool
) -> Any:
    """Return the questions about the labels of one text.

    Args:
        text: the text; it is sent beside the questions.
        labels: the caller's.
        hypotheses: a statement for each label.
        form: of the API.
        by_itself: whether each label is judged by itself.
    """
    if form == "list":
        if by_itself:
            return [{"type": "predicate", "instructions": hypothesis} for hypothesis in hypotheses]
        choices = [
            {"value": label, "description": hypothesis} for label, hypothesis in zip(labels, hypotheses, strict=True)
        ]
        return [{"type": "choice", "instructions": _INSTRUCTIONS, "choices": choices}]
    if by_itself:
        return {f"label_{n}": {"type": "noul", "instructions": one} for n, one in enumerate(hypotheses)}
    criteria = dict(zip(labels, hypotheses, strict=True))
    return {"label": {"type": "choice", "instructions": _INSTRUCTIONS, "criteria": criteria}}


def decode_decisions(body: bytes, labels: Sequence[str], *, by_itself: bool) -> tuple[dict[str, float], Usage, str]:
    """Return the probability of each label, the tokens and the model's name.

    Raises:
        ContentFiltered: a question was refused.
        MalformedResponse: an answer is missing, has no probabilities, or one that is not between 0 and 1.
    """
    answer = decode(_DecisionList, body)
    names = [f"label_{n}" for n in range(len(labels))] if by_itself else ["label"]
    rows = answer.answers
    if isinstance(rows, Mapping):
        rows = [rows[name] for name in names if name in rows]
    if len(rows) != len(names):
        raise MalformedResponse(f"{len(names)} questions got {len(rows)} answers")
    refused = next((row for row in rows if row.type == "refusal" or row.refusal), None)
    if refused is not None:
        raise ContentFiltered(refused.refusal or "the provider refused to decide", provider_code="refusal")
    usage = answer.usage
    tokens = None if usage is None else usage.input_tokens if usage.input_tokens is not None else usage.prompt_tokens
    counted = Usage.of_provider(input_tokens=tokens, output_tokens=None if usage is None else usage.output_tokens)
    scores = _read_each(labels, rows) if by_itself else _read_choice(labels, rows[0])
    return scores, counted, answer.model or ""


def _read_each(labels: Sequence[str], rows: Sequence[_Decision]) -> dict[str, float]:
    scores = {}
    for label, row in zip(labels, rows, strict=True):
        scores[label] = _check(row.probability if row.probability is not None else row.noul, label)
    return scores


def _read_choice(labels: Sequence[str], row: _Decision) -> dict[str, float]:
    shares = row.probabilities
    if isinstance(shares, list):
        shares = {str(one.value): one.probability for one in shares}
    if shares is None or set(shares) != set(labels):
        raise MalformedResponse("the answer has not a probability for each label")
    checked = {label: _check(shares[label], label) for label in labels}
    total = math.fsum(checked.values())
    if not 0.9 < total < 1.1:  # some hosts round to two decimals
        raise MalformedResponse(f"the probabilities of the labels sum to {total:.3g}")
    return {label: share / total for label, share in checked.items()}


def _check(value: float | None, label: str) -> float:
    if value is None or not 0 <= value <= 1:
        raise MalformedResponse(f"the probability of {label!r:.80} is not between 0 and 1, but {value}")
    return value
