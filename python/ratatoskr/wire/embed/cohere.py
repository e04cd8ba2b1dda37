"""Cohere's form: `{model, texts, input_type, embedding_types}` and `{embeddings: {base64: […]}}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.usage import Usage
from ratatoskr.wire.embed.shapes import EmbedByTypeResponse
from ratatoskr.wire.embed.vectors import ReceivedVectors, decode_minor, to_vectors

__all__ = ["decode_response", "encode_request"]


def encode_request(texts: Sequence[str], model: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request."""
    return {"model": model, "texts": list(texts), **members}


def decode_response(body: bytes, count: int) -> ReceivedVectors:
    """Return the vectors of an answer.

    Raises:
        MalformedResponse: it is not JSON of this form, or there is not one finite vector for each text.
    """
    answer, notices = decode_minor(EmbedByTypeResponse, body)
    found = answer.embeddings.base64 if answer.embeddings.base64 is not None else answer.embeddings.floats
    if found is None:
        raise MalformedResponse("the answer has no vectors of float32")
    billed = answer.meta.billed_units if answer.meta is not None else None
    usage = Usage.of_provider(input_tokens=billed.input_tokens if billed is not None else None)
    return ReceivedVectors(to_vectors(found, count), usage, notices=notices)
