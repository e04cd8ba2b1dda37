"""OpenAI's form, which most hosts have, Voyage's and Jina's with other words: `{model, input}` and `{data: […]}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.usage import Usage
from ratatoskr.wire.embed.vectors import ReceivedVectors, decode_row, in_order, to_vectors
from ratatoskr.wire.json import Count, decode

__all__ = ["decode_response", "encode_request"]


class _Encoded(msgspec.Struct, gc=False):
    embedding: bytes
    index: int | None = None


class _Row(msgspec.Struct, gc=False):
    embedding: msgspec.Raw
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: Count | None = None
    total_tokens: Count | None = None


class _EncodedAnswer(msgspec.Struct):
    data: list[_Encoded]
    model: str = ""
    usage: _Usage | None = None


class _Answer(msgspec.Struct):
    data: list[_Row]
    model: str | None = None
    usage: _Usage | None = None


def encode_request(texts: Sequence[str], model: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request."""
    return {"model": model, "input": list(texts), **members}


def decode_response(body: bytes, count: int) -> ReceivedVectors:
    """Return the vectors of an answer, in the order of the texts.

    Raises:
        MalformedResponse: it is not JSON of this form, or there is not one finite vector for each text.
    """
    answer: _EncodedAnswer | _Answer
    try:
        answer = decode(_EncodedAnswer, body)
        rows: list[Any] = [one.embedding for one in answer.data]
    except MalformedResponse:  # the host sends numbers
        answer = decode(_Answer, body)
        rows = [decode_row(one.embedding, index) for index, one in enumerate(answer.data)]
    vectors = to_vectors(in_order(rows, [one.index for one in answer.data]), count)
    tokens = None
    if answer.usage is not None:
        prompt, total = answer.usage.prompt_tokens, answer.usage.total_tokens
        tokens = prompt if prompt is not None else total
    return ReceivedVectors(vectors, Usage.of_provider(input_tokens=tokens), answer.model or "")
