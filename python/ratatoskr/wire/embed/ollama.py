"""Ollama's form: `{model, input}` and `{embeddings: [[…]]}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratatoskr.types.usage import Usage
from ratatoskr.wire.embed.shapes import EmbedResponse
from ratatoskr.wire.embed.vectors import ReceivedVectors, decode_minor, to_vectors

__all__ = ["decode_response", "encode_request"]


def encode_request(texts: Sequence[str], model: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request."""
    return {"model": model, "input": list(texts), **members}


def decode_response(body: bytes, count: int) -> ReceivedVectors:
    """Return the vectors of an answer.

    Raises:
        MalformedResponse: it is not JSON of this form, or there is not one finite vector for each text.
    """
    answer, notices = decode_minor(EmbedResponse, body)
    usage = Usage.of_provider(input_tokens=answer.prompt_eval_count)
    return ReceivedVectors(to_vectors(answer.embeddings, count), usage, answer.model or "", notices)
