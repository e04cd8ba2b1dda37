"""Google's form: `batchEmbedContents` with one request a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratatoskr.types.usage import Usage
from ratatoskr.wire.embed.shapes import BatchEmbedContentsResponse
from ratatoskr.wire.embed.vectors import ReceivedVectors, decode_minor, to_vectors

__all__ = ["decode_response", "encode_request"]


def encode_request(texts: Sequence[str], model: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request."""
    name = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    return {"requests": [{"model": name, "content": {"parts": [{"text": text}]}, **members} for text in texts]}


def decode_response(body: bytes, count: int) -> ReceivedVectors:
    """Return the vectors of an answer.

    Raises:
        MalformedResponse: it is not JSON of this form, or there is not one finite vector for each text.
    """
    answer, notices = decode_minor(BatchEmbedContentsResponse, body)
    usage = answer.usage_metadata
    tokens = None if usage is None else usage.prompt_token_count or usage.total_token_count
    vectors = to_vectors([one.values for one in answer.embeddings], count)
    return ReceivedVectors(vectors, Usage.of_provider(input_tokens=tokens), notices=notices)
