"""`LocalEmbedder`: texts in, vectors out, in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.engine.window import SmallCall, Tally, Window, run_small
from ratatoskr.local.engine.workers import MOST_JOINED
from ratatoskr.local.graph.cache import Precision
from ratatoskr.local.store.store import ModelStore
from ratatoskr.types.embed import Embedding, Embeddings, InputType
from ratatoskr.types.model import ModelStatus
from ratatoskr.types.usage import Usage

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["LocalEmbedder"]

WINDOW: Final = 4096
"""Texts that are tokenised, sorted and computed together; two windows are under way at a time."""
_AHEAD: Final = 2


class LocalEmbedder:
    """One embedding model. It belongs to no event loop and may be used from several at once.

    Args:
        model: a name of the catalogue, a model of the store, or a folder.
        precision: `fp32`, or `int8` for an approximation that is about twice as fast.
        device: where it runs.
        store: where models are kept.
        models: the set that it shares threads and memory with; given, it decides device and store.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        precision: Precision = "fp32",
        device: Device | None = None,
        store: ModelStore | None = None,
        models: ModelPool | None = None,
    ) -> None:
        if precision not in {"fp32", "int8"}:
            raise InvalidInput(f"precision is fp32 or int8, not {precision!r}", field="precision")
        self._models = models or ModelPool(store, device)
        self._owned = models is None
        self.model = self._models.store.name_of(model)
        self.precision = precision
        self._key = (self.model, precision)

    async def embed(
        self, text: str, *, input_type: InputType = "document", dimensions: int | None = None, truncate: bool = True
    ) -> Embedding:
        """Return the vector of one text; raises what `embed_batch` does."""
        many = await self.embed_batch([text], input_type=input_type, dimensions=dimensions, truncate=truncate)
        return Embedding(many.vectors[0], many.model, many.usage, many.truncated > 0, many.provider)

    async def embed_batch(
        self,
        texts: Sequence[str],
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
    ) -> Embeddings:
        """Return the vectors of many texts in their order.

        Args:
            texts: any number; identical ones are computed once.
            input_type: `query` puts the model's instruction before each text.
            dimensions: `None`, or what the model has.
            truncate: whether texts are cut to what the model takes, and counted, or refused.

        Raises:
            InvalidInput: a text is no `str` or holds half a surrogate pair; the message names its index.
            ContextLengthExceeded: a text is too long and `truncate` is false.
            UnsupportedParameter: the model has not these dimensions.
            ModelNotAvailable: the model is not here, or over the memory budget.
            ConfigurationError: the model's files are not what was pulled, or cannot be used.
            MalformedResponse: a vector is not finite.
        """
        listed = _listed(texts)
        with await self._acquire() as loaded:
            import numpy as np  # behind the loading, which overlaps it with other work

            self._check_dimensions(loaded, dimensions)
            listed = _instructed(listed, input_type, loaded.folder.query_instruction)
            if 0 < len(listed) <= MOST_JOINED:
                vectors, tally = await self._small(loaded, listed, truncate)
            else:
                vectors = np.empty((len(listed), loaded.dimensions), np.float32)
                tally = await self._windows(loaded, listed, vectors, truncate)
        return self._told(vectors, tally)

    async def embed_iter(
        self,
        texts: Iterable[str],
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        window: int = WINDOW,
    ) -> AsyncIterator[Embedding]:
        """Yield the vectors of any iterable's texts in its order, holding a few windows of them at most.

        Raises what `embed_batch` does, after the vectors of the windows before.
        """
        async for block in self.embed_windows(
            texts, input_type=input_type, dimensions=dimensions, truncate=truncate, window=window
        ):
            for embedding in block:
                yield embedding

    async def embed_windows(
        self,
        texts: Iterable[str],
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        window: int = WINDOW,
    ) -> AsyncIterator[Embeddings]:
        """Yield the vectors of any iterable's texts a window at a time, the next ones being computed meanwhile."""
        if window < 1:
            raise InvalidInput("a window has at least one text", field="window")
        under_way: deque[tuple[Future[Tally], Floats]] = deque()
        with await self._acquire() as loaded:
            import numpy as np

            self._check_dimensions(loaded, dimensions)
            try:
                for first, block in _blocks(texts, window):
                    listed = _instructed(_listed(block, first), input_type, loaded.folder.query_instruction)
                    vectors = np.empty((len(listed), loaded.dimensions), np.float32)
                    under_way.append((self._window(loaded, listed, vectors, first, truncate), vectors))
                    if len(under_way) > _AHEAD:
                        yield await self._finished(*under_way.popleft())
                while under_way:
                    yield await self._finished(*under_way.popleft())
            finally:
                for future, _ in under_way:
                    future.cancel()

    async def preload(self) -> None:
        """Load the model, if it is not; raises what loading raises."""
        if not self._models.is_loaded(self._key):
            await asyncio.to_thread(self._models.load, self._key)

    async def unload(self) -> None:
        """Let go of the model and give its memory back; the next call loads it again."""
        await asyncio.to_thread(self._models.unload, self._key)

    def status(self) -> ModelStatus:
        """Tell whether the model is ready, loading, available, or why not."""
        return self._models.status(self._key)

    async def aclose(self) -> None:
        """End what this embedder owns; calls under way fail with `GatewayClosed`."""
        if self._owned:
            await asyncio.to_thread(self._models.close)

    async def _acquire(self) -> AbstractContextManager[LoadedModel]:
        """Load the model and keep it; another one may push it out in between, and then it is loaded again."""
        while True:
            await self.preload()
            with suppress(KeyError):
                return self._models.using(self._key)

    async def _small(self, loaded: LoadedModel, texts: list[str], truncate: bool) -> tuple[Floats, Tally]:
        call = SmallCall(loaded, texts, truncate=truncate, latency=lambda: self._models.may_hold_latency(self._key))
        self._models.workers.submit_small(call, run_small)
        vectors, tally = await asyncio.wrap_future(call.future)
        return vectors, tally

    async def _windows(self, loaded: LoadedModel, texts: list[str], vectors: Floats, truncate: bool) -> Tally:
        tally = Tally()
        under_way: deque[tuple[int, Future[Tally]]] = deque()
        try:
            for first in range(0, len(texts), WINDOW):
                part = slice(first, first + WINDOW)
                under_way.append((first, self._window(loaded, texts[part], vectors[part], first, truncate)))
                if len(under_way) > _AHEAD:
                    first_done, future = under_way.popleft()
                    tally = tally.and_then(await asyncio.wrap_future(future), first_done)
            while under_way:
                first_done, future = under_way.popleft()
                tally = tally.and_then(await asyncio.wrap_future(future), first_done)
        finally:
            for _, future in under_way:
                future.cancel()
        return tally

    def _window(self, loaded: LoadedModel, texts: list[str], out: Floats, first: int, truncate: bool) -> Future[Tally]:
        workers = self._models.workers
        window = Window(loaded, texts, out, first=first, truncate=truncate, wake=workers.wake)
        workers.submit(window)
        return window.future

    async def _finished(self, future: Future[Tally], vectors: Floats) -> Embeddings:
        tally = await asyncio.wrap_future(future)
        return self._told(vectors, tally)

    def _told(self, vectors: Floats, tally: Tally) -> Embeddings:
        return Embeddings(vectors, self.model, _usage(tally.tokens), len(tally.cut), "local", cut=tally.cut)

    def _check_dimensions(self, loaded: LoadedModel, dimensions: int | None) -> None:
        if dimensions is not None and dimensions != loaded.dimensions:
            raise UnsupportedParameter(
                f"the model has {loaded.dimensions} dimensions, not {dimensions}", field="dimensions", model=self.model
            )


def _usage(tokens: int) -> Usage:
    return Usage(input_tokens=tokens, source="provider")


def _listed(texts: Sequence[Any], first: int = 0) -> list[str]:
    if isinstance(texts, str | bytes):
        raise InvalidInput("texts are a sequence of str, not one", field="texts")
    listed = list(texts)
    if set(map(type, listed)) <= {str}:
        return listed  # told without a step of the interpreter a text: this runs on the caller's event loop
    for index, text in enumerate(listed):
        if not isinstance(text, str):
            raise InvalidInput(f"text {first + index} is not a str but {type(text).__name__}", field="texts")
    return listed


def _instructed(texts: list[str], input_type: InputType, instruction: str) -> list[str]:
    if input_type not in {"document", "query"}:
        raise InvalidInput(f"input_type is document or query, not {input_type!r}", field="input_type")
    return [instruction + text for text in texts] if instruction and input_type == "query" else texts


def _blocks(texts: Iterable[str], window: int) -> Iterator[tuple[int, list[str]]]:
    source, first = iter(texts), 0
    while block := list(islice(source, window)):
        yield first, block
        first += len(block)
