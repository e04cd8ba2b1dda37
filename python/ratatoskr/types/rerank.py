"""Reranking: documents in the order of their relevance to a query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, overload

from ratatoskr.errors import InvalidInput
from ratatoskr.types.attempt import Attempt, Notice
from ratatoskr.types.frozen import dataclass, replace
from ratatoskr.types.plain import Plain
from ratatoskr.types.results import check_flag, check_model, check_text, check_texts
from ratatoskr.types.timeouts import UNSET, Timeouts
from ratatoskr.types.usage import Usage
from ratatoskr.types.visible import quote


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """Documents to order by their relevance to a query.

    Attributes:
        query: what is searched for.
        documents: a list.
        model: as the caller named it.
        top_n: the number of documents to return; `None` for all.
        truncate: whether texts that are too long are cut, or refused.
        timeouts: deadlines of this call.

    Raises:
        InvalidInput: a value is not one of these.
    """

    query: str
    documents: Sequence[str]
    model: str
    top_n: int | None = None
    truncate: bool = True
    timeouts: Timeouts = UNSET

    def __post_init__(self) -> None:
        check_text(self.query, "query", "query")
        object.__setattr__(self, "documents", check_texts(self.documents, "documents", "document"))
        check_model(self.model, "reranking")
        top_n = self.top_n
        if top_n is not None and (isinstance(top_n, bool) or not isinstance(top_n, int) or top_n < 1):
            raise InvalidInput(f"top_n must be a whole number above 0, not {quote(top_n)}", field="top_n")
        check_flag(self.truncate, "truncate")


@dataclass(frozen=True, slots=True)
class RankedDocument(Plain):
    """One document and its relevance.

    Attributes:
        index: its place in the request's documents.
        score: its relevance to the query, from 0 to 1 where the model gives a probability.
    """

    type: ClassVar[Literal["ranked_document"]] = "ranked_document"
    index: int
    score: float

    def __iter__(self) -> Iterator[float]:
        """Yield index and score, so that a document can be unpacked."""
        yield self.index
        yield self.score


@dataclass(frozen=True, slots=True)
class Ranking(Plain):
    """Documents, the most relevant first; iterated, it gives pairs of index and score.

    Attributes:
        documents: the best of them, as many as were asked for.
        model: the model that scored.
        provider: name of the provider.
        usage: tokens.
        truncated: the number of documents that were cut.
        attempts: every attempt.
        warnings: notices for the caller.
    """

    type: ClassVar[Literal["ranking"]] = "ranking"
    documents: tuple[RankedDocument, ...]
    model: str = ""
    provider: str = ""
    usage: Usage = Usage()
    truncated: int = 0
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[Notice, ...] = ()

    def __len__(self) -> int:
        return len(self.documents)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return ((document.index, document.score) for document in self.documents)

    @overload
    def __getitem__(self, index: int) -> RankedDocument: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RankedDocument, ...]: ...
    def __getitem__(self, index: int | slice) -> RankedDocument | tuple[RankedDocument, ...]:
        return self.documents[index]

    def with_attempts(self, attempts: tuple[Attempt, ...]) -> Ranking:
        """Return the same ranking with the attempts of its call."""
        return replace(self, attempts=attempts)


def rank_documents(scores: Sequence[float], top_n: int | None) -> tuple[RankedDocument, ...]:
    """Return documents by their scores, the best first; equal ones in the order in which they were given."""
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return tuple(RankedDocument(index, float(scores[index])) for index in order[:top_n])
