"""Natural language inference: whether a premise entails a hypothesis, contradicts it, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias

from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.frozen import dataclass
from ratatoskr.types.plain import Plain
from ratatoskr.types.results import ResultMethod, Results, check_flag, check_model, check_pairs
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.usage import Usage

NliPair: TypeAlias = tuple[str, str]
"""A premise and a hypothesis."""


@dataclass(frozen=True, slots=True)
class NliRequest:
    """Pairs to judge, and by which model.

    Attributes:
        pairs: of a premise and a hypothesis.
        model: as the caller named it.
        truncate: whether a premise that is too long is cut, or refused; a hypothesis is never cut.
        timeouts: deadlines of this call.

    Raises:
        InvalidInput: a value is not one of these.
    """

    pairs: Sequence[NliPair]
    model: str
    truncate: bool = True
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", check_pairs(self.pairs))
        check_model(self.model, "inference")
        check_flag(self.truncate, "truncate")


@dataclass(frozen=True, slots=True)
class NliResult(Plain):
    """The judgement of one pair.

    Attributes:
        label: the most probable: `entailment`, `neutral`, `contradiction`, or a further label of the model's own.
        entailment: probability that the premise entails the hypothesis.
        neutral: probability that it does neither; `None` for a model without such a label.
        contradiction: probability that it contradicts the hypothesis; for a model that knows only entailment and its
            absence, that of the absence.
        model: the model that judged.
        truncated: whether the premise was cut.
        provider: name of the provider.
        method: how it was computed.
        usage: tokens, for a call of one pair.
        attempts: every attempt, for a call of one pair.
        warnings: notices for the caller, for a call of one pair.
    """

    type: ClassVar[Literal["nli_result"]] = "nli_result"
    label: str
    entailment: float
    neutral: float | None
    contradiction: float
    model: str = ""
    truncated: bool = False
    provider: str = ""
    method: ResultMethod = "onnx"
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class NliResults(Results[NliResult]):
    """The judgements of many pairs in their order.

    Attributes:
        results: one for each pair.
        model: the model that judged.
        provider: name of the provider.
        usage: tokens of all pairs.
        attempts: every attempt.
        warnings: notices for the caller.
    """

    type: ClassVar[Literal["nli_results"]] = "nli_results"
    results: tuple[NliResult, ...]
    model: str = ""
    provider: str = ""
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()
