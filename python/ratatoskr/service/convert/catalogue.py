"""What the catalogue says: metadata of models, presets, costs, and what a refresh has changed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

from ratatoskr.errors import InvalidInput, ModelNotFound, PresetNotFound
from ratatoskr.service.convert.codec import list_as_json, refuse
from ratatoskr.service.convert.model import model_from_pb, model_to_pb
from ratatoskr.service.convert.response import COST, usage_from_pb, usage_to_pb
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.frozen import replace
from ratatoskr.types.metadata import (
    ModelMetadata,
    Mutable,
    Opaque,
    PresetInfo,
    ReadOnly,
    RefreshReport,
    ResolvedPreset,
    Unsupported,
)
from ratatoskr.types.query import GetCost, RefreshModels, ResolvePreset
from ratatoskr.types.usage import Cost

__all__ = ["cost_from_pb", "cost_query_from_pb", "cost_query_to_pb", "cost_to_pb", "metadata_from_pb"]
__all__ += ["metadata_to_pb", "preset_from_pb", "preset_query_from_pb", "preset_query_to_pb", "preset_to_pb"]
__all__ += [
    "presets_from_pb",
    "presets_to_pb",
    "refresh_query_from_pb",
    "refresh_query_to_pb",
    "report_from_pb",
    "report_to_pb",
]

_PREFIX: Final = "ratatoskr:"
_MAX: Final = 2**32 - 1

# models


def metadata_to_pb(metadata: ModelMetadata, *, listed: bool = True) -> pb.ModelMetadataResponse:
    """Return what is known about a model."""
    out = pb.ModelMetadataResponse(found=True)
    try:
        out.metadata_json = metadata.to_json()
    except ValueError as error:
        raise refuse("metadata", metadata.info.id, error) from None
    if listed:
        out.found = metadata.status != "unknown"
        out.metadata.CopyFrom(_listed_metadata(metadata))
    return out


def _listed_metadata(metadata: ModelMetadata) -> pb.ProtoModelMetadata:
    info = replace(metadata.info, context_window=metadata.info.context_window or metadata.max_input_tokens)
    rates = {name: _rate(metadata.price, name) for name in ("input", "output")}
    return pb.ProtoModelMetadata(
        info=model_to_pb(info),
        parameters=[
            pb.ParameterEntry(name=name, availability=_availability(parameter))
            for name, parameter in metadata.parameters.items()
        ],
        pricing=None
        if metadata.price is None
        else pb.ProtoPricingInfo(prompt_cost_per_mtok=rates["input"], completion_cost_per_mtok=rates["output"]),
        max_output_tokens=None if metadata.max_output_tokens is None else min(metadata.max_output_tokens, _MAX),
    )


def _rate(price: Mapping[str, Any] | None, unit: str) -> float | None:
    """Return the rate of a unit as a number; of one that rises with the prompt, that of short prompts."""
    rate = (price or {}).get(unit)
    if isinstance(rate, Mapping):
        rate = rate.get("base")
    return float(rate) if isinstance(rate, str) else None


def _availability(parameter: Any) -> pb.ProtoParameterAvailability:
    match parameter:
        case Mutable():
            bounds = {"min": parameter.min, "max": parameter.max, "default_value": parameter.default}
            numbers = {name: float(value) for name, value in bounds.items() if type(value) in (int, float)}
            return pb.ProtoParameterAvailability(mutable_range=pb.ProtoParameterRange(**numbers))
        case ReadOnly():
            return pb.ProtoParameterAvailability(read_only_json=json.dumps(parameter.to_dict()["value"]))
        case Opaque():
            return pb.ProtoParameterAvailability(opaque=True)
    return pb.ProtoParameterAvailability(unsupported=True)


def metadata_from_pb(message: pb.ModelMetadataResponse) -> ModelMetadata:
    """Return what is known about a model, of a daemon that knows only the listed fields too.

    Raises:
        ModelNotFound: the daemon knows no such model.
    """
    if message.HasField("metadata_json"):
        return ModelMetadata.from_json(message.metadata_json)
    if not message.found:
        raise ModelNotFound("the daemon knows nothing about it")
    told = message.metadata
    price = {
        unit: f"{getattr(told.pricing, field):f}"
        for unit, field in (("input", "prompt_cost_per_mtok"), ("output", "completion_cost_per_mtok"))
        if told.HasField("pricing") and told.pricing.HasField(field)
    }
    info = model_from_pb(told.info)
    return ModelMetadata(
        info,
        {one.name: _parameter(one.availability) for one in told.parameters},
        price or None,
        info.context_window,
        told.max_output_tokens if told.HasField("max_output_tokens") else None,
        status="active",
    )


def _parameter(availability: pb.ProtoParameterAvailability) -> Any:
    kind = availability.WhichOneof("kind")
    if kind == "mutable_range":
        found = availability.mutable_range
        names = {"min": "min", "max": "max", "default_value": "default"}
        return Mutable(**{names[name]: getattr(found, name) for name in names if found.HasField(name)})
    if kind == "read_only_json":
        try:
            return ReadOnly(json.loads(availability.read_only_json))
        except (ValueError, RecursionError):
            raise InvalidInput("the value of a read-only parameter is not JSON", field="parameters") from None
    return Opaque() if kind == "opaque" else Unsupported("the daemon says so")


# presets

_PRESETS_TO_JSON, _PRESETS_FROM_JSON = list_as_json(PresetInfo)


def presets_to_pb(presets: list[PresetInfo], *, listed: bool = True) -> pb.ListPresetsResponse:
    """Return the presets; the listed fields have them by their tiers."""
    tiers: dict[str, list[str]] = {}
    for preset in presets if listed else ():
        tier, _, slot = preset.name.removeprefix(_PREFIX).partition("/")
        tiers.setdefault(tier, []).append(slot)
    try:
        return pb.ListPresetsResponse(
            tiers=[pb.PresetTierEntry(tier=tier, capabilities=slots) for tier, slots in tiers.items()],
            presets_json=_PRESETS_TO_JSON(tuple(presets)),
        )
    except ValueError as error:
        raise refuse("presets", [preset.name for preset in presets], error) from None


def presets_from_pb(message: pb.ListPresetsResponse) -> list[PresetInfo]:
    """Return the presets; a daemon that knows only the listed fields does not say which models they stand for."""
    if message.presets_json:
        return list(_PRESETS_FROM_JSON(message.presets_json))
    return [PresetInfo(f"{_PREFIX}{one.tier}/{slot}", ()) for one in message.tiers for slot in one.capabilities]


def preset_query_to_pb(query: ResolvePreset) -> pb.ResolvePresetRequest:
    """Return which preset is asked for."""
    tier, _, slot = query.name.removeprefix(_PREFIX).partition("/")
    name = None if query.name == f"{_PREFIX}{tier}/{slot}" else query.name
    try:
        return pb.ResolvePresetRequest(tier=tier, capability=slot, name=name)
    except ValueError as error:
        raise refuse("name", query.name, error) from None


def preset_query_from_pb(message: pb.ResolvePresetRequest) -> ResolvePreset:
    """Return which preset is asked for."""
    return ResolvePreset(message.name if message.HasField("name") else f"{_PREFIX}{message.tier}/{message.capability}")


def preset_to_pb(preset: ResolvedPreset, *, listed: bool = True) -> pb.ResolvePresetResponse:
    """Return what a preset stands for; the listed fields have those parameters that they know."""
    out = pb.ResolvePresetResponse(found=True)
    try:
        out.preset_json = preset.to_json()
        if listed:
            out.model_id = preset.model
            _listed_parameters(preset.parameters, out.parameters)
    except ValueError as error:
        raise refuse("preset", preset.name, error) from None
    return out


def _listed_parameters(parameters: Mapping[str, Any], out: pb.ProtoPresetParameters) -> None:
    """Write those parameters that the listed fields have, within their range."""
    out.SetInParent()
    for name, value in parameters.items():
        if name == "stop":
            out.stop.extend([value] if isinstance(value, str) else value)
        elif name in out.DESCRIPTOR.fields_by_name:
            with contextlib.suppress(ValueError, OverflowError):
                setattr(out, name, value)


def preset_from_pb(message: pb.ResolvePresetResponse) -> ResolvedPreset:
    """Return what a preset stands for, of a daemon that knows only the listed fields too.

    Raises:
        PresetNotFound: there is no such preset.
    """
    if message.HasField("preset_json"):
        return ResolvedPreset.from_json(message.preset_json)
    if not message.found:
        raise PresetNotFound("the daemon knows no such preset")
    parameters: dict[str, Any] = {
        field.name: tuple(value) if field.name == "stop" else value for field, value in message.parameters.ListFields()
    }
    return ResolvedPreset("", message.model_id, message.model_id.partition(":")[0], parameters)


# costs


def cost_query_to_pb(query: GetCost) -> pb.CostRequest:
    """Return what a cost is asked for."""
    try:
        return pb.CostRequest(usage=usage_to_pb(query.usage, listed=False), model=query.model, at=query.at)
    except ValueError as error:
        raise refuse("model", query.model, error) from None


def cost_query_from_pb(message: pb.CostRequest) -> GetCost:
    """Return what a cost is asked for."""
    return GetCost(usage_from_pb(message.usage), message.model, message.at if message.HasField("at") else None)


def cost_to_pb(cost: Cost | None, *, listed: bool = True) -> pb.CostResponse:
    """Return a cost."""
    return pb.CostResponse(cost=None if cost is None else COST.to_pb(cost))


def cost_from_pb(message: pb.CostResponse) -> Cost | None:
    """Return a cost; `None` where it is unknown."""
    return COST.from_pb(message.cost) if message.HasField("cost") else None


# a new table


def refresh_query_to_pb(query: RefreshModels) -> pb.RefreshModelsRequest:
    """Return where a new table is read."""
    try:
        return pb.RefreshModelsRequest(
            source=query.source, sha256=query.sha256, accept=query.accept, dry_run=query.dry_run
        )
    except (ValueError, TypeError) as error:
        raise refuse("source", query.source, error) from None


def refresh_query_from_pb(message: pb.RefreshModelsRequest) -> RefreshModels:
    """Return where a new table is read."""
    return RefreshModels(
        message.source if message.HasField("source") else None,
        message.sha256 if message.HasField("sha256") else None,
        message.accept,
        message.dry_run,
    )


def report_to_pb(report: RefreshReport, *, listed: bool = True) -> pb.RefreshModelsResponse:
    """Return what a refresh has changed."""
    try:
        return pb.RefreshModelsResponse(report_json=report.to_json())
    except ValueError as error:
        raise refuse("report", report.source, error) from None


def report_from_pb(message: pb.RefreshModelsResponse) -> RefreshReport:
    """Return what a refresh has changed."""
    return RefreshReport.from_json(message.report_json)
