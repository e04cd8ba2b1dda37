"""Embeddings of a provider that is reached over HTTP: texts cut into requests that its API takes, each sent once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Final, cast
from urllib.parse import quote

from ratatoskr.errors import InvalidInput, MalformedResponse, UnsupportedParameter
from ratatoskr.models.embeddings import EMBEDDING_MODELS, EmbeddingModel, find_embedding_model
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs import SPECS
from ratatoskr.providers.specs.embed import COMPATIBLE, EMBED, EmbedSpec
from ratatoskr.providers.task import TaskClient
from ratatoskr.types.attempt import Notice
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.model import ModelInfo, Plan
from ratatoskr.wire.embed.vectors import ReceivedVectors

__all__ = ["HttpEmbedder", "embedder_of"]

_BYTES_A_TOKEN: Final = (3.0, 2.0)
"""The fewest UTF-8 bytes a token, on average over a request: of texts in ASCII, and of any other. English has about
four, code three, Chinese two."""


def embedder_of(provider: HttpProvider) -> HttpEmbedder | None:
    """Return the embeddings of a provider; `None` if it has none."""
    spec = EMBED.get(provider.name, None if provider.name in SPECS else COMPATIBLE)
    return None if spec is None else HttpEmbedder(provider, spec)


class HttpEmbedder:
    """The embeddings of one provider.

    Args:
        provider: whose address and keys are used.
        spec: the row of its API.
    """

    names: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init__(self, provider: HttpProvider, spec: EmbedSpec) -> None:
        self.name = provider.name
        self._provider = provider
        self._spec = spec
        self._shape = importlib.import_module(f"ratatoskr.wire.embed.{spec.shape}")
        self._client = TaskClient(provider, spec.beside, "texts")

    def uses_hub_names(self) -> bool:
        """Return whether models are named by their repositories on the hub, and are those very models."""
        return self._spec.hub_names

    def concurrency(self) -> int:
        """Return the number of requests of one call that may be under way at a time."""
        return self._spec.concurrency

    def split(self, texts: Sequence[str], model: str) -> list[int]:
        """Return the numbers of texts of the requests that the API takes, in order."""
        spec, known = self._spec, find_embedding_model(model)
        most = known.request_tokens if known is not None and known.request_tokens else spec.max_tokens
        if len(texts) <= spec.max_texts and (most is None or _tokens_at_most(texts) <= most):
            return [len(texts)] if texts else []
        longest = known.max_tokens if known is not None else None
        sizes, count, tokens = [], 0, 0
        for text in texts:
            size = 0 if most is None else count_at_most(text, longest)
            if count and (count >= spec.max_texts or (most is not None and tokens + size > most)):
                sizes.append(count)
                count, tokens = 0, 0
            count, tokens = count + 1, tokens + size
        return [*sizes, count] if count else sizes

    async def embed_batch(self, request: EmbedRequest, call: CallOptions) -> Embeddings:
        """Return the vectors of texts that one request takes.

        Raises:
            RatatoskrError: there are none; `InvalidInput` if nothing was sent.
        """
        texts = cast("Sequence[str]", request.texts)
        known = find_embedding_model(call.model)
        body, notices = self._encode(texts, request, call.model, known)
        received = await self._client.ask(
            self._path(call.model),
            body,
            call,
            "embed",
            lambda data: self._decode(data, len(texts), request.dimensions, known),
            as_held=getattr(self._shape, "READS_HELD_BODY", False),
        )
        warnings = (*notices, *received.notices)
        return Embeddings(
            received.vectors, received.model or call.model, received.usage, provider=self.name, warnings=warnings
        )

    def plan_embedding(self, model: str, reason: str) -> Plan:
        """Return where texts would be sent."""
        members = {**self._spec.members, **self._spec.document}
        return Plan(self.name, model, reason, self._client.url(self._path(model)), members)

    async def models(self) -> list[ModelInfo]:
        """Return the known models of a provider that has neither chats nor a list."""
        if self._provider.spec.capabilities:
            return []
        return [
            ModelInfo(f"{self.name}:{row.pattern}", self.name, row.pattern, ("embed",), row.max_tokens, row.dimensions)
            for row in EMBEDDING_MODELS
            if row.provider == self.name and not set(row.pattern) & set("*+?(|")
        ]

    def _path(self, model: str) -> str:
        return self._spec.path.replace("{model}", quote(model.removeprefix("models/"), safe="/:"))

    def _encode(
        self, texts: Sequence[str], request: EmbedRequest, model: str, known: EmbeddingModel | None
    ) -> tuple[dict[str, Any], list[Notice]]:
        """Return the body of a request, and what the caller is told.

        Raises:
            UnsupportedParameter: the provider or the model has no choice of dimensions.
        """
        spec, notices = self._spec, list[Notice]()
        members = dict(spec.members)
        if request.dimensions is not None:
            members |= self._encode_dimensions(request.dimensions, known, model)
        is_query = request.input_type == "query"
        words = spec.query if is_query else spec.document
        if known is not None and known.by_prompts:
            words = {}
        prompt = request.prompt
        if prompt is None or not spec.applies_prompts:
            members |= words
        if prompt is None and known is not None and not words:
            prompt = known.query_prompt if is_query else known.document_prompt
        if is_query and not words and not prompt and request.prompt is None and (known is None or known.provider):
            text = f"{self.name} embeds queries and documents alike: its API has no input type"
            notices.append(Notice("input_type_ignored", text, "input_type"))
        if request.truncate and spec.cuts is not None:
            members |= spec.cuts
            notices += self._note_cuts(texts, known)
        elif not request.truncate and spec.refuses is not None:
            members |= spec.refuses
        elif not request.truncate:
            text = f"{self.name} cuts texts that are too long, and does not say so"
            notices.append(Notice("truncate_ignored", text, "truncate"))
        sent = [prompt + text for text in texts] if prompt else texts
        return self._shape.encode_request(sent, model, members), notices

    def _encode_dimensions(self, dimensions: int, known: EmbeddingModel | None, model: str) -> dict[str, int]:
        if known is not None and (dimensions > known.dimensions or known.sizes is False or not self._spec.dimensions):
            if dimensions == known.dimensions:
                return {}
            most = f"at most {known.dimensions}" if known.sizes and self._spec.dimensions else f"{known.dimensions}"
            text = f"the model has {most} dimensions here, not {dimensions}"
            raise UnsupportedParameter(text, field="dimensions", model=model, provider=self.name)
        if not self._spec.dimensions:
            text = f"{self.name} has no choice of dimensions"
            raise UnsupportedParameter(text, field="dimensions", model=model, provider=self.name)
        return {self._spec.dimensions: dimensions}

    def _note_cuts(self, texts: Sequence[str], known: EmbeddingModel | None) -> list[Notice]:
        """Return a notice about texts that may have been cut: the APIs cut without counting."""
        if known is None or known.max_tokens is None:
            return []
        long = sum(len(text) > known.max_tokens for text in texts)
        if not long:
            return []
        text = f"texts longer than {known.max_tokens} tokens were cut; {self.name} does not say which"
        return [Notice("may_be_truncated", text, "truncate")]

    def _decode(self, data: Any, count: int, dimensions: int | None, known: EmbeddingModel | None) -> ReceivedVectors:
        received: ReceivedVectors = self._shape.decode_response(data, count)
        if isinstance(received.vectors, list):
            received = replace(received, vectors=pool_states(received.vectors, known))
        size = received.vectors.shape[1]
        if dimensions is not None and size != dimensions:
            raise MalformedResponse(f"{dimensions} dimensions were asked for, and {size} came")
        return received


def count_at_most(text: str, longest: int | None) -> int:
    """Return an estimate of a text's tokens that is seldom too low, and not above the longest that the model takes."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    tokens = 1 + int(size / _BYTES_A_TOKEN[not text.isascii()])
    return tokens if longest is None else min(tokens, longest)


def _tokens_at_most(texts: Sequence[str]) -> int:
    """Return what `count_at_most` never exceeds for all texts together, without a look at their characters."""
    return len(texts) + 2 * sum(map(len, texts))


def pool_states(states: Sequence[Any], known: EmbeddingModel | None) -> Any:
    """Return one vector for each text from the states of its tokens, as the model's files say.

    Raises:
        InvalidInput: how the model pools is not known.
        MalformedResponse: a text has no token, or the states are of different sizes.
    """
    import numpy as np

    if known is None or known.pooling is None:
        text = "the server returned the states of tokens, and how this model makes one vector of them is not known"
        raise InvalidInput(text, field="model")
    sizes = {one.shape[1] for one in states}
    if len(sizes) > 1 or 0 in sizes:
        raise MalformedResponse(f"the states of tokens are of different sizes: {sorted(sizes)}")
    vectors = np.stack([one[0] if known.pooling == "cls" else one.mean(axis=0) for one in states]).astype(np.float32)
    if known.normalise:
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors
