"""Which models the configured providers serve, by asking them, and how all of them are."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import AllAttemptsFailed, NoProvider, RatatoskrError
from ratatoskr.providers.protocol import ChatProvider, ListsModels
from ratatoskr.types.model import Health, ModelInfo, ModelStatus, ProviderHealth
from ratatoskr.types.timeouts import Deadlines, Timeouts

if TYPE_CHECKING:
    from ratatoskr.backend.embed import EmbedBackend
    from ratatoskr.gateway.embedded import EmbeddedGateway


async def list_models(
    providers: Mapping[str, ChatProvider], embedders: EmbedBackend, provider: str | None, timeouts: Timeouts
) -> list[ModelInfo]:
    """Ask each provider for its list; those that fail are left out as long as one answers."""
    embedding = [model for model in await embedders.models() if provider in (None, model.provider)]
    if provider is not None and provider not in providers and not embedding:
        raise NoProvider(f"{provider} is not configured", provider=provider)
    asked = [p for name, p in providers.items() if isinstance(p, ListsModels) and provider in (None, name)]
    total = None if timeouts.total in (None, math.inf) else timeouts.total
    deadlines = Deadlines(connect=timeouts.connect, first_byte=total, idle=timeouts.idle, total=total)
    answers = await asyncio.gather(*(p.models(deadlines) for p in asked), return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, RatatoskrError)]
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, RatatoskrError):
            raise answer
    if errors and len(errors) == len(answers) and not embedding:
        raise errors[0] if len(errors) == 1 else AllAttemptsFailed("no provider told its models", errors)
    return [model for answer in answers if isinstance(answer, list) for model in answer] + embedding


async def model_status(gateway: EmbeddedGateway, embedders: EmbedBackend, model: str) -> ModelStatus:
    """Tell whether a model can be used; a provider that cannot be asked leaves it unavailable."""
    from ratatoskr.gateway.request import request_of

    if embedders.has(model):
        return await embedders.status(model)
    try:
        candidate = gateway.candidates(request_of("…", model))[0]
        listed: list[Any] = await gateway.list_models(candidate.provider)
    except RatatoskrError as error:
        return ModelStatus("unavailable", error.message)
    names = {info.name for info in listed}
    if candidate.model in names or f"{candidate.model}:latest" in names:
        return ModelStatus("available")
    return ModelStatus("unavailable", f"{candidate.provider} does not list {candidate.model}")


async def health(
    providers: Mapping[str, ChatProvider], embedders: EmbedBackend, key_origins: Mapping[str, str], *, healthy: bool
) -> Health:
    """Tell who is configured, and how each model of this process is."""
    from ratatoskr.version import VERSION

    known = tuple(
        ProviderHealth(name, getattr(provider, "base_url", ""), key_origins.get(name))
        for name, provider in providers.items()
    )
    return Health(healthy, VERSION, known, await embedders.health())
