"""The embedding half of `ScriptedGateway`: vectors that a test foresees."""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import ModelInfo

ScriptVectors: TypeAlias = "Mapping[str, Sequence[float]] | Callable[[str], Sequence[float]] | BaseException | None"
WINDOW = 256
"""Texts of `embed_iter` that are embedded together."""


class _AnyName(dict[str, str]):
    """Every name is one of an embedding model, and its own."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __missing__(self, name: str) -> str:
        return name


class ScriptedEmbedder:
    """Embeds texts as scripted, for any model; keeps every request in `requests`, its texts as a list."""

    name = "scripted"

    def __init__(self, vectors: ScriptVectors, dimensions: int) -> None:
        self.names: Mapping[str, str] = _AnyName()
        self.requests: list[EmbedRequest] = []
        self._vectors = vectors
        first = next(iter(vectors.values()), None) if isinstance(vectors, Mapping) else None
        self._dimensions = dimensions if first is None else len(first)

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Embed a list of texts."""
        self.requests.append(request)
        return self._embed(list(request.texts), request, call, 0)

    async def embed_windows(self, request: EmbedRequest, call: CallOptions) -> AsyncGenerator[Embeddings, None]:
        """Embed an iterable; the texts of the request that is kept are those that were taken."""
        taken: list[str] = []
        self.requests.append(replace(request, texts=taken))
        texts: Iterator[str] = iter(request.texts)
        while window := list(islice(texts, WINDOW)):
            taken += window
            yield self._embed(window, request, call, len(taken) - len(window))

    async def models(self) -> list[ModelInfo]:
        """Return nothing: the gateway's one model is listed by its chats."""
        return []

    def _embed(self, texts: list[str], request: EmbedRequest, call: CallOptions, first: int) -> Embeddings:
        import numpy as np

        rows = [self._vector(text, first + index) for index, text in enumerate(texts)]
        sizes = {len(row) for row in rows}
        if len(sizes) > 1:
            raise AssertionError(f"the script's vectors are of different lengths: {sorted(sizes)}")
        size = sizes.pop() if sizes else self._dimensions
        if request.dimensions is not None and request.dimensions != size:
            message = f"the model has {size} dimensions, not {request.dimensions}"
            raise UnsupportedParameter(message, field="dimensions", model=call.model)
        vectors = np.array(rows, np.float32).reshape(len(rows), size)
        return Embeddings(vectors, call.model, provider=self.name)

    def _vector(self, text: str, index: int) -> Sequence[float]:
        if not isinstance(text, str):
            raise InvalidInput(f"text {index} is not a str but {type(text).__name__}", field="texts")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InvalidInput(f"text {index} holds half of a surrogate pair", field="texts")
        if isinstance(self._vectors, BaseException):
            raise self._vectors
        if isinstance(self._vectors, Mapping):
            return self._vectors[text] if text in self._vectors else hash_vector(text, self._dimensions)
        return hash_vector(text, self._dimensions) if self._vectors is None else self._vectors(text)


def hash_vector(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one that depends on nothing but the text; those of different texts are far apart."""
    octets = b"".join(hashlib.sha256(f"{block} {text}".encode()).digest() for block in range(math.ceil(dimensions / 8)))
    numbers = [int.from_bytes(octets[4 * place : 4 * place + 4], "big") / 2**31 - 1 for place in range(dimensions)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]
