"""What a gateway knows about one model: limits, price, features, and what may be set for a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.model import ModelInfo
from ratatoskr.types.plain import Plain

__all__ = [
    "ModelMetadata",
    "Mutable",
    "Opaque",
    "Parameter",
    "PresetInfo",
    "ReadOnly",
    "RefreshReport",
    "ResolvedPreset",
    "Unsupported",
]


@dataclass(frozen=True, slots=True)
class Mutable(Plain):
    """A parameter that may be set.

    Attributes:
        min: the least number, if there is one.
        max: the greatest.
        default: the value in force where the parameter is left out, if it is known.
        values: the words that are accepted; empty where others are, too.
    """

    type: ClassVar[Literal["mutable"]] = "mutable"
    min: int | float | None = None
    max: int | float | None = None
    default: Any = None
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadOnly(Plain):
    """A parameter with one value, which may be given and changes nothing."""

    type: ClassVar[Literal["read_only"]] = "read_only"
    value: Any


@dataclass(frozen=True, slots=True)
class Opaque(Plain):
    """A parameter that is passed on unchecked."""

    type: ClassVar[Literal["opaque"]] = "opaque"


@dataclass(frozen=True, slots=True)
class Unsupported(Plain):
    """A parameter that is refused; `reason` says why."""

    type: ClassVar[Literal["unsupported"]] = "unsupported"
    reason: str


Parameter: TypeAlias = Mutable | ReadOnly | Opaque | Unsupported


@dataclass(frozen=True, slots=True)
class ModelMetadata(Plain):
    """What is known about a model.

    Attributes:
        info: its names.
        parameters: each parameter of `chat`, with what the model accepts.
        price: in the form of the catalogue: decimal text by unit, in dollars per million tokens and so on; `None`
            where it is unknown.
        max_input_tokens: the most tokens of the prompt.
        max_output_tokens: the most tokens of the answer.
        input_modalities: what it reads, such as `text`, `image`; empty where that is unknown.
        output_modalities: what it writes.
        features: `tools`, `schema`, `reasoning`, `prompt_caching`, `web_search`, `computer_use`; for `reasoning` also
            its words and its budget in tokens, such as `reasoning:high` and `reasoning:128..32768`.
        released: when it was released, as `2026-10-07`.
        retires: the first day on which it is not served any more.
        status: `active`, `deprecated`, `retired`, or `unknown` where nothing is known about the model.
        sources: where this was read.
    """

    type: ClassVar[Literal["model_metadata"]] = "model_metadata"
    info: ModelInfo
    parameters: Mapping[str, Parameter] = field(default_factory=dict, repr=False)
    price: Mapping[str, Any] | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    released: str | None = None
    retires: str | None = None
    status: Literal["active", "deprecated", "retired", "unknown"] = "unknown"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PresetInfo(Plain):
    """A preset.

    Attributes:
        name: such as `ratatoskr:mid/coding`.
        models: in order of preference.
        parameters: which fill what a call leaves unset.
    """

    type: ClassVar[Literal["preset_info"]] = "preset_info"
    name: str
    models: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResolvedPreset(Plain):
    """What a preset stands for here.

    Attributes:
        name: of the preset.
        model: the first of its models whose provider is configured.
        provider: that provider.
        parameters: which fill what a call leaves unset.
        alternatives: the models that follow where that one is not there.
    """

    type: ClassVar[Literal["resolved_preset"]] = "resolved_preset"
    name: str
    model: str
    provider: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefreshReport(Plain):
    """What a refresh of the catalogue changed.

    Attributes:
        source: where the table came from.
        added: models that were not there, as `provider:model`.
        removed: models that are not in the new table.
        changed: a line for each difference of a price or a limit.
        skipped: the number of rows that were left out, by reason.
    """

    type: ClassVar[Literal["refresh_report"]] = "refresh_report"
    source: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
