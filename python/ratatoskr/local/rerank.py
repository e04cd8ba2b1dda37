"""`LocalReranker`: the relevance of documents to a query, computed in this process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ratatoskr._core import sigmoid
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.model import LocalModel, LogitsHead
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.local.store.store import ModelStore
from ratatoskr.types.local import LocalModelName
from ratatoskr.types.rerank import Ranking, RerankRequest, rank_documents
from ratatoskr.types.usage import Usage

if TYPE_CHECKING:
    from ratatoskr._core import Tokens
    from ratatoskr.local.engine.tokenizer import Tokenizer

__all__ = ["LocalReranker", "RerankHead"]


class RerankHead(LogitsHead):
    """The head of cross-encoders for reranking: an item is a query and a document, of which the longer is cut."""

    item = "document"

    def count_characters(self, items: Sequence[tuple[str, str]]) -> Iterable[int]:
        """Return the lengths of pairs."""
        return (len(query) + len(document) for query, document in items)

    def tokenise(self, tokenizer: Tokenizer, items: list[tuple[str, str]], limit: int, first: int) -> Tokens:
        """Return the tokens of pairs; raises what `Tokenizer.encode_pairs` raises."""
        return tokenizer.encode_pairs(items, limit, first, keep_second=False)

    def count_columns(self, width: int) -> int:
        """Return the number of logits, which is one.

        Raises:
            ConfigurationError: the model gives several.
        """
        if width != 1:
            text = f"it is no model for reranking: its graph gives {width} logits for a pair, and a reranker gives one"
            raise ConfigurationError(text, model=self._folder.name)
        return width


class LocalReranker(LocalModel):
    """One cross-encoder for reranking. It belongs to no event loop and may be used from several at once.

    Args:
        model: a name of the catalogue, a model of the store, a folder, or an ONNX file and its tokenizer.json.
        precision: `fp32`, `int8` for the quantised graph of the model's folder, `bf16` or `auto`; see `LocalEmbedder`.
        device: where the model runs.
        store: the store of the model's files.
        pool: shares threads and memory with other models; it determines device and store.
    """

    def __init__(
        self,
        model: LocalModelName,
        *,
        precision: PrecisionChoice = "fp32",
        device: Device | None = None,
        store: ModelStore | None = None,
        pool: ModelPool | None = None,
    ) -> None:
        super().__init__(model, RerankHead, precision=precision, device=device, store=store, pool=pool)

    async def rerank(
        self, query: str, documents: Sequence[str], *, top_n: int | None = None, truncate: bool = True
    ) -> Ranking:
        """Return documents as pairs of index and score, the most relevant first.

        Args:
            query: what is searched for.
            documents: any number; identical ones are computed once.
            top_n: the number of documents to return; all by default.
            truncate: whether a query and a document that are too long together are cut, the longer first, or refused.

        Raises:
            InvalidInput: a document is not a `str`; the message names its index.
            ContextLengthExceeded: a document is too long, and `truncate` is false.
            ModelNotAvailable: the model is not in the store, or exceeds the memory budget.
            ConfigurationError: the model's files are not what was pulled, or it is not for reranking.
            MalformedResponse: the output for a document is not finite; the message names its index.
        """
        return await self.run(RerankRequest(query, documents, self.model, top_n, truncate))

    async def run(self, request: RerankRequest) -> Ranking:
        """Return a request's documents by relevance; raises what `rerank` raises."""
        pairs = [(request.query, document) for document in request.documents]
        with await self._runner.acquire() as model:
            rows, stats = await self._runner.run(model, pairs, truncate=request.truncate)
        scores = self.score(sigmoid, rows, "document")[:, 0].tolist()
        usage = Usage(input_tokens=stats.tokens, source="local")
        return Ranking(rank_documents(scores, request.top_n), self.model, "local", usage, len(stats.cut))
