"""The labels of a classifier: from `id2label` of its config.json, or as its user gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.folder import ModelFolder
from ratatoskr.types.local import LabelNames
from ratatoskr.types.visible import quote

__all__ = ["NliLabels", "check_label_names", "read_labels", "read_nli_labels"]

_DEFAULT: Final = re.compile(r"LABEL_\d+")
"""What transformers calls labels that have no names."""
_SPELLINGS: Final = {
    "entailment": ("entailment", "entails", "entailed", "entail", "entailing"),
    "neutral": ("neutral", "neither", "unknown", "undetermined"),
    "contradiction": ("contradiction", "contradicts", "contradicted", "contradict", "contradictory", "contradicting"),
}
_ABSENCE: Final = ("notentailment", "nonentailment", "notentailed", "noentailment", "notentails")
"""Spellings of the label beside entailment, for models that know no other."""
_BY_SPELLING: Final = {spelling: label for label, spellings in _SPELLINGS.items() for spelling in spellings}


@dataclass(frozen=True, slots=True)
class NliLabels:
    """The labels of a model for inference.

    Attributes:
        names: of all labels in the order of the logits; those for inference as `NliResult` has them.
        entailment: the column of entailment.
        contradiction: the column of contradiction, or of the absence of entailment.
        neutral: the column of neutral, if there is one.
    """

    names: tuple[str, ...]
    entailment: int
    contradiction: int
    neutral: int | None


def check_label_names(labels: object) -> None:
    """Check labels that a user gives.

    Raises:
        ConfigurationError: they are no texts, or two are the same.
    """
    values: Any = labels.values() if isinstance(labels, Mapping) else labels
    several = isinstance(labels, Mapping | Sequence) and not isinstance(labels, str | bytes)
    if not several or not labels or not all(isinstance(value, str) and value.strip() for value in values):
        text = "labels must be names in the order of the model's logits, or a mapping from the names in config.json"
        raise ConfigurationError(f"{text}, not {quote(labels)}", field="labels")
    if len({*values}) < len(list(values)):
        raise ConfigurationError(f"labels has a name twice: {quote(list(values))}", field="labels")


def read_labels(folder: ModelFolder, count: int, given: LabelNames | None) -> tuple[str, ...]:
    """Return the label of each logit.

    Args:
        folder: the model's folder.
        count: the number of logits.
        given: the labels that the user gives.

    Raises:
        ConfigurationError: there are no labels, or they do not fit the logits.
    """
    own = _read_own(folder)
    if given is None:
        if own is None:
            text = "config.json has no id2label, which names the labels of the logits: give labels="
            raise ConfigurationError(text, model=folder.name, field="labels")
        labels = own
    elif isinstance(given, Mapping):
        own = own or tuple(f"LABEL_{number}" for number in range(count))
        unknown = given.keys() - {*own}
        if unknown:
            text = f"labels names {', '.join(sorted(map(str, unknown)))}, and the model has {', '.join(own)}"
            raise ConfigurationError(text, model=folder.name, field="labels")
        labels = tuple(given.get(label, label) for label in own)
    else:
        labels = tuple(given)
    if len(labels) != count:
        text = f"there are {len(labels)} labels ({', '.join(labels[:9])}), and the graph has {count} logits"
        raise ConfigurationError(text, model=folder.name, field="labels")
    if len({*labels}) < len(labels):
        raise ConfigurationError(f"two labels are the same: {', '.join(labels)}", model=folder.name, field="labels")
    return labels


def _read_own(folder: ModelFolder) -> tuple[str, ...] | None:
    """Return the labels of config.json in the order of their numbers; `None` if it has none."""
    given = folder.config.get("id2label")
    if given is None:
        return None
    try:
        numbered = {int(number): label for number, label in given.items()}
    except (AttributeError, TypeError, ValueError):
        numbered = {}
    in_order = sorted(numbered)
    if not numbered or in_order != [*range(len(given))] or not all(isinstance(one, str) for one in numbered.values()):
        text = f"id2label of config.json must give each logit from 0 on a name, not {quote(given)}"
        raise ConfigurationError(text, model=folder.name, field="labels")
    return tuple(numbered[number] for number in in_order)


def read_nli_labels(folder: ModelFolder, count: int, given: LabelNames | None) -> NliLabels:
    """Return the labels of a model for inference.

    Raises:
        ConfigurationError: the model is not for inference, or the order of its labels is not known.
    """
    if count < 2:
        text = f"it is no model for inference: its graph gives {count} logit for a pair; local_reranker is for those"
        raise ConfigurationError(text, model=folder.name)
    labels = read_labels(folder, count, given)
    if all(_DEFAULT.fullmatch(label) for label in labels):
        text = f"its labels are {', '.join(labels)}, which do not say what they mean: give labels=, as in "
        text += '{"LABEL_0": "contradiction", "LABEL_1": "entailment", "LABEL_2": "neutral"}'
        raise ConfigurationError(text, model=folder.name, field="labels")
    plain = [re.sub(r"[^a-z]", "", label.casefold()) for label in labels]
    known = [_BY_SPELLING.get(label) for label in plain]
    if count == 2 and "entailment" in known and known.count(None) == 1:
        other = known.index(None)
        known[other] = "contradiction" if plain[other] in _ABSENCE else None
    if known.count("entailment") != 1 or known.count("contradiction") != 1 or known.count("neutral") > 1:
        text = f"it is no model for inference: of its labels {', '.join(labels[:9])} one must be entailment and one "
        raise ConfigurationError(f"{text}contradiction; labels= says which", model=folder.name, field="labels")
    names = tuple(name or label for name, label in zip(known, labels, strict=True))
    neutral = known.index("neutral") if "neutral" in known else None
    return NliLabels(names, known.index("entailment"), known.index("contradiction"), neutral)
