"""Questions about models, providers and requests, each with the function that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ratatoskr.backend.lookup import list_models, name_of, request_of
from ratatoskr.backend.metadata import get_model_metadata, list_presets, refresh_models, resolve_preset
from ratatoskr.errors import InvalidInput, RatatoskrError
from ratatoskr.types.model import Explanation, Health, ModelStatus, ProviderHealth
from ratatoskr.types.query import (
    ExplainRequest,
    GetCapabilities,
    GetCost,
    GetHealth,
    GetModelMetadata,
    GetModelStatus,
    ListModels,
    ListPresets,
    Query,
    RefreshModels,
    ResolvePreset,
)
from ratatoskr.types.usage import Cost
from ratatoskr.version import VERSION

if TYPE_CHECKING:
    from ratatoskr.backend.direct import DirectBackend

__all__ = ["ANSWERS"]


async def get_model_status(backend: DirectBackend, query: GetModelStatus) -> ModelStatus:
    """Return whether a model can be used; it is unavailable where its provider cannot be asked."""
    embeds = backend.embeddings.has(query.model)
    if embeds and backend.embeddings.keeps(query.model):
        return await backend.embeddings.status(query.model)
    for keeper, model in backend.analysis.keepers(query.model):
        return await keeper.status(model)
    if not embeds and backend.analysis.find(query.model) is not None:
        return ModelStatus("available")
    try:
        embedding = backend.embeddings.candidates(query.model) if embeds else ()
        candidate = embedding[0] if embedding else backend.chats.candidates(request_of(query.model))[0]
        if embeds and not getattr(backend.remote.get(candidate.provider), "lists_models", True):
            return ModelStatus("available")
        listed = await list_models(backend, ListModels(candidate.provider))
    except RatatoskrError as error:
        return ModelStatus("unavailable", error.message)
    names = {info.name for info in listed}
    if candidate.model in names or f"{candidate.model}:latest" in names:
        return ModelStatus("available")
    return ModelStatus("unavailable", f"{candidate.provider} does not list {candidate.model}")


async def get_cost(backend: DirectBackend, query: GetCost) -> Cost | None:
    """Return what a use of a model costs; a provider that the name spells out need not be configured."""
    pricing = backend.chats.registry.pricing
    if pricing is None:
        return None
    try:
        provider, model = name_of(backend, query.model)
    except InvalidInput:
        prefix, _, rest = query.model.partition(":")
        provider, model = prefix.strip(), rest.strip()
        if pricing.find(provider, model) is None:  # nor has the user given it a price
            raise
    return pricing.cost_of(query.usage, provider, model, at=query.at)


async def explain_request(backend: DirectBackend, query: ExplainRequest) -> Explanation:
    """Return what a request would do; parameters that a candidate refuses are in its plan."""
    model = query.request.options.model
    if isinstance(model, str) and backend.embeddings.has(model):
        explanation = await backend.embeddings.explain(query.request)
    elif isinstance(model, str) and (part := backend.analysis.find(model)) is not None:
        explanation = await part.explain(model, query.request.timeouts)
    else:
        explanation = backend.chats.explain(query.request, body=query.body)
    return explanation if backend.guards is None else await backend.guards.explain(explanation)


async def get_capabilities(backend: DirectBackend, query: GetCapabilities) -> frozenset[str]:
    """Return the names of what can be called."""
    chats = {"chat", "chat_stream", "generate", "tools"} if backend.chats.registry.providers else set()
    embeds = {"embed"} if backend.embeddings.registry.providers or backend.embeddings.remote else set()
    tokens = {"count_tokens", "tokenize"} if backend.tokens.counts_here else {"count_tokens"} if chats else set()
    return frozenset({"list_models"} | tokens | chats | embeds | backend.analysis.capabilities())


async def get_health(backend: DirectBackend, query: GetHealth) -> Health:
    """Return the configured providers and the state of each local model; also of a closed gateway."""
    keys, urls = backend.settings.key_origins, backend.settings.base_url_origins
    providers = tuple(
        ProviderHealth(name, getattr(provider, "base_url", ""), keys.get(name), urls.get(name))
        for name, provider in backend.remote.items()
    )
    local = (*await backend.embeddings.health(), *await backend.analysis.health())
    limits, budgets = ((), ()) if backend.guards is None else await backend.guards.health()
    return Health(
        backend.lifecycle.is_open, VERSION, providers, local, backend.breakers(), limits=limits, budgets=budgets
    )


ANSWERS: dict[type[Query[Any]], Callable[[DirectBackend, Any], Awaitable[Any]]] = {
    ListModels: list_models,
    GetModelStatus: get_model_status,
    ExplainRequest: explain_request,
    GetCapabilities: get_capabilities,
    GetHealth: get_health,
    GetCost: get_cost,
    GetModelMetadata: get_model_metadata,
    ListPresets: list_presets,
    ResolvePreset: resolve_preset,
    RefreshModels: refresh_models,
}
"""Each question with the function that answers it."""

WHILE_CLOSED = frozenset({GetHealth, GetCapabilities, GetCost})
"""Questions that a closed gateway answers, too."""
