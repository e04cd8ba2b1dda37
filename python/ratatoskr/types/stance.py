"""Stance: whether the author of a text is for something, against it, or neither."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.classify import check_template
from ratatoskr.types.frozen import dataclass
from ratatoskr.types.plain import Plain
from ratatoskr.types.results import ResultMethod, Results, check_flag, check_model, check_text, check_texts
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.usage import Usage
from ratatoskr.types.visible import quote

StanceLabel: TypeAlias = Literal["favor", "against", "neutral"]


@dataclass(frozen=True, slots=True)
class StanceTemplates(Plain):
    """The hypothesis of each stance, with `{target}` in place of what the stance is toward.

    Attributes:
        favor: that the author is for it.
        against: that the author is against it.
        neutral: that the author is neither.

    Raises:
        InvalidInput: one has not exactly one `{target}`, or two are the same.
    """

    type: ClassVar[Literal["stance_templates"]] = "stance_templates"
    favor: str = "The author of this text is in favor of {target}."
    against: str = "The author of this text is against {target}."
    neutral: str = "The author of this text is neither in favor of {target} nor against it."

    def __post_init__(self) -> None:
        for name, template in (("favor", self.favor), ("against", self.against), ("neutral", self.neutral)):
            check_template(template, "target", f"templates.{name}")
        if len({self.favor, self.against, self.neutral}) < 3:
            raise InvalidInput("two templates are the same", field="templates")

    def hypotheses(self, target: str) -> tuple[str, str, str]:
        """Return the hypotheses of favor, against and neutral for a target."""
        return (
            self.favor.format(target=target),
            self.against.format(target=target),
            self.neutral.format(target=target),
        )


DEFAULT_TEMPLATES = StanceTemplates()


@dataclass(frozen=True, slots=True)
class StanceRequest:
    """Texts whose stance toward a target is asked for.

    Attributes:
        texts: a list.
        target: what the stance is toward.
        model: as the caller named it.
        templates: the hypotheses.
        truncate: whether a text that is too long is cut, or refused; a hypothesis is never cut.
        timeouts: deadlines of this call.

    Raises:
        InvalidInput: a value is not one of these.
    """

    texts: Sequence[str]
    target: str
    model: str
    templates: StanceTemplates = DEFAULT_TEMPLATES
    truncate: bool = True
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", check_texts(self.texts))
        check_text(self.target, "target", "target")
        if not self.target.strip():
            raise InvalidInput("target is empty", field="target")
        check_model(self.model, "stance")
        templates: object = self.templates
        if not isinstance(templates, StanceTemplates):
            text = f"templates must be StanceTemplates, not {quote(templates)}"
            raise InvalidInput(text, field="templates")
        check_flag(self.truncate, "truncate")


@dataclass(frozen=True, slots=True)
class StanceResult(Plain):
    """The stance of one text. The three scores sum to one.

    Attributes:
        label: the one with the highest score.
        favor: score of being for the target.
        against: score of being against it.
        neutral: score of being neither.
        target: what the stance is toward.
        model: the model that judged.
        truncated: whether the text was cut.
        provider: name of the provider.
        method: how it was computed; with `llm`, the scores are what a chat model says when asked for them.
        templates: the hypotheses that were judged; `None` for a chat model, which judges none.
        usage: tokens, for a call of one text.
        attempts: every attempt, for a call of one text.
        warnings: notices for the caller, for a call of one text.
    """

    type: ClassVar[Literal["stance_result"]] = "stance_result"
    label: StanceLabel
    favor: float
    against: float
    neutral: float
    target: str = ""
    model: str = ""
    truncated: bool = False
    provider: str = ""
    method: ResultMethod = "onnx"
    templates: StanceTemplates | None = None
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class StanceResults(Results[StanceResult]):
    """The stances of many texts in their order.

    Attributes:
        results: one for each text.
        model: the model that judged.
        provider: name of the provider.
        usage: tokens of all texts.
        attempts: every attempt.
        warnings: notices for the caller.
    """

    type: ClassVar[Literal["stance_results"]] = "stance_results"
    results: tuple[StanceResult, ...]
    model: str = ""
    provider: str = ""
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()


def label_of(favor: float, against: float, neutral: float) -> StanceLabel:
    """Return the stance with the highest score; of equal ones, neutral first."""
    scores: dict[StanceLabel, float] = {"neutral": neutral, "favor": favor, "against": against}
    return max(scores, key=scores.__getitem__)


def stances_of(
    scores: Iterable[Sequence[float]], target: str, cut: Collection[int], common: Mapping[str, Any]
) -> tuple[StanceResult, ...]:
    """Return the results for the scores of favor, against and neutral of each text.

    Args:
        scores: of each text.
        target: what the stance is toward.
        cut: indexes of the texts that were cut.
        common: further fields that are the same for all.
    """
    return tuple(
        StanceResult(
            label_of(favor, against, neutral),
            favor,
            against,
            neutral,
            target=target,
            truncated=index in cut,
            **common,
        )
        for index, (favor, against, neutral) in enumerate(scores)
    )
