"""Questions about models, providers and requests, each with the function that answers it."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from ratatoskr.errors import AllAttemptsFailed, NoProvider, RatatoskrError, summarize
from ratatoskr.providers.protocol import ListsModels
from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.frames import forget_locals
from ratatoskr.types.message import Message
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus, ProviderHealth
from ratatoskr.types.query import ExplainRequest, GetCapabilities, GetHealth, GetModelStatus, ListModels, Query
from ratatoskr.types.timeouts import DEFAULTS, Deadlines
from ratatoskr.version import VERSION

if TYPE_CHECKING:
    from ratatoskr.backend.direct import DirectBackend

__all__ = ["ANSWERS"]


async def list_models(backend: DirectBackend, query: ListModels) -> list[ModelInfo]:
    """Ask each provider for its list; those that fail are left out as long as one answers."""
    provider, providers = query.provider, backend.remote
    known = [*await backend.embeddings.models(), *await backend.analysis.models()]
    own = [model for model in known if provider in (None, model.provider)]
    if provider is not None and provider not in providers and not own:
        raise NoProvider("not configured", provider=provider)
    asked = [p for name, p in providers.items() if _is_listed(p, named=name == provider) and provider in (None, name)]
    timeouts = backend.settings.timeouts.over(DEFAULTS)
    total = None if timeouts.total in (None, math.inf) else timeouts.total
    deadlines = Deadlines(connect=timeouts.connect, first_byte=total, idle=timeouts.idle, total=total)
    answers = await asyncio.gather(*(p.models(deadlines) for p in asked), return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, RatatoskrError)]
    for answer in answers:
        if isinstance(answer, BaseException):
            forget_locals(answer, sys.exception())
            if not isinstance(answer, RatatoskrError):
                raise answer
    if errors and len(errors) == len(answers) and not own:
        if len(errors) == 1:
            raise errors[0]
        raise AllAttemptsFailed(f"no provider returned its models: {summarize(errors)}", errors)
    return [model for answer in answers if isinstance(answer, list) for model in answer] + own


def _is_listed(provider: object, *, named: bool) -> TypeGuard[ListsModels]:
    """Return whether to ask a provider for its list: one without a list only where the caller names it."""
    return isinstance(provider, ListsModels) and (named or getattr(provider, "lists_models", True))


async def get_model_status(backend: DirectBackend, query: GetModelStatus) -> ModelStatus:
    """Return whether a model can be used; it is unavailable where its provider cannot be asked."""
    embeds = backend.embeddings.has(query.model)
    if embeds and backend.embeddings.keeps(query.model):
        return await backend.embeddings.status(query.model)
    for keeper, model in backend.analysis.keepers(query.model):
        return await keeper.status(model)
    request = ChatRequest((Message.user("…"),), options=ChatOptions(model=query.model))
    try:
        candidate = backend.embeddings.candidates(query.model)[0] if embeds else backend.chats.candidates(request)[0]
        if embeds and not getattr(backend.remote.get(candidate.provider), "lists_models", True):
            return ModelStatus("available")
        listed = await list_models(backend, ListModels(candidate.provider))
    except RatatoskrError as error:
        return ModelStatus("unavailable", error.message)
    names = {info.name for info in listed}
    if candidate.model in names or f"{candidate.model}:latest" in names:
        return ModelStatus("available")
    return ModelStatus("unavailable", f"{candidate.provider} does not list {candidate.model}")


async def explain_request(backend: DirectBackend, query: ExplainRequest) -> Explanation:
    """Return what a request would do; parameters that a candidate refuses are in its plan."""
    model = query.request.options.model
    if isinstance(model, str) and backend.embeddings.has(model):
        return await backend.embeddings.explain(query.request)
    if isinstance(model, str) and (part := backend.analysis.find(model)) is not None:
        return await part.explain(model, query.request.timeouts)
    return backend.chats.explain(query.request, body=query.body)


async def get_capabilities(backend: DirectBackend, query: GetCapabilities) -> frozenset[str]:
    """Return the names of what can be called."""
    chats = {"chat", "chat_stream", "generate", "tools"} if backend.chats.registry.providers else set()
    embeds = {"embed"} if backend.embeddings.registry.providers or backend.embeddings.remote else set()
    return frozenset({"list_models"} | chats | embeds | backend.analysis.capabilities())


async def get_health(backend: DirectBackend, query: GetHealth) -> Health:
    """Return the configured providers and the state of each local model; also of a closed gateway."""
    keys, urls = backend.settings.key_origins, backend.settings.base_url_origins
    providers = tuple(
        ProviderHealth(name, getattr(provider, "base_url", ""), keys.get(name), urls.get(name))
        for name, provider in backend.remote.items()
    )
    local = (*await backend.embeddings.health(), *await backend.analysis.health())
    return Health(backend.lifecycle.is_open, VERSION, providers, local)


ANSWERS: dict[type[Query[Any]], Callable[[DirectBackend, Any], Awaitable[Any]]] = {
    ListModels: list_models,
    GetModelStatus: get_model_status,
    ExplainRequest: explain_request,
    GetCapabilities: get_capabilities,
    GetHealth: get_health,
}
"""Each question with the function that answers it."""

WHILE_CLOSED = frozenset({GetHealth, GetCapabilities})
"""Questions that a closed gateway answers, too."""
