"""Classification of texts: with labels of the caller's (zero-shot), or with those that a model was trained for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import ClassVar, Final, Literal

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.frozen import dataclass
from ratatoskr.types.plain import Plain
from ratatoskr.types.results import ResultMethod, Results, check_flag, check_model, check_text, check_texts
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.usage import Usage
from ratatoskr.types.visible import quote

HYPOTHESIS_TEMPLATE: Final = "This example is {}."
"""The hypothesis that a text is of a label, as transformers' pipeline has it."""
MAX_LABELS: Final = 1000
"""The most labels of one call: each of them is judged with each text."""


@dataclass(frozen=True, slots=True)
class ZeroShotRequest:
    """Texts to classify with labels of the caller's.

    Attributes:
        texts: a list.
        labels: different from one another.
        model: as the caller named it.
        multi_label: whether several labels may be true of a text, so that each is judged by itself.
        hypothesis_template: a sentence with `{}` in place of the label.
        truncate: whether a text that is too long is cut, or refused; a hypothesis is never cut.
        timeouts: deadlines of this call.

    Raises:
        InvalidInput: a value is not one of these.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    model: str
    multi_label: bool = False
    hypothesis_template: str = HYPOTHESIS_TEMPLATE
    truncate: bool = True
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", check_texts(self.texts))
        object.__setattr__(self, "labels", check_labels(self.labels))
        check_model(self.model, "classification")
        check_flag(self.multi_label, "multi_label")
        check_template(self.hypothesis_template, "", "hypothesis_template")
        check_flag(self.truncate, "truncate")

    def hypotheses(self) -> tuple[str, ...]:
        """Return the hypothesis of each label."""
        return tuple(self.hypothesis_template.format(label) for label in self.labels)


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """Texts to classify with the labels that a model was trained for.

    Attributes:
        texts: a list.
        model: as the caller named it.
        multi_label: whether several labels may be true of a text; `None` for what the model was trained for.
        truncate: whether a text that is too long is cut, or refused.
        timeouts: deadlines of this call.

    Raises:
        InvalidInput: a value is not one of these.
    """

    texts: Sequence[str]
    model: str
    multi_label: bool | None = None
    truncate: bool = True
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", check_texts(self.texts))
        check_model(self.model, "classification")
        if self.multi_label is not None:
            check_flag(self.multi_label, "multi_label")
        check_flag(self.truncate, "truncate")


@dataclass(frozen=True, slots=True)
class Classification(Plain):
    """The labels of one text.

    Attributes:
        scores: the score of each label, the best first. They sum to one, unless several labels may be true.
        multi_label: whether each label was judged by itself.
        model: the model that classified.
        truncated: whether the text was cut.
        provider: name of the provider.
        method: how it was computed.
        hypothesis_template: the one that was used, for labels of the caller's where there is one.
        usage: tokens, for a call of one text.
        attempts: every attempt, for a call of one text.
        warnings: notices for the caller, for a call of one text.
    """

    type: ClassVar[Literal["classification"]] = "classification"
    scores: Mapping[str, float]
    multi_label: bool = False
    model: str = ""
    truncated: bool = False
    provider: str = ""
    method: ResultMethod = "onnx"
    hypothesis_template: str | None = None
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()

    @property
    def top_label(self) -> str:
        """The label with the highest score."""
        return next(iter(self.scores))

    @property
    def confidence(self) -> float:
        """The highest score."""
        return next(iter(self.scores.values()))


@dataclass(frozen=True, slots=True)
class Classifications(Results[Classification]):
    """The labels of many texts in their order.

    Attributes:
        results: one for each text.
        model: the model that classified.
        provider: name of the provider.
        usage: tokens of all texts.
        attempts: every attempt.
        warnings: notices for the caller.
    """

    type: ClassVar[Literal["classifications"]] = "classifications"
    results: tuple[Classification, ...]
    model: str = ""
    provider: str = ""
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()


def rank_labels(labels: Iterable[str], scores: Iterable[float]) -> dict[str, float]:
    """Return labels with their scores, the best first; equal ones in the given order."""
    return dict(sorted(zip(labels, scores, strict=True), key=lambda one: -one[1]))


def check_labels(labels: object) -> tuple[str, ...]:
    """Return labels as a tuple.

    Raises:
        InvalidInput: there are none or too many, one is not a text or empty, or two are the same.
    """
    found = check_texts(labels, "labels", "label")
    if not found:
        raise InvalidInput("there must be at least one label", field="labels")
    if len(found) > MAX_LABELS:
        raise InvalidInput(f"{len(found):,} labels are too many: at most {MAX_LABELS:,} are taken", field="labels")
    places: dict[str, int] = {}
    for index, label in enumerate(found):
        if not label.strip():
            raise InvalidInput(f"label {index} is empty", field="labels")
        if label in places:
            raise InvalidInput(f"labels {places[label]} and {index} are both {quote(label)}", field="labels")
        places[label] = index
    return found


def check_template(template: object, name: str, field: str) -> None:
    """Check that a sentence has exactly one placeholder.

    Args:
        template: the sentence.
        name: the name in the placeholder; empty for `{}`.
        field: the argument, for the message.

    Raises:
        InvalidInput: it has none, several, or another one.
    """
    check_text(template, field, field)
    wanted = f"{{{name}}}"
    try:
        found = [part[1:] for part in Formatter().parse(str(template)) if part[1] is not None]
    except ValueError as error:
        text = f"{field} {quote(template)} has unbalanced braces ({error}); a brace itself is written twice"
        raise InvalidInput(text, field=field) from None
    if len(found) != 1:
        count = "no placeholder" if not found else f"{len(found)} placeholders"
        raise InvalidInput(f"{field} {quote(template)} has {count}; it needs exactly one {wanted}", field=field)
    if found[0] != (name, "", None):
        text = f"{field} {quote(template)} has a placeholder of another form; it needs {wanted}"
        raise InvalidInput(text, field=field)
