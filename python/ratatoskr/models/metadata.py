"""What the catalogue knows about a model, as a gateway reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from ratatoskr.types.metadata import ModelMetadata, Parameter
from ratatoskr.types.model import ModelInfo

if TYPE_CHECKING:
    from ratatoskr.models.catalogue import Catalogue

__all__ = ["RETIRES_SOON", "complete_info", "describe_model", "status_on"]

RETIRES_SOON = 60
"""Days before a model's retirement from which callers are told."""


def describe_model(
    catalogue: Catalogue | None,
    info: ModelInfo,
    parameters: Mapping[str, Parameter],
    day: date,
) -> ModelMetadata:
    """Return what is known about a model on a day.

    Args:
        catalogue: `None` for nothing.
        info: of the model, as far as its provider says.
        parameters: what it accepts.
        day: for its status.
    """
    entry = None if catalogue is None else catalogue.find(info.provider, info.name)
    if catalogue is None or entry is None:
        return ModelMetadata(info, parameters)
    retires = entry.retires_as(info.name)
    return ModelMetadata(
        info=complete_info(catalogue, info),
        parameters=parameters,
        price=None if entry.prices is None else msgspec.json.decode(msgspec.json.encode(entry.prices)),
        max_input_tokens=entry.max_input_tokens or entry.context_window,
        max_output_tokens=entry.max_output_tokens,
        input_modalities=entry.input,
        output_modalities=entry.output,
        features=entry.features,
        released=None if entry.released is None else entry.released.isoformat(),
        retires=None if retires is None else retires.isoformat(),
        status=status_on(day, retires, deprecated=entry.deprecated),
        sources=catalogue.sources(info.provider, entry),
    )


def status_on(day: date, retires: date | None, *, deprecated: bool) -> Literal["active", "deprecated", "retired"]:
    """Return the status of a model on a day: `active`, `deprecated` or `retired`."""
    if retires is not None and retires <= day:
        return "retired"
    return "deprecated" if deprecated or retires is not None else "active"


def complete_info(catalogue: Catalogue, info: ModelInfo) -> ModelInfo:
    """Return what a provider says about a model, with what the catalogue knows where it says nothing."""
    entry = catalogue.find(info.provider, info.name)
    if entry is None:
        return info
    return replace(
        info,
        capabilities=info.capabilities or tuple(name for name in entry.features if ":" not in name),
        context_window=info.context_window or entry.context_window,
        dimensions=info.dimensions or entry.dimensions,
    )
