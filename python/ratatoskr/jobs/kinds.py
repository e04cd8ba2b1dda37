"""A job of each task, as plain data: what is computed of a text, and the columns that it adds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from ratatoskr.errors import InvalidInput
from ratatoskr.jobs.job import Job, SinkFormat, check_name
from ratatoskr.jobs.progress import JobPhase
from ratatoskr.types.classify import HYPOTHESIS_TEMPLATE, ClassifyRequest, ZeroShotRequest
from ratatoskr.types.embed import InputType
from ratatoskr.types.results import check_flag, check_text
from ratatoskr.types.stance import DEFAULT_TEMPLATES, StanceRequest, StanceTemplates
from ratatoskr.types.tokens import CountMethod, CountRequest
from ratatoskr.types.visible import quote

__all__ = ["ClassifyJob", "EmbedJob", "NliJob", "StanceJob", "TokensJob"]


@dataclass(frozen=True, slots=True)
class EmbedJob(Job):
    """A file of texts and where their vectors go.

    The files and how they are read are described in `Job`; the output may also be `.npy`: the vectors alone, in the
    order of the rows.

    Attributes:
        input_type: `query` or `document`; the model's prompt for it is put before each text.
        dimensions: `None`, or the number that the model has.
        truncate: whether texts are cut to the length that the model takes, and counted, or end the job.
        output_column: the column that the vectors are written to.
    """

    task: ClassVar[JobPhase] = "embed"
    verb: ClassVar[str] = "embed"
    sinks: ClassVar[Collection[SinkFormat]] = ("parquet", "npy", "jsonl")
    renaming: ClassVar[str] = "output_column"
    decisive: ClassVar[tuple[str, ...]] = ("output_column", "input_type", "dimensions", "truncate")
    choices: ClassVar[Mapping[str, tuple[str | None, ...]]] = {"input_type": get_args(InputType)}

    input_type: InputType = "document"
    dimensions: int | None = None
    truncate: bool = True
    output_column: str = "embedding"

    def __post_init__(self) -> None:
        Job.__post_init__(self)
        check_name(self.output_column, "output_column")

    @property
    def added_columns(self) -> tuple[str, ...]:
        """The column of the vectors."""
        return (self.output_column,)


@dataclass(frozen=True, slots=True)
class ClassifyJob(Job):
    """A file of texts and where their labels go: `label`, its `score`, and the `scores` of all labels.

    In Parquet `scores` is a struct with a number for each label, in JSON lines an object, the best label first, and in
    CSV that object as text. The files and how they are read are described in `Job`.

    Attributes:
        labels: labels of your own, which a model for inference judges (zero-shot); `None` for those that the model was
            trained for.
        multi_label: whether several labels may be true of a text; `None` for what the model was trained for, or for no
            with labels of your own.
        hypothesis_template: with labels of your own, a sentence with `{}` in place of the label.
        truncate: whether texts are cut to the length that the model takes, and counted, or end the job.
        output_prefix: before the names of the columns that are added.
    """

    task: ClassVar[JobPhase] = "classify"
    verb: ClassVar[str] = "classify"
    decisive: ClassVar[tuple[str, ...]] = ("labels", "multi_label", "hypothesis_template", "truncate", "output_prefix")

    labels: Sequence[str] | None = None
    multi_label: bool | None = None
    hypothesis_template: str = HYPOTHESIS_TEMPLATE
    truncate: bool = True
    output_prefix: str = ""

    def __post_init__(self) -> None:
        Job.__post_init__(self)
        check_text(self.output_prefix, "output_prefix", "output_prefix")
        if self.labels is None:
            ClassifyRequest([], self.model, self.multi_label, self.truncate)
            if self.hypothesis_template != HYPOTHESIS_TEMPLATE:
                raise InvalidInput("hypothesis_template is for labels of your own", field="hypothesis_template")
            return
        multi_label: Any = False if self.multi_label is None else self.multi_label
        request = ZeroShotRequest([], self.labels, self.model, multi_label, self.hypothesis_template, self.truncate)
        object.__setattr__(self, "labels", tuple(request.labels))

    @property
    def added_columns(self) -> tuple[str, ...]:
        """The label, its score, and all scores."""
        return _prefix(self.output_prefix, "label", "score", "scores")

    @property
    def items_per_row(self) -> int:
        """A pair for each label of the caller's."""
        return 1 if self.labels is None else len(self.labels)


