"""Reranking by a provider that is reached over HTTP."""

from __future__ import annotations

from ratatoskr.errors import InvalidInput
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs import SPECS
from ratatoskr.providers.specs.rerank import COMPATIBLE_RERANK, RERANK, RerankSpec
from ratatoskr.providers.task import PathTask
from ratatoskr.types.attempt import Notice
from ratatoskr.types.rerank import Ranking, RerankRequest
from ratatoskr.wire.rerank import decode_ranking

__all__ = ["HttpReranker", "reranker_of"]


def reranker_of(provider: HttpProvider) -> HttpReranker | None:
    """Return the reranking of a provider; `None` if it has none."""
    spec = RERANK.get(provider.name, None if provider.name in SPECS else COMPATIBLE_RERANK)
    return None if spec is None else HttpReranker(provider, spec)


class HttpReranker(PathTask[RerankSpec]):
    """The reranking of one provider.

    Args:
        provider: whose address and keys are used.
        spec: the row of its API.
    """

    def __init__(self, provider: HttpProvider, spec: RerankSpec) -> None:
        super().__init__(provider, spec, "documents")

    async def rerank(self, request: RerankRequest, call: CallOptions) -> Ranking:
        """Return the request's documents, the most relevant first.

        Raises:
            InvalidInput: there are more documents than the API takes.
            RatatoskrError: there is no ranking.
        """
        spec, count = self._spec, len(request.documents)
        if not count:
            return Ranking((), call.model, self.name)
        if count > spec.max_documents:
            text = f"{count:,} documents are too many: {self.name} takes at most {spec.max_documents:,} at a time"
            raise InvalidInput(text, field="documents")
        wanted = min(count, request.top_n or count)
        body = {"query": request.query, spec.documents: list(request.documents), **spec.members}
        if spec.documents == "documents":
            body = {"model": call.model, **body}
        if spec.top:
            body[spec.top] = wanted
        notices = []
        words = spec.cuts if request.truncate else spec.refuses
        body |= words or {}
        if not request.truncate and spec.refuses is None:
            text = f"{self.name} decides itself what becomes of documents that are too long"
            notices.append(Notice("truncate_ignored", text, "truncate"))
        received = await self._client.ask(
            spec.path, body, call, "rerank", lambda data: decode_ranking(data, count, wanted)
        )
        return Ranking(
            received.documents, received.model or call.model, self.name, received.usage, warnings=tuple(notices)
        )
