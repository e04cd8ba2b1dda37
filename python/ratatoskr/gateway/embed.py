"""Embeddings: the public methods, each of which makes one request for the backend.

A class with a `backend` (every `Gateway`) inherits them; any other class that has such methods satisfies the Protocol.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import Protocol, TypedDict

from ratatoskr.gateway.request import backend_of
from ratatoskr.types.embed import Embedding, Embeddings, EmbedRequest, InputType
from ratatoskr.types.fairness import STEP, yield_to_loop
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of

__all__ = ["Embed"]


class EmbedKeywords(TypedDict):
    """The keyword arguments of the three ways to embed."""

    input_type: InputType
    dimensions: int | None
    truncate: bool
    prompt: str | None
    timeout: TimeoutsLike


class Embed(Protocol):
    """Turns texts into vectors."""

    async def embed(
        self,
        text: str,
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        timeout: TimeoutsLike = None,
    ) -> Embedding:
        """Return the vector of one text; arguments and errors are those of `embed_batch`."""
        request = EmbedRequest([text], model, input_type, dimensions, truncate, prompt, timeouts_of(timeout))
        embeddings = await backend_of(self).embed(request)
        return embeddings.single()

    async def embed_batch(
        self,
        texts: Sequence[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        timeout: TimeoutsLike = None,
    ) -> Embeddings:
        """Return the vectors of many texts in their order.

        Args:
            texts: any number; identical ones are computed once.
            model: a configured embedding model: its short name, its repository or the last part of that, or its folder.
            input_type: what the texts are for; the model's prompt for it is put before each of them, by the rules of
                sentence-transformers' `encode_query` and `encode_document`: a query gets the model's prompt `query`, a
                document the first of `document`, `passage` and `corpus`, and either the model's default prompt if it
                has none of these.
            dimensions: `None`, or what the model has.
            truncate: whether texts are cut to the length that the model takes, and counted in `truncated`, or refused.
            prompt: put before each text in place of the model's own prompt; an empty one puts nothing.
            timeout: total seconds, loading the model included, or `Timeouts`; 600 unless set in the builder.

        Raises:
            InvalidInput: a text is not a `str` or holds a lone surrogate; the message names its index.
            ContextLengthExceeded: a text is too long and `truncate` is false.
            UnsupportedParameter: the model does not have these dimensions.
            NoProvider: no configured embedding model has this name; the message lists them.
            ModelNotAvailable: the model is not in the store, or over the memory budget.
            ConfigurationError: the model's files differ from what was pulled, or cannot be used.
            MalformedResponse: a vector is not finite.
            Timeout: a deadline passed; the computation ends with the current call of the model.
        """
        request = EmbedRequest(texts, model, input_type, dimensions, truncate, prompt, timeouts_of(timeout))
        return await backend_of(self).embed(request)

    async def embed_iter(
        self,
        texts: Iterable[str],
        model: str,
        *,
        input_type: InputType = "document",
        dimensions: int | None = None,
        truncate: bool = True,
        prompt: str | None = None,
        timeout: TimeoutsLike = None,
    ) -> AsyncIterator[Embedding]:
        """Yield the vectors of any iterable's texts in its order, holding a few windows of them at most.

        `timeout.total` holds until the first vectors are there and `no_progress` between windows; the time that the
        iterable itself takes does not count. Raises what `embed_batch` raises, after the vectors of earlier windows.
        """
        request = EmbedRequest(texts, model, input_type, dimensions, truncate, prompt, timeouts_of(timeout))
        async with aclosing(backend_of(self).embed_windows(request)) as windows:
            async for window in windows:
                for number, embedding in enumerate(window, 1):
                    yield embedding
                    if number % STEP == 0:
                        await yield_to_loop()
                await yield_to_loop()
