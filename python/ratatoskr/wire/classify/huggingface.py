"""Hugging Face's tasks of classification: `{inputs, parameters}`, and labels with scores in several arrangements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.json import decode

__all__ = ["LabelScores", "decode_scores", "encode_classify", "encode_pairs", "encode_zero_shot", "split_inference"]

LabelScores: TypeAlias = dict[str, float]
"""The score of each label."""

_ANY: Final = cast("type[Any]", Any)


def encode_zero_shot(
    texts: Sequence[str], labels: Sequence[str], template: str, *, multi_label: bool
) -> dict[str, Any]:
    """Return the body of a request for labels of the caller's."""
    parameters = {"candidate_labels": list(labels), "hypothesis_template": template, "multi_label": multi_label}
    return {"inputs": texts[0] if len(texts) == 1 else list(texts), "parameters": parameters}


def encode_classify(texts: Sequence[str], multi_label: bool | None) -> dict[str, Any]:
    """Return the body of a request for labels of the model's own."""
    body: dict[str, Any] = {"inputs": texts[0] if len(texts) == 1 else list(texts)}
    if multi_label is not None:
        body["parameters"] = {"function_to_apply": "sigmoid" if multi_label else "softmax"}
    return body


def encode_pairs(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the body of a request for the labels of pairs of texts."""
    inputs = [{"text": text, "text_pair": pair} for text, pair in pairs]
    return {"inputs": inputs[0] if len(inputs) == 1 else inputs}


def decode_scores(body: bytes, count: int, labels: Sequence[str] | None = None) -> list[LabelScores]:
    """Return the scores of each text's labels.

    Servers answer with `{labels, scores}` or with a list of `{label, score}`, for one text with or without the
    brackets of the list of texts.

    Args:
        body: the JSON.
        count: the number of texts that were sent.
        labels: those that were asked for, which must all be there; `None` for the model's own.

    Raises:
        MalformedResponse: it is not of this form, a text or a label is missing, or a score is not finite.
    """
    value = decode(_ANY, body)
    if isinstance(value, Mapping) or (isinstance(value, list) and value and _is_score(value[0])):
        value = [value]
    if not isinstance(value, list) or len(value) != count:
        found = len(value) if isinstance(value, list) else 0
        raise MalformedResponse(f"{count} texts got {found} answers")
    return [_read(one, index, labels) for index, one in enumerate(value)]


def _is_score(value: Any) -> bool:
    return isinstance(value, Mapping) and "label" in value


def _read(value: Any, index: int, labels: Sequence[str] | None) -> LabelScores:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if isinstance(value, Mapping) and isinstance(value.get("labels"), list) and isinstance(value.get("scores"), list):
        pairs = list(zip(value["labels"], value["scores"], strict=False))
    elif isinstance(value, list) and all(map(_is_score, value)):
        pairs = [(one["label"], one.get("score")) for one in value]
    else:
        raise MalformedResponse(f"the answer for text {index} has no labels with scores")
    scores: LabelScores = {}
    for label, score in pairs:
        is_number = isinstance(score, int | float) and not isinstance(score, bool)
        if not isinstance(label, str) or not is_number or not math.isfinite(score):
            raise MalformedResponse(f"a score of text {index} is not a finite number")
        scores[label] = float(score)
    if not scores or (labels is not None and set(scores) != set(labels)):
        raise MalformedResponse(f"the answer for text {index} has not the labels that were asked for")
    return scores


def split_inference(scores: LabelScores) -> tuple[float, float | None, float]:
    """Return the scores of entailment, neutral and contradiction, by the names of the labels.

    Raises:
        MalformedResponse: the labels do not say which is which.
    """
    found: dict[str, float] = {}
    for label, score in scores.items():
        word = label.casefold().replace(" ", "_").replace("-", "_")
        if word.startswith(("not_entail", "non_entail", "contradict")):
            found["contradiction"] = score
        elif word.startswith("entail"):
            found["entailment"] = score
        elif word.startswith("neutral"):
            found["neutral"] = score
    if "entailment" not in found or "contradiction" not in found:
        raise MalformedResponse(f"the labels {', '.join(scores)} do not say what is entailed", retryable=False)
    return found["entailment"], found.get("neutral"), found["contradiction"]
