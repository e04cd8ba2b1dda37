"""Reranking: a query and documents go out, indices with scores come back, in Cohere's, Voyage's or TEI's form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.rerank import RankedDocument
from ratatoskr.types.usage import Usage
from ratatoskr.wire.json import Count, decode

__all__ = ["ReceivedRanking", "decode_ranking"]


class _RerankResult(msgspec.Struct, gc=False):
    index: int
    relevance_score: float | None = None
    score: float | None = None


class _RerankUsage(msgspec.Struct):
    prompt_tokens: Count | None = None
    total_tokens: Count | None = None


class _RerankBilled(msgspec.Struct):
    input_tokens: Count | None = None


class _RerankMeta(msgspec.Struct):
    billed_units: _RerankBilled | None = None


class _RerankAnswer(msgspec.Struct):
    results: list[_RerankResult] | None = None
    data: list[_RerankResult] | None = None
    model: str | None = None
    usage: _RerankUsage | None = None
    meta: _RerankMeta | None = None


@dataclass(frozen=True, slots=True)
class ReceivedRanking:
    """What an answer holds: the documents, the most relevant first, tokens, and the model's name."""

    documents: tuple[RankedDocument, ...]
    usage: Usage = Usage()
    model: str = ""


def decode_ranking(body: bytes, count: int, wanted: int) -> ReceivedRanking:
    """Return the ranking of an answer.

    Args:
        body: the JSON.
        count: the number of documents that were sent.
        wanted: the number that were asked for.

    Raises:
        MalformedResponse: it is not JSON of a known form, an index is no document's or given twice, a score is not
            finite, or fewer documents came than were asked for.
    """
    if body.lstrip()[:1] == b"[":
        answer = _RerankAnswer(results=decode(list[_RerankResult], body))
    else:
        answer = decode(_RerankAnswer, body)
    rows = answer.results if answer.results is not None else answer.data
    if rows is None:
        raise MalformedResponse("the answer has neither results nor data")
    return ReceivedRanking(_rank(rows, count, wanted), _usage_of(answer), answer.model or "")


def _rank(rows: Sequence[_RerankResult], count: int, wanted: int) -> tuple[RankedDocument, ...]:
    seen = set[int]()
    documents = []
    for row in rows:
        score = row.relevance_score if row.relevance_score is not None else row.score
        if not 0 <= row.index < count or row.index in seen:
            raise MalformedResponse(f"the index {row.index} is no document's, or given twice")
        if score is None or not math.isfinite(score):
            raise MalformedResponse(f"the score of document {row.index} is not a finite number")
        seen.add(row.index)
        documents.append(RankedDocument(row.index, float(score)))
    if len(documents) < wanted:
        raise MalformedResponse(f"{wanted} documents were asked for, and {len(documents)} came")
    documents.sort(key=lambda one: -one.score)  # stable: equal ones stay as they came
    return tuple(documents[:wanted])


def _usage_of(answer: _RerankAnswer) -> Usage:
    if answer.usage is not None:
        prompt, total = answer.usage.prompt_tokens, answer.usage.total_tokens
        return Usage.of_provider(input_tokens=prompt if prompt is not None else total)
    billed = answer.meta.billed_units if answer.meta is not None else None
    return Usage.of_provider(input_tokens=billed.input_tokens if billed is not None else None)
