"""OpenAI's form, which most hosts have, Voyage's and Jina's with other words: `{model, input}` and `{data: […]}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ratatoskr.types.attempt import Notice
from ratatoskr.types.usage import Usage
from ratatoskr.wire.embed.shapes import EmbeddingList, EncodedList
from ratatoskr.wire.embed.vectors import ReceivedVectors, decode_minor, decode_row, in_order, to_vectors

__all__ = ["decode_response", "encode_request"]

_ENCODED: Final[msgspec.json.Decoder[EncodedList]] = msgspec.json.Decoder(EncodedList)
"""Reads what is asked for, in one step; whatever differs is read with more care."""


def encode_request(texts: Sequence[str], model: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request."""
    return {"model": model, "input": list(texts), **members}


def decode_response(body: bytes, count: int) -> ReceivedVectors:
    """Return the vectors of an answer, in the order of the texts.

    Raises:
        MalformedResponse: it is not JSON of this form, or there is not one finite vector for each text.
    """
    answer: EncodedList | EmbeddingList
    notices: tuple[Notice, ...] = ()
    try:
        answer = encoded = _ENCODED.decode(body)
        rows: list[Any] = [one.embedding for one in encoded.data]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # numbers, or something odd
        answer, notices = decoded = decode_minor(EmbeddingList, body)
        rows = [decode_row(one.embedding, index) for index, one in enumerate(decoded[0].data)]
    vectors = to_vectors(in_order(rows, [one.index for one in answer.data]), count)
    tokens = None
    if answer.usage is not None:
        prompt, total = answer.usage.prompt_tokens, answer.usage.total_tokens
        tokens = prompt if prompt is not None else total
    return ReceivedVectors(vectors, Usage.of_provider(input_tokens=tokens), answer.model or "", notices)
