"""The embedding half of a gateway: who embeds with which model, within which deadlines."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from ratatoskr.backend.settings import Settings
from ratatoskr.errors import GatewayClosed, RatatoskrError, Timeout
from ratatoskr.providers.protocol import CallOptions, EmbedProvider, KeepsModels
from ratatoskr.registry.chain import Chain
from ratatoskr.routing import Candidate, resolve_embedding
from ratatoskr.types.embed import Embedding, Embeddings, EmbedRequest
from ratatoskr.types.model import Explanation, LocalHealth, ModelInfo, ModelStatus, Plan
from ratatoskr.types.timeouts import Deadlines, Timeouts, in_force

T = TypeVar("T")

_TURN: Final = 256
"""Vectors of a window that are handed out before other tasks of the caller's event loop have their turn."""
_NOTICED: Final = 0.01
"""Seconds of a caller's own iterable from which on they are taken out of a deadline."""


class EmbedBackend:
    """Those who embed for one gateway.

    Args:
        providers: in order of preference.
        chain: walks over candidates.
        settings: the gateway's.
    """

    def __init__(self, providers: Sequence[EmbedProvider], chain: Chain, settings: Settings) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._names = {name: provider.names for name, provider in self._providers.items()}
        self._chain = chain
        self._settings = settings
        self._closed = False

    def __len__(self) -> int:
        return len(self._providers)

    def candidates(self, model: str) -> tuple[Candidate, ...]:
        """Return who may embed with a model; raises `GatewayClosed`, and what `routing.resolve_embedding` raises."""
        if self._closed:
            raise GatewayClosed("the gateway is closed")
        return resolve_embedding(model, self._names)

    def has(self, model: str) -> bool:
        """Tell whether a name is one of an embedding model that is configured."""
        try:
            return bool(self.candidates(model))
        except RatatoskrError:
            return False

    async def one(self, request: EmbedRequest) -> Embedding:
        """Embed one text."""
        many = await self.batch(request)
        return Embedding(
            many.vectors[0],
            many.model,
            many.usage,
            truncated=many.truncated > 0,
            provider=many.provider,
            attempts=many.attempts,
            warnings=many.warnings,
        )

    async def batch(self, request: EmbedRequest) -> Embeddings:
        """Embed a list of texts."""
        if not isinstance(request.texts, Sequence):
            request = replace(request, texts=list(request.texts))

        async def ask(candidate: Candidate, deadlines: Deadlines) -> Embeddings:
            work = self._providers[candidate.provider].embed_batch(request, CallOptions(candidate.model, deadlines))
            return await _within(work, deadlines.total, deadlines.total_phase)

        made, attempts = await self._chain.run(self.candidates(request.model), ask, self._timeouts(request))
        # Both were just made and seen by nobody yet.
        object.__setattr__(attempts[-1], "usage", made.usage)
        object.__setattr__(made, "attempts", attempts)
        return made

    async def iterate(self, request: EmbedRequest) -> AsyncGenerator[Embedding, None]:
        """Embed an iterable of any length; `total` holds until the first vectors, `no_progress` between windows."""
        timeouts = self._timeouts(request)
        source = _Source(request.texts)
        request = replace(request, texts=source)

        async def ask(candidate: Candidate, deadlines: Deadlines) -> tuple[Windows, Embeddings | None]:
            windows = self._providers[candidate.provider].embed_windows(
                request, CallOptions(candidate.model, deadlines)
            )
            first = _within(anext(windows, None), deadlines.total, deadlines.total_phase, source)
            return windows, await _closing(windows, first)

        (windows, window), _ = await self._chain.run(self.candidates(request.model), ask, timeouts)
        try:
            while window is not None:
                for place, embedding in enumerate(window, 1):
                    yield embedding
                    if place % _TURN == 0:
                        await asyncio.sleep(0)
                if self._closed:
                    raise GatewayClosed("the gateway is closed")
                limit = None if timeouts.no_progress == math.inf else timeouts.no_progress
                window = await _within(anext(windows, None), limit, "no_progress", source)
        finally:
            await windows.aclose()

    def _timeouts(self, request: EmbedRequest) -> Timeouts:
        return in_force(request.timeouts.over(self._settings.timeouts), streamed=False)

    async def models(self) -> list[ModelInfo]:
        """Return what is configured."""
        return [model for provider in self._providers.values() for model in await provider.models()]

    async def explain(self, model: str, timeouts: Timeouts) -> Explanation:
        """Tell who would embed with a model; one that cannot be used would be skipped."""
        plans = []
        for candidate in self.candidates(model):
            keeper = self._providers[candidate.provider]
            status = await keeper.status(candidate.model) if isinstance(keeper, KeepsModels) else None
            refused = status.reason if status is not None and status.status == "unavailable" else None
            later = candidate.only_if_unavailable
            plan = Plan(
                candidate.provider, candidate.model, candidate.reason, refused=refused, only_if_unavailable=later
            )
            plans.append(plan)
        limits = in_force(timeouts.over(self._settings.timeouts), streamed=False)
        return Explanation(tuple(plans), Explanation.deadlines_of(limits), self._settings.retries)

    async def preload(self, model: str) -> None:
        """Load a model wherever it is in this process."""
        for keeper, candidate in self._keepers(model):
            await keeper.preload(candidate.model)

    async def unload(self, model: str) -> None:
        """Let go of a model wherever it is in this process."""
        for keeper, candidate in self._keepers(model):
            await keeper.unload(candidate.model)

    async def status(self, model: str) -> ModelStatus:
        """Tell whether a model can be used; one that is not in this process is as far as known."""
        for keeper, candidate in self._keepers(model):
            return await keeper.status(candidate.model)
        return ModelStatus("available")

    async def health(self) -> tuple[LocalHealth, ...]:
        """Tell how each model of this process is."""
        keepers = [one for one in self._providers.values() if isinstance(one, KeepsModels)]
        return tuple([health for keeper in keepers for health in await keeper.health()])

    def _keepers(self, model: str) -> list[tuple[KeepsModels, Candidate]]:
        providers = [(self._providers[candidate.provider], candidate) for candidate in self.candidates(model)]
        return [(provider, candidate) for provider, candidate in providers if isinstance(provider, KeepsModels)]

    def close(self) -> None:
        """Refuse further calls with `GatewayClosed`; the providers stay open."""
        self._closed = True

    async def aclose(self) -> None:
        """Let go of everything; calls under way end with `GatewayClosed`."""
        self.close()
        for provider in self._providers.values():
            if isinstance(provider, KeepsModels):
                await provider.aclose()


Windows = AsyncGenerator[Embeddings, None]


class _Source:
    """A caller's iterable, and how long taking texts from it has held everything up."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self.deadline: asyncio.Timeout | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        began = time.monotonic()
        try:
            return next(self._texts)
        finally:
            spent = time.monotonic() - began
            if spent > _NOTICED and self.deadline is not None and (when := self.deadline.when()) is not None:
                self.deadline.reschedule(when + spent)


async def _within(work: Awaitable[T], limit: float | None, phase: str, source: _Source | None = None) -> T:
    """Await work until a deadline, from which the time that the caller's own iterable takes is left out."""
    try:
        async with asyncio.timeout(limit) as deadline:
            if source is not None:
                source.deadline = deadline
            return await work
    except TimeoutError as error:
        if isinstance(error, RatatoskrError):
            raise
        raise Timeout(f"the vectors were not there within {limit:.3g} s", phase=phase) from None
    finally:
        if source is not None:
            source.deadline = None


async def _closing(windows: Windows, work: Awaitable[T]) -> T:
    """Await the first window, and close what gives none."""
    try:
        return await work
    except BaseException:
        await windows.aclose()
        raise
