"""Questions about models and presets that the catalogue answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ratatoskr.backend.lookup import list_models, name_of
from ratatoskr.errors import ConfigurationError, ModelNotFound, NoProvider
from ratatoskr.models.knowledge import current_day
from ratatoskr.models.metadata import describe_model
from ratatoskr.models.presets import PREFIX, PRESETS, check_parameters, find_preset
from ratatoskr.providers.protocol import DescribesParameters
from ratatoskr.types.metadata import ModelMetadata, Parameter, PresetInfo, RefreshReport, ResolvedPreset
from ratatoskr.types.model import ModelInfo
from ratatoskr.types.query import GetModelMetadata, ListModels, ListPresets, RefreshModels, ResolvePreset

if TYPE_CHECKING:
    from ratatoskr.backend.direct import DirectBackend

__all__ = ["get_model_metadata", "list_presets", "refresh_models", "resolve_preset"]


async def get_model_metadata(backend: DirectBackend, query: GetModelMetadata) -> ModelMetadata:
    """Return what is known about a model, or else what its provider says, too."""
    provider, model = name_of(backend, query.model)
    info = ModelInfo(f"{provider}:{model}", provider, model)
    told = None
    is_here = provider in backend.embeddings.registry.providers or backend.analysis.keepers(query.model)
    if query.fetch or is_here:
        listed = await list_models(backend, ListModels(provider))
        told = next((one for one in listed if one.name in (model, f"{model}:latest")), None)
        if told is None and query.fetch:
            raise ModelNotFound(f"{provider} does not list it", provider=provider, model=model)
        info = told or info
    found = describe_model(
        backend.settings.catalogue, info, _describe_parameters(backend, provider, model), current_day()
    )
    if told is None:
        return found
    status = "active" if found.status == "unknown" else found.status
    return replace(found, status=status, sources=(*found.sources, f"the list of models of {provider}"))


def _describe_parameters(backend: DirectBackend, provider: str, model: str) -> Mapping[str, Parameter]:
    settings = backend.settings
    entry = None if settings.catalogue is None else settings.catalogue.find(provider, model)
    most = None if entry is None else entry.max_output_tokens
    configured: object = backend.chats.registry.providers.get(provider)
    if isinstance(configured, DescribesParameters):
        return configured.parameters(model, most)
    return {} if configured is not None else settings.parameters(provider, model, most)


async def list_presets(backend: DirectBackend, query: ListPresets) -> list[PresetInfo]:
    """Return the presets, the user's own in place of those of the same name."""
    every = {**PRESETS, **backend.settings.presets()}
    return [
        PresetInfo(f"{PREFIX}{name}", preset.models, check_parameters(name, preset)) for name, preset in every.items()
    ]


async def resolve_preset(backend: DirectBackend, query: ResolvePreset) -> ResolvedPreset:
    """Return what a preset stands for: the first of its models whose provider is configured."""
    name, preset = find_preset(query.name, backend.settings.presets())
    uri = f"{PREFIX}{name}"
    if name.endswith("/embedding"):
        found = [model for model in preset.models if backend.embeddings.has(model)]
        if not found:
            models = ", ".join(preset.models)
            raise NoProvider(f"none of its models is configured here: {models}", model=uri)
        provider = backend.embeddings.candidates(found[0])[0].provider
        return ResolvedPreset(uri, found[0], provider, check_parameters(name, preset), tuple(found[1:]))
    first, *others = backend.chats.preset_candidates(uri)
    names = [f"{candidate.provider}:{candidate.model}" for candidate in (first, *others)]
    return ResolvedPreset(uri, names[0], first.provider, check_parameters(name, preset), tuple(names[1:]))


async def refresh_models(backend: DirectBackend, query: RefreshModels) -> RefreshReport:
    """Put a new table in force, in this gateway, too; a provider is asked where it is configured to be."""
    settings, providers = backend.settings, backend.chats.registry.providers
    if settings.refresh is None:
        raise ConfigurationError("this gateway has no catalogue of models to refresh", field="source")
    addresses = {name: address for name, one in providers.items() if (address := getattr(one, "base_url", ""))}
    report = await settings.refresh(query, backend.transport, addresses)
    if settings.catalogue is not None and not query.dry_run:
        settings.catalogue.forget()
    return report
