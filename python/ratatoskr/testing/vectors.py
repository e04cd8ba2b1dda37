"""The embeddings of `ScriptedGateway`: vectors that a test can predict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.testing.tasks import hash_vector
from ratatoskr.types.embed import Embeddings, EmbedRequest

ScriptVectors: TypeAlias = "Mapping[str, Sequence[float]] | Callable[[str], Sequence[float]] | BaseException | None"
WINDOW = 256
"""Texts of `embed_iter` that are embedded together."""


class ScriptedVectors:
    """Embeds every text by the script, for any model; keeps every request, its texts as a list, in `requests`."""

    def __init__(self, vectors: ScriptVectors, dimensions: int) -> None:
        self.requests: list[EmbedRequest] = []
        self._vectors = vectors
        first = next(iter(vectors.values()), None) if isinstance(vectors, Mapping) else None
        self._dimensions = dimensions if first is None else len(first)

    def embed(self, request: EmbedRequest) -> Embeddings:
        """Return the vectors of the request's texts."""
        request = replace(request, texts=list(request.texts))
        self.requests.append(request)
        return self._embed(list(request.texts), request, 0)

    def embed_windows(self, request: EmbedRequest) -> Iterator[Embeddings]:
        """Yield the vectors of an iterable; the texts of the request that is kept are those that were taken."""
        taken: list[str] = []
        self.requests.append(replace(request, texts=taken))
        texts: Iterator[str] = iter(request.texts)
        while window := list(islice(texts, WINDOW)):
            taken += window
            yield self._embed(window, request, len(taken) - len(window))

    def _embed(self, texts: list[str], request: EmbedRequest, first: int) -> Embeddings:
        import numpy as np

        rows = [self._vector(text, first + index) for index, text in enumerate(texts)]
        sizes = {len(row) for row in rows}
        if len(sizes) > 1:
            raise AssertionError(f"the script's vectors are of different lengths: {sorted(sizes)}")
        size = sizes.pop() if sizes else self._dimensions
        if request.dimensions is not None and request.dimensions != size:
            message = f"the model has {size} dimensions, not {request.dimensions}"
            raise UnsupportedParameter(message, field="dimensions", model=request.model)
        vectors = np.array(rows, np.float32).reshape(len(rows), size)
        return Embeddings(vectors, request.model, provider="scripted")

    def _vector(self, text: str, index: int) -> Sequence[float]:
        if not isinstance(text, str):
            raise InvalidInput(f"text {index} is not a str but {type(text).__name__}", field="texts")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InvalidInput(f"text {index} holds a lone surrogate", field="texts")
        if isinstance(self._vectors, BaseException):
            raise self._vectors
        if isinstance(self._vectors, Mapping):
            return self._vectors[text] if text in self._vectors else hash_vector(text, self._dimensions)
        return hash_vector(text, self._dimensions) if self._vectors is None else self._vectors(text)
