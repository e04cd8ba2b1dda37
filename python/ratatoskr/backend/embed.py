"""Embeddings: routed to a provider of the very model, within deadlines that leave out the caller's own iterable."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, TypeAlias, TypeVar

from ratatoskr.backend.deadline import Deadline, Phase
from ratatoskr.backend.embed_parts import PartsEmbedder
from ratatoskr.backend.lifecycle import Lifecycle
from ratatoskr.backend.presets import embedding_of
from ratatoskr.backend.settings import CallTimeouts, Settings
from ratatoskr.errors import AllAttemptsFailed, GatewayClosed, ModelNotAvailable, RatatoskrError, summarize
from ratatoskr.models.embeddings import is_embedding_name
from ratatoskr.models.presets import PREFIX
from ratatoskr.models.pricing import Pricing
from ratatoskr.providers.protocol import CallOptions, EmbedProvider, KeepsModels, RemoteEmbedProvider
from ratatoskr.registry.chain import Chain
from ratatoskr.registry.registry import ProviderRegistry
from ratatoskr.routing import Candidate, resolve_embedding
from ratatoskr.types.attempt import Attempt
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import Explanation, LocalHealth, ModelInfo, ModelStatus, Plan
from ratatoskr.types.timeouts import Timeouts

__all__ = ["EmbedBackend"]

T = TypeVar("T")
Windows: TypeAlias = AsyncGenerator[Embeddings, None]

_VECTORS: Final = "the vectors"
_REMOTE_WINDOW: Final = 512
"""Texts of an iterable that are sent together; a provider's API may take fewer at a time."""
_LARGEST_BLOCK: Final = 16 * 2**20
"""Bytes; a window of the largest vectors has some six million."""
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
        providers: Sequence[EmbedProvider | RemoteEmbedProvider],
        chain: Chain,
        settings: Settings,
        timeouts: CallTimeouts,
        lifecycle: Lifecycle,
    ) -> None:
        self.remote = {one.name: one for one in providers if isinstance(one, RemoteEmbedProvider)}
        named = {one.name: one for one in providers if not isinstance(one, RemoteEmbedProvider)}
        pricing = Pricing.of(settings.catalogue)
        self.registry = ProviderRegistry(named, chain, pricing=pricing)
        self._parts = PartsEmbedder(self.remote, chain, pricing)
        self._hub_names = {name: provider.uses_hub_names() for name, provider in self.remote.items()}
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
        return resolve_embedding(model, self._names, self._hub_names)

    def has(self, model: str) -> bool:
        """Return whether a name is an embedding model that is configured, or of a configured provider."""
        try:
            candidates = self.candidates(model)
        except RatatoskrError:
            return False
        return any(one.provider in self._names or is_embedding_name(one.model) for one in candidates)

    def keeps(self, model: str) -> bool:
        """Return whether a model is one of this process."""
        return bool(self._keepers(model))

    def _by_place(self, model: str) -> tuple[list[Candidate], list[Candidate]]:
        """Return the candidates in this process, and the others."""
        candidates = self.candidates(model)
        local = [one for one in candidates if one.provider in self._names]
        return local, [one for one in candidates if one.provider not in self._names]

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """Return the vectors of a list of texts, with every attempt."""
        if not isinstance(request.texts, Sequence):
            request = replace(request, texts=list(request.texts))
        call = self._lifecycle.enter()
        try:
            local, remote = self._by_place(request.model)
            timeouts = self._timeouts.resolve(request.timeouts)
            missing: ModelNotAvailable | None = None
            if local:
                try:
                    embeddings, attempts = await self.registry.run(
                        local,
                        lambda provider, options: _within(
                            _embed(provider, request, options),
                            options.deadlines.total,
                            options.deadlines.total_phase,
                        ),
                        timeouts,
                    )
                    return embeddings.with_attempts(attempts)
                except ModelNotAvailable as error:
                    if not remote:
                        raise
                    missing = error
            try:
                embeddings = await self._parts.embed(request, remote, timeouts)
            except RatatoskrError as error:
                raise _also_failed(missing, error) from None
            return self._with_cost(replace(embeddings, attempts=_attempts_before(missing) + embeddings.attempts))
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
            local, remote = self._by_place(request.model)
            if local:
                try:
                    (windows, window), _ = await self.registry.run(
                        local, lambda provider, options: _first_window(provider, request, options, source), timeouts
                    )
                except ModelNotAvailable:
                    if not remote:
                        raise
            if windows is None:
                windows = self._remote_windows(request, remote, timeouts, source)
                total = None if timeouts.total == math.inf else timeouts.total
                window = await _within(anext(windows, None), total, "total", source)
            while window is not None:
                yield self._with_cost(window)
                if not self._lifecycle.is_running:
                    raise GatewayClosed("the gateway is closed")
                window = await _within(anext(windows, None), no_progress, "no_progress", source)
        finally:
            if windows is not None:
                await windows.aclose()
            self._lifecycle.leave(call)

    async def _remote_windows(
        self, request: EmbedRequest, candidates: Sequence[Candidate], timeouts: Timeouts, source: _TimedIterator
    ) -> Windows:
        """Yield the vectors of an iterable by remote providers, with a few windows under way."""
        _keep_freed_pages()
        most = self.remote[candidates[0].provider].concurrency()
        under_way: deque[asyncio.Task[Embeddings]] = deque()
        first, unlimited = 0, replace(timeouts, total=math.inf)
        try:
            while True:
                while len(under_way) < most and not (under_way and under_way[0].done()):
                    block = source.take(_REMOTE_WINDOW)
                    if not block:
                        break
                    work = self._parts.embed(replace(request, texts=block), candidates, unlimited, first)
                    under_way.append(asyncio.ensure_future(work))
                    first += len(block)
                    await asyncio.sleep(0)
                if not under_way:
                    return
                yield await under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            if under_way:
                await asyncio.gather(*under_way, return_exceptions=True)

    def _with_cost(self, window: Embeddings) -> Embeddings:
        return _with_cost(window, self.registry.pricing, window.provider)

    async def explain(self, request: ChatRequest) -> Explanation:
        """Return which providers would embed with the request's model; one that cannot be used would be skipped."""
        plans = []
        for candidate in self.candidates(str(request.options.model)):
            if candidate.provider in self.remote:
                plan = self.remote[candidate.provider].plan_embedding(candidate.model, candidate.reason)
                origin = self._settings.base_url_origins.get(candidate.provider)
                plans.append(replace(plan, only_if_unavailable=candidate.only_if_unavailable, base_url_origin=origin))
                continue
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
        providers: list[EmbedProvider | RemoteEmbedProvider] = [*self.registry.providers.values()]
        providers += self.remote.values()
        return [model for provider in providers for model in await provider.models()]

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
        local, _ = self._by_place(model)
        providers = [(self.registry[candidate.provider], candidate) for candidate in local]
        return [(provider, candidate) for provider, candidate in providers if isinstance(provider, KeepsModels)]

    async def aclose(self) -> None:
        """Unload every model; calls under way end with `GatewayClosed`."""
        for provider in self.registry.providers.values():
            if isinstance(provider, KeepsModels):
                await provider.aclose()


