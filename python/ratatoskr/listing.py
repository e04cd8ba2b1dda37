"""Which models the configured providers serve, by asking them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ratatoskr.capabilities import ChatProvider, ListsModels
from ratatoskr.errors import AllAttemptsFailed, NoProvider, RatatoskrError
from ratatoskr.types.model import ModelInfo, ModelStatus
from ratatoskr.types.timeouts import Deadlines, Timeouts

if TYPE_CHECKING:
    from ratatoskr.gateway import EmbeddedGateway


async def list_models(
    providers: Mapping[str, ChatProvider], provider: str | None, timeouts: Timeouts
) -> list[ModelInfo]:
    """Ask each provider for its list; those that fail are left out as long as one answers."""
    if provider is not None and provider not in providers:
        raise NoProvider(f"{provider} is not configured", provider=provider)
    asked = [p for name, p in providers.items() if isinstance(p, ListsModels) and provider in (None, name)]
    total = None if timeouts.total in (None, math.inf) else timeouts.total
    deadlines = Deadlines(connect=timeouts.connect, first_byte=total, idle=timeouts.idle, total=total)
    answers = await asyncio.gather(*(p.models(deadlines) for p in asked), return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, RatatoskrError)]
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, RatatoskrError):
            raise answer
    if errors and len(errors) == len(answers):
        raise errors[0] if len(errors) == 1 else AllAttemptsFailed("no provider told its models", errors)
    return [model for answer in answers if isinstance(answer, list) for model in answer]


async def model_status(gateway: EmbeddedGateway, model: str) -> ModelStatus:
    """Tell whether somebody configured serves the model; a provider that cannot be asked leaves it unavailable."""
    from ratatoskr.request import request_of

    try:
        candidate = gateway.candidates(request_of("…", model))[0]
        listed: list[Any] = await gateway.list_models(candidate.provider)
    except RatatoskrError as error:
        return ModelStatus("unavailable", error.message)
    names = {info.name for info in listed}
    if candidate.model in names or f"{candidate.model}:latest" in names:
        return ModelStatus("available")
    return ModelStatus("unavailable", f"{candidate.provider} does not list {candidate.model}")
