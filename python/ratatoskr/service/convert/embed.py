"""Vectors: one matrix of octets for our own client, and octets a row for those that know only the listed fields."""

from __future__ import annotations

from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.service.convert.codec import beyond, numbers_beyond, refuse
from ratatoskr.service.convert.response import ATTEMPT, COST, NO_USAGE, NOTICE, usage_from_pb, usage_to_pb
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.embed import Embedding, Embeddings
from ratatoskr.types.frozen import replace

__all__ = ["embedding_from_pb", "embedding_to_pb", "embeddings_from_pb", "embeddings_to_pb"]


def answer_info_to_pb(answer: Any) -> pb.AnswerInfo:
    """Return model, provider, usage, attempts, warnings and cost of any answer that has these."""
    return pb.AnswerInfo(
        model=answer.model,
        provider=answer.provider,
        usage=None if answer.usage == NO_USAGE else usage_to_pb(answer.usage, listed=False),
        attempts=[ATTEMPT.to_pb(attempt) for attempt in answer.attempts],
        warnings=[NOTICE.to_pb(notice) for notice in answer.warnings],
        cost=None if getattr(answer, "cost", None) is None else COST.to_pb(answer.cost),
    )


def answer_info_from_pb(info: pb.AnswerInfo) -> dict[str, Any]:
    """Return model, provider, usage, attempts, warnings and cost as the arguments of an answer."""
    return {
        "model": info.model,
        "provider": info.provider,
        "usage": usage_from_pb(info.usage) if info.HasField("usage") else NO_USAGE,
        "attempts": tuple([ATTEMPT.from_pb(attempt) for attempt in info.attempts]),
        "warnings": tuple([NOTICE.from_pb(notice) for notice in info.warnings]),
        **({"cost": COST.from_pb(info.cost)} if info.HasField("cost") else {}),
    }


def _octets(vectors: Any) -> bytes:
    return vectors.astype("<f4", copy=False).tobytes()  # type: ignore[no-any-return]  # an array


def _floats(octets: bytes) -> Any:
    if len(octets) % 4:
        raise InvalidInput(f"values have {len(octets)} bytes, which is not a multiple of 4", field="values")
    import numpy as np  # on use: health and chats need none

    return np.frombuffer(octets, "<f4").astype(np.float32, copy=False)


def embeddings_to_pb(embeddings: Embeddings, *, listed: bool = True) -> pb.EmbedBatchResponse:
    """Return embeddings.

    Args:
        embeddings: of any number of texts.
        listed: whether each row travels by itself, for readers that know only the listed fields.
    """
    vectors = embeddings.vectors
    rows, columns = vectors.shape
    out = pb.EmbedBatchResponse(info=answer_info_to_pb(embeddings))
    try:
        out.truncated = embeddings.truncated
    except (ValueError, OverflowError):
        beyond(out, "truncated", embeddings.truncated)
    try:
        out.cut.extend(embeddings.cut)
    except (ValueError, TypeError) as error:
        raise refuse("cut", embeddings.cut, error) from None
    if listed and rows:
        model = embeddings.model
        octets, width = _octets(vectors), columns * 4
        for start in range(0, rows * width, width) if width else ():
            out.embeddings.add(values=octets[start : start + width], model=model, dimensions=columns)
    else:
        out.matrix.rows, out.matrix.columns, out.matrix.values = rows, columns, _octets(vectors)
    return out


def embeddings_from_pb(message: pb.EmbedBatchResponse) -> Embeddings:
    """Return embeddings; raises `InvalidInput` where the octets are not rows of one length."""
    if message.HasField("matrix"):
        matrix = message.matrix
        values = _floats(matrix.values)
        if matrix.rows * matrix.columns != values.size:
            shape = f"{matrix.rows} x {matrix.columns}"
            raise InvalidInput(f"a matrix of {shape} has {values.size} values", field="matrix")
        vectors = values.reshape(matrix.rows, matrix.columns)
    else:
        rows = [one.values for one in message.embeddings]
        if len({len(row) for row in rows}) > 1:
            raise InvalidInput("the vectors differ in length", field="embeddings")
        vectors = _floats(b"".join(rows)).reshape(len(rows), -1 if rows and rows[0] else 0)
    model = message.embeddings[0].model if message.embeddings else ""
    info = answer_info_from_pb(message.info) if message.HasField("info") else {"model": model}
    found = Embeddings(vectors, truncated=message.truncated, cut=tuple(message.cut), **info)
    return replace(found, **numbers_beyond(message)) if message.HasField("beyond") else found


def embedding_to_pb(embedding: Embedding) -> pb.EmbedResponse:
    """Return one embedding."""
    return pb.EmbedResponse(
        values=_octets(embedding.vectors),
        model=embedding.model,
        dimensions=embedding.dimensions,
        info=answer_info_to_pb(embedding),
        truncated=embedding.truncated,
    )


def embedding_from_pb(message: pb.EmbedResponse) -> Embedding:
    """Return one embedding, of a daemon that knows only the listed fields too."""
    info = answer_info_from_pb(message.info) if message.HasField("info") else {"model": message.model}
    return Embedding(_floats(message.values), truncated=message.truncated, **info)