def _keep_freed_pages() -> None:
    """Let the C library keep the memory of a few windows, which it would return to the system after each of them.

    To get fresh pages for the vectors of a window takes longer than to decode them. glibc returns free memory that
    exceeds twice the largest block that was freed so far; this block's pages are never written.
    """
    import numpy as np

    np.empty(_LARGEST_BLOCK, np.uint8)


def _attempts_before(missing: ModelNotAvailable | None) -> tuple[Attempt, ...]:
    """Return the attempts in this process after which others were asked."""
    return () if missing is None else (*missing.attempts[:-1], replace(missing.attempts[-1], decision="next"))


def _also_failed(missing: ModelNotAvailable | None, error: RatatoskrError) -> RatatoskrError:
    """Return the error of the other candidates, together with that of the model of this process."""
    if missing is None or isinstance(error, GatewayClosed):
        return error
    before, attempts = _attempts_before(missing), error.attempts
    others = (
        [one for one in error.exceptions if isinstance(one, RatatoskrError)]
        if isinstance(error, AllAttemptsFailed)
        else [error]
    )
    errors = [missing, *others]
    text = f"all {len(errors)} candidates failed: {summarize(errors)}"
    return AllAttemptsFailed(text, errors, attempts=before + attempts)


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
            self._add(time.monotonic() - began)

    def take(self, count: int) -> list[str]:
        """Return the next texts, `count` at most; none at the end."""
        began = time.monotonic()
        try:
            return list(islice(self._texts, count))
        finally:
            self._add(time.monotonic() - began)

    def _add(self, spent: float) -> None:
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
