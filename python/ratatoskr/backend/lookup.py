"""Finding models: where a name leads, and what the providers list."""

from __future__ import annotations

import asyncio
import math
import sys
from typing import TYPE_CHECKING, TypeGuard

from ratatoskr.errors import AllAttemptsFailed, NoProvider, RatatoskrError, summarize
from ratatoskr.models.metadata import complete_info
from ratatoskr.models.presets import PREFIX
from ratatoskr.providers.protocol import ListsModels
from ratatoskr.routing import provider_prefix
from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.frames import forget_locals
from ratatoskr.types.message import Message
from ratatoskr.types.model import ModelInfo
from ratatoskr.types.query import ListModels
from ratatoskr.types.timeouts import DEFAULTS, Deadlines

if TYPE_CHECKING:
    from ratatoskr.backend.direct import DirectBackend

__all__ = ["list_models", "name_of", "request_of"]


async def list_models(backend: DirectBackend, query: ListModels) -> list[ModelInfo]:
    """Ask each provider for its list; those that fail are left out as long as one answers."""
    provider, providers = query.provider, backend.remote
    known = [*await backend.embeddings.models(), *await backend.analysis.models()]
    own = [model for model in known if provider in (None, model.provider)]
    if provider is not None and provider not in providers and not own:
        raise NoProvider("not configured", provider=provider)
    asked = [p for name, p in providers.items() if _has_list(p, named=name == provider) and provider in (None, name)]
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
    listed = [model for answer in answers if isinstance(answer, list) for model in answer]
    catalogue = backend.settings.catalogue
    return (listed if catalogue is None else [complete_info(catalogue, one) for one in listed]) + own


def _has_list(provider: object, *, named: bool) -> TypeGuard[ListsModels]:
    """Return whether to ask a provider for its list: one without a list only where the caller names it."""
    return isinstance(provider, ListsModels) and (named or getattr(provider, "lists_models", True))


def name_of(backend: DirectBackend, model: str) -> tuple[str, str]:
    """Return the provider of a model and its name there; a provider that the name spells out need not be configured.

    Raises:
        InvalidInput, PresetNotFound: the name cannot be parsed.
        NoProvider: it has no prefix, and no configured provider serves it.
    """
    provider = None if model.startswith(PREFIX) else provider_prefix(model, backend.remote)
    if provider is not None:
        return provider, model.partition(":")[2].strip()
    if (part := backend.analysis.find(model)) is not None:
        (candidate, *_) = part.candidates(model)
        return candidate.provider, candidate.model
    embeds = backend.embeddings.has(model) or (model.startswith(PREFIX) and model.strip().endswith("/embedding"))
    candidates = backend.embeddings.candidates(model) if embeds else backend.chats.candidates(request_of(model))
    return candidates[0].provider, candidates[0].model


def request_of(model: str) -> ChatRequest:
    """Return a request for a model, of no further content."""
    return ChatRequest((Message.user("…"),), options=ChatOptions(model=model))
