"""Chats and bare prompts: routed, tried along the chain, answered whole or streamed."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from ratatoskr.backend.lifecycle import Lifecycle
from ratatoskr.backend.presets import PresetRoutes
from ratatoskr.backend.settings import CallTimeouts, Settings
from ratatoskr.backend.stream import OpenStream, StreamLimits, open_stream
from ratatoskr.errors import InvalidInput
from ratatoskr.models.knowledge import ModelKnowledge
from ratatoskr.models.pricing import Pricing
from ratatoskr.providers.protocol import CallOptions, ChatProvider, Plans
from ratatoskr.registry.chain import Chain
from ratatoskr.registry.policy import safe_to_repeat
from ratatoskr.registry.registry import ProviderRegistry
from ratatoskr.routing import Candidate
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.model import Explanation, Plan
from ratatoskr.types.timeouts import Deadlines, Timeouts

__all__ = ["ChatBackend"]

StreamOpener: TypeAlias = Callable[[ChatRequest, CallOptions], Awaitable[OpenStream]]
"""Opens a stream at one provider: `open_stream`, or what middleware has put around it."""


class ChatBackend:
    """Answers chat requests by the configured providers.

    Args:
        providers: by name.
        chain: tries candidates in order.
        settings: the builder's.
        timeouts: resolves the timeouts of a call.
        lifecycle: admits calls.
        embeds: returns whether a name is an embedding model, which does not chat.
    """

    def __init__(
        self,
        providers: Mapping[str, ChatProvider],
        chain: Chain,
        settings: Settings,
        timeouts: CallTimeouts,
        lifecycle: Lifecycle,
        embeds: Callable[[str], bool],
    ) -> None:
        self.registry = ProviderRegistry(
            providers,
            chain,
            settings.policy,
            Pricing.of(settings.catalogue),
            None if settings.catalogue is None else ModelKnowledge(settings.catalogue, settings.count),
        )
        self._readiness = chain.readiness
        self._openers: dict[str | None, StreamOpener] = {
            name: getattr(provider, "open_stream", None) or partial(open_stream, provider)
            for name, provider in providers.items()
        }
        self._settings = settings
        self._timeouts = timeouts
        self._lifecycle = lifecycle
        self._routes = PresetRoutes(
            self.registry.providers,
            rules=settings.rules,
            fallbacks=settings.fallbacks,
            substitute=settings.substitute,
            embeds=embeds,
            own=settings.presets,
        )

    def candidates(self, request: ChatRequest) -> tuple[Candidate, ...]:
        """Return the candidates for a request in order, each once.

        Raises:
            InvalidInput: no model, or a name that cannot be parsed.
            NoProvider: no configured provider serves it.
        """
        return self._routes.resolve(model_names(request))

    def preset_candidates(self, name: str) -> tuple[Candidate, ...]:
        """Return the candidates for a preset; raises as `candidates` does."""
        return self._routes.resolve((name,))

    async def chat(self, request: ChatRequest) -> ChatResponse[Any]:
        """Return the whole answer, with every attempt."""
        call = self._lifecycle.enter()
        try:
            candidates = self.candidates(request)
            if self._routes.filled:
                request = self._routes.fill(request, model_names(request))
            response, attempts = await self.registry.run(
                candidates,
                lambda provider, options: provider.chat(request, options),
                self._timeouts.resolve(request.timeouts),
                safe_to_repeat=safe_to_repeat(request),
            )
            return response.with_attempts(attempts)
        finally:
            self._lifecycle.leave(call)

    async def open_stream(self, request: ChatRequest) -> OpenStream:
        """Return a stream whose first semantic event is there, with every attempt."""
        timeouts = self._timeouts.resolve(request.timeouts, streamed=True)
        call = self._lifecycle.enter()
        try:
            candidates = self.candidates(request)
            if self._routes.filled:
                request = self._routes.fill(request, model_names(request))
            stream, attempts = await self.registry.run(
                candidates,
                lambda _, options: self._openers[options.provider](request, options),
                timeouts,
                safe_to_repeat=safe_to_repeat(request),
            )
        except BaseException:
            self._lifecycle.leave(call)
            raise
        stream.attempts = attempts
        stream.limits = _stream_limits(timeouts)
        stream.on_error = self._readiness.watch_stream(attempts[-1], timeouts)
        stream.call_on_close(lambda: self._lifecycle.leave(call))
        return stream

    def explain(self, request: ChatRequest, *, body: bool) -> Explanation:
        """Return what would be sent to each candidate, in the order in which they would be asked now."""
        timeouts = self._timeouts.resolve(request.timeouts)
        candidates = self._readiness.order(self.candidates(request))
        request = self._routes.fill(request, model_names(request))
        plans = tuple(self._plan(request, candidate, body) for candidate in candidates)
        return Explanation(plans, Explanation.deadlines_of(timeouts), self._settings.retries)

    def _plan(self, request: ChatRequest, candidate: Candidate, body: bool) -> Plan:
        provider = self.registry[candidate.provider]
        if isinstance(provider, Plans):
            options = CallOptions(candidate.model, Deadlines(), self._settings.policy)
            plan = provider.plan(request, options, candidate.reason, body=body)
        else:
            plan = Plan(candidate.provider, candidate.model, candidate.reason)
        origin = self._settings.base_url_origins.get(candidate.provider)
        pricing = self.registry.pricing
        breaker, ready_in = self._readiness.state_of(candidate)
        return replace(
            plan,
            only_if_unavailable=candidate.only_if_unavailable,
            base_url_origin=origin,
            cost=None if pricing is None else pricing.range_of(request, candidate.provider, candidate.model),
            retires=self._retirement(candidate),
            breaker=breaker,
            ready_in=ready_in,
        )

    def _retirement(self, candidate: Candidate) -> str | None:
        catalogue = self._settings.catalogue
        entry = None if catalogue is None else catalogue.find(candidate.provider, candidate.model)
        retires = None if entry is None else entry.retires_as(candidate.model)
        return None if retires is None else retires.isoformat()


def model_names(request: ChatRequest) -> tuple[str, ...]:
    """Return the models that a request names, at least one.

    Raises:
        InvalidInput: there is none, or one is not a name.
    """
    named: Any = request.options.model
    if isinstance(named, str):
        models: tuple[Any, ...] = (named,)
    elif named is None or isinstance(named, Iterable):
        models = tuple(named or ())
    else:
        raise InvalidInput(f"model must be a sequence of names, not {type(named).__name__}", field="model")
    if not models:
        raise InvalidInput("no model: pass a name such as 'openai:gpt-5.4'", field="model")
    for model in models:
        if not isinstance(model, str) or not model.strip():
            raise InvalidInput("model must be a name, and not empty", field="model")
    return models


def _stream_limits(timeouts: Timeouts) -> StreamLimits:
    return StreamLimits(timeouts.no_progress or math.inf, timeouts.stream_life or math.inf)
