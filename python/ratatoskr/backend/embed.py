"""Embeddings: routed to a provider of the very model, within deadlines that leave out the caller's own iterable."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

from ratatoskr.backend.deadline import Deadline, Phase
from ratatoskr.backend.lifecycle import Lifecycle
from ratatoskr.backend.presets import embedding_of
from ratatoskr.backend.settings import CallTimeouts, Settings
from ratatoskr.errors import GatewayClosed, RatatoskrError
from ratatoskr.models.presets import PREFIX
from ratatoskr.models.pricing import Pricing
from ratatoskr.providers.protocol import CallOptions, EmbedProvider, KeepsModels
from ratatoskr.registry.chain import Chain
from ratatoskr.registry.registry import ProviderRegistry
from ratatoskr.routing import Candidate, resolve_embedding
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import Explanation, LocalHealth, ModelInfo, ModelStatus, Plan

__all__ = ["EmbedBackend"]

T = TypeVar("T")
Windows: TypeAlias = AsyncGenerator[Embeddings, None]

_VECTORS: Final = "the vectors"
_SLOW_ITERABLE: Final = 0.01
"""Seconds in a caller's own iterable from which on they are taken out of a deadline."""


class EmbedBackend:
    """Answers embedding requests by the configured providers.

    Args:
        providers: in order of preference.
        chain: tries candidates in order.
        settings: the builder's.
        timeouts: resolves the timeouts of a call.
        lifecycle: admits calls.
    """

    def __init__(
        self,
        providers: Sequence[EmbedProvider],
        chain: Chain,
        settings: Settings,
        timeouts: CallTimeouts,
        lifecycle: Lifecycle,
    ) -> None:
        named = {provider.name: provider for provider in providers}
        self.registry = ProviderRegistry(named, chain, pricing=Pricing.of(settings.catalogue))
        self._names = {name: provider.names for name, provider in self.registry.providers.items()}
        self._settings = settings
        self._timeouts = timeouts
        self._lifecycle = lifecycle

    def candidates(self, model: str) -> tuple[Candidate, ...]:
        """Return the candidates for a model in order; raises what `routing.resolve_embedding` raises.

        The name may be that of a preset.
        """
        if isinstance(model, str) and model.startswith(PREFIX):
            model = embedding_of(model, self._settings.presets, self.has)
        return resolve_embedding(model, self._names)

    def has(self, model: str) -> bool:
        """Return whether a name is a configured embedding model."""
        try:
            return bool(self.candidates(model))
        except RatatoskrError:
            return False

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """Return the vectors of a list of texts, with every attempt."""
        if not isinstance(request.texts, Sequence):
            request = replace(request, texts=list(request.texts))
        call = self._lifecycle.enter()
        try:
            embeddings, attempts = await self.registry.run(
                self.candidates(request.model),
                lambda provider, options: _within(
                    _embed(provider, request, options), options.deadlines.total, options.deadlines.total_phase
                ),
                self._timeouts.resolve(request.timeouts),
            )
            return embeddings.with_attempts(attempts)
        finally:
            self._lifecycle.leave(call)

    async def embed_windows(self, request: EmbedRequest) -> Windows:
        """Yield the vectors of an iterable of any length window by window.

        `total` holds until the first vectors are there, `no_progress` between windows.
        """
        timeouts = self._timeouts.resolve(request.timeouts)
        no_progress = None if timeouts.no_progress == math.inf else timeouts.no_progress
        source = _TimedIterator(request.texts)
        request = replace(request, texts=source)
        call = self._lifecycle.enter()
        windows: Windows | None = None
        try:
            (windows, window), _ = await self.registry.run(
                self.candidates(request.model),
                lambda provider, options: _first_window(provider, request, options, source),
                timeouts,
            )
            while window is not None:
                yield self._with_cost(window)
                if not self._lifecycle.is_running:
                    raise GatewayClosed("the gateway is closed")
                window = await _within(anext(windows, None), no_progress, "no_progress", source)
        finally:
            if windows is not None:
                await windows.aclose()
            self._lifecycle.leave(call)

    def _with_cost(self, window: Embeddings) -> Embeddings:
        return _with_cost(window, self.registry.pricing, window.provider)

    async def explain(self, request: ChatRequest) -> Explanation:
        """Return which providers would embed with the request's model; one that cannot be used would be skipped."""
        plans = []
        for candidate in self.candidates(str(request.options.model)):
            keeper = self.registry[candidate.provider]
            status = await keeper.status(candidate.model) if isinstance(keeper, KeepsModels) else None
            plan = Plan(
                candidate.provider,
                candidate.model,
                candidate.reason,
                refused=status.reason if status is not None and status.status == "unavailable" else None,
                only_if_unavailable=candidate.only_if_unavailable,
            )
            plans.append(plan)
        limits = self._timeouts.resolve(request.timeouts)
        return Explanation(tuple(plans), Explanation.deadlines_of(limits), self._settings.retries)

    async def models(self) -> list[ModelInfo]:
        """Return the configured models."""
        return [model for provider in self.registry.providers.values() for model in await provider.models()]

    async def preload(self, model: str) -> None:
        """Load a model in every provider of this process that has it."""
        for keeper, candidate in self._keepers(model):
            await keeper.preload(candidate.model)

    async def unload(self, model: str) -> None:
        """Unload a model in every provider of this process that has it."""
        for keeper, candidate in self._keepers(model):
            await keeper.unload(candidate.model)

    async def status(self, model: str) -> ModelStatus:
        """Return whether a model can be used; one outside of this process counts as available."""
        for keeper, candidate in self._keepers(model):
            return await keeper.status(candidate.model)
        return ModelStatus("available")

    async def health(self) -> tuple[LocalHealth, ...]:
        """Return the state of each model of this process."""
        keepers = [one for one in self.registry.providers.values() if isinstance(one, KeepsModels)]
        return tuple([health for keeper in keepers for health in await keeper.health()])

    def _keepers(self, model: str) -> list[tuple[KeepsModels, Candidate]]:
        providers = [(self.registry[candidate.provider], candidate) for candidate in self.candidates(model)]
        return [(provider, candidate) for provider, candidate in providers if isinstance(provider, KeepsModels)]

    async def aclose(self) -> None:
        """Unload every model; calls under way end with `GatewayClosed`."""
        for provider in self.registry.providers.values():
            if isinstance(provider, KeepsModels):
                await provider.aclose()


