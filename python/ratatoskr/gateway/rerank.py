"""Reranking: the public method, which makes one request for the backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ratatoskr.gateway.request import backend_of
from ratatoskr.types.rerank import Ranking, RerankRequest
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of

__all__ = ["Rerank"]


class Rerank(Protocol):
    """Orders documents by their relevance to a query."""

    async def rerank(
        self,
        query: str,
        documents: Sequence[str],
        model: str,
        *,
        top_n: int | None = None,
        truncate: bool = True,
        timeout: TimeoutsLike = None,
    ) -> Ranking:
        """Return documents as pairs of index and score, the most relevant first.

        Args:
            query: what is searched for.
            documents: any number; identical ones are computed once.
            model: a configured model for reranking: its short name, its repository or the last part of that, or its
                folder; or one of a provider that reranks, with its prefix.
            top_n: the number of documents to return; all by default.
            truncate: whether a query and a document that are too long together are cut, the longer first, or refused.
            timeout: total seconds, loading the model included, or `Timeouts`; 600 unless set in the builder.

        Raises:
            InvalidInput: a document is not a `str`; the message names its index.
            ContextLengthExceeded: a document is too long and `truncate` is false.
            NoProvider: no configured model for reranking has this name; the message lists them.
            ModelNotAvailable: the model is not in the store, or over the memory budget.
            ConfigurationError: the model's files differ from what was pulled, or it is not a model for reranking.
            MalformedResponse: the model's output for a document is not finite; the message names its index.
            Timeout: a deadline passed; the computation ends with the current call of the model.
        """
        request = RerankRequest(query, documents, model, top_n, truncate, timeouts_of(timeout))
        return await backend_of(self).rerank(request)