@dataclass(frozen=True, slots=True)
class NliJob(Job):
    """A file of premises and hypotheses and where the judgements go.

    The columns `label`, `entailment`, `neutral` and `contradiction` are added; `neutral` is null for a model without
    such a label. The files and how they are read are described in `Job`.

    Attributes:
        column: the column that holds the premises.
        hypothesis_column: the column that holds the hypotheses.
        hypothesis: the one hypothesis of all premises, in place of a column.
        truncate: whether premises are cut to what the model takes beside the hypothesis, and counted, or end the job.
        output_prefix: before the names of the columns that are added.
    """

    task: ClassVar[JobPhase] = "nli"
    verb: ClassVar[str] = "judge"
    decisive: ClassVar[tuple[str, ...]] = ("hypothesis_column", "hypothesis", "truncate", "output_prefix")

    column: str = "premise"
    hypothesis_column: str = "hypothesis"
    hypothesis: str | None = None
    truncate: bool = True
    output_prefix: str = ""

    def __post_init__(self) -> None:
        Job.__post_init__(self)
        check_name(self.hypothesis_column, "hypothesis_column")
        check_flag(self.truncate, "truncate")
        check_text(self.output_prefix, "output_prefix", "output_prefix")
        if self.hypothesis is not None:
            check_text(self.hypothesis, "hypothesis", "hypothesis")
        elif self.column == self.hypothesis_column:
            what = f"premises and hypotheses are both the column {quote(self.column)}"
            raise InvalidInput(what, field="hypothesis_column")

    @property
    def text_columns(self) -> dict[str, str]:
        """The premises, and the hypotheses unless there is one for all."""
        columns = {"column": self.column}
        return columns if self.hypothesis is not None else columns | {"hypothesis_column": self.hypothesis_column}

    @property
    def added_columns(self) -> tuple[str, ...]:
        """The label and the probabilities."""
        return _prefix(self.output_prefix, "label", "entailment", "neutral", "contradiction")


@dataclass(frozen=True, slots=True)
class StanceJob(Job):
    """A file of texts and where the stances of their authors go: `label`, `favor`, `against` and `neutral`.

    The files and how they are read are described in `Job`.

    Attributes:
        target: what the stance is toward.
        templates: the hypothesis of each stance, with `{target}` in it.
        truncate: whether texts are cut to what the model takes beside the hypothesis, and counted, or end the job.
        output_prefix: before the names of the columns that are added.
    """

    task: ClassVar[JobPhase] = "stance"
    verb: ClassVar[str] = "judge"
    decisive: ClassVar[tuple[str, ...]] = ("target", "templates", "truncate", "output_prefix")

    target: str = ""
    templates: StanceTemplates = DEFAULT_TEMPLATES
    truncate: bool = True
    output_prefix: str = ""

    def __post_init__(self) -> None:
        Job.__post_init__(self)
        check_text(self.output_prefix, "output_prefix", "output_prefix")
        StanceRequest([], self.target, self.model, self.templates, self.truncate)

    @property
    def added_columns(self) -> tuple[str, ...]:
        """The label and the three scores."""
        return _prefix(self.output_prefix, "label", "favor", "against", "neutral")

    @property
    def items_per_row(self) -> int:
        """A pair for each stance."""
        return 3


@dataclass(frozen=True, slots=True)
class TokensJob(Job):
    """A file of texts and where the numbers of their tokens go.

    The column `tokens` is added, and with `tokens_kind`, `tokens_low` and `tokens_high` how far it can be trusted: of
    an exact count, both bounds are the count. The files and how they are read are described in `Job`.

    Attributes:
        method: as of `count_tokens`; `provider` sends each text to the provider.
        ids: add the ids of the tokens, too, as `token_ids`; only by the model's own tokenizer.
        output_prefix: before the names of the columns that are added.
    """

    task: ClassVar[JobPhase] = "tokens"
    verb: ClassVar[str] = "count"
    decisive: ClassVar[tuple[str, ...]] = ("method", "ids", "output_prefix")

    method: CountMethod = "auto"
    ids: bool = False
    output_prefix: str = ""

    def __post_init__(self) -> None:
        Job.__post_init__(self)
        check_text(self.output_prefix, "output_prefix", "output_prefix")
        check_flag(self.ids, "ids")
        CountRequest(self.model, "", method=self.method)
        if self.ids and self.method == "provider":
            raise InvalidInput("a provider counts tokens and gives no ids", field="ids")

    @property
    def added_columns(self) -> tuple[str, ...]:
        """The count and how far it can be trusted, and the ids if they are asked for."""
        names = ("tokens", "tokens_kind", "tokens_low", "tokens_high")
        return _prefix(self.output_prefix, *names, *(("token_ids",) if self.ids else ()))


def _prefix(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(prefix + name for name in names)