class _TimedIterator:
    """A caller's iterable; the time that it takes to give a text extends the deadline in force."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self.deadline: Deadline | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        began = time.monotonic()
        try:
            return next(self._texts)
        finally:
            spent = time.monotonic() - began
            if spent > _SLOW_ITERABLE and self.deadline is not None:
                self.deadline.extend(spent)


async def _embed(provider: EmbedProvider, request: EmbedRequest, options: CallOptions) -> Embeddings:
    return _with_cost(await provider.embed_batch(request, options), options.pricing, provider.name, options.model)


def _with_cost(embeddings: Embeddings, pricing: Pricing | None, provider: str, *models: str) -> Embeddings:
    """Return embeddings with their cost where the provider bills none and their price is known."""
    if pricing is None or embeddings.cost is not None:
        return embeddings
    cost = pricing.when_read(embeddings.usage, provider, embeddings.model, *models)
    return embeddings if cost is None else replace(embeddings, cost=cost)


async def _within(work: Awaitable[T], limit: float | None, phase: Phase, source: _TimedIterator | None = None) -> T:
    """Await vectors until a deadline."""
    async with Deadline(limit, phase, _VECTORS) as deadline:
        if source is None:
            return await work
        source.deadline = deadline
        try:
            return await work
        finally:
            source.deadline = None


async def _first_window(
    provider: EmbedProvider, request: EmbedRequest, options: CallOptions, source: _TimedIterator
) -> tuple[Windows, Embeddings | None]:
    """Return a provider's windows and the first of them; they are closed where it cannot be had."""
    windows = provider.embed_windows(request, options)
    try:
        limit, phase = options.deadlines.total, options.deadlines.total_phase
        return windows, await _within(anext(windows, None), limit, phase, source)
    except BaseException:
        await windows.aclose()
        raise
