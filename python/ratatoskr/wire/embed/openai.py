"""OpenAI's form, which most hosts have, Voyage's and Jina's with other words: `{model, input}` and `{data: […]}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ratatoskr import _core
from ratatoskr.types.usage import Usage
from ratatoskr.wire.embed.shapes import EmbeddingList
from ratatoskr.wire.embed.vectors import ReceivedVectors, decode_minor, decode_row, in_order, to_vectors

__all__ = ["READS_HELD_BODY", "decode_response", "encode_request"]

READS_HELD_BODY: Final = True
"""`decode_response` reads a body as the transport holds it, without a copy as `bytes`."""


def encode_request(texts: Sequence[str], model: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request."""
    return {"model": model, "input": list(texts), **members}


def decode_response(body: bytes | _core.Body, count: int) -> ReceivedVectors:
    """Return the vectors of an answer, in the order of the texts.

    Raises:
        MalformedResponse: it is not JSON of this form, or there is not one finite vector for each text.
    """
    if (plain := _core.decode_vectors(body, count)) is not None:
        vectors, model, tokens = plain
        return ReceivedVectors(vectors, Usage.of_provider(input_tokens=tokens), model or "")
    answer, notices = decode_minor(EmbeddingList, bytes(body))
    rows: list[Any] = [decode_row(one.embedding, index) for index, one in enumerate(answer.data)]
    vectors = to_vectors(in_order(rows, [one.index for one in answer.data]), count)
    tokens = None
    if answer.usage is not None:
        prompt, total = answer.usage.prompt_tokens, answer.usage.total_tokens
        tokens = prompt if prompt is not None else total
    return ReceivedVectors(vectors, Usage.of_provider(input_tokens=tokens), answer.model or "", notices)
