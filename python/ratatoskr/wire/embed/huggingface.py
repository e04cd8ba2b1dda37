"""Hugging Face's feature extraction: `{inputs}`, and numbers in two or three axes without any name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.embed.vectors import ReceivedVectors, check_count, to_vectors
from ratatoskr.wire.json import decode

__all__ = ["decode_response", "encode_request"]


def encode_request(texts: Sequence[str], model: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request; the model is in its path."""
    return {"inputs": list(texts), **members}


def decode_response(body: bytes, count: int) -> ReceivedVectors:
    """Return the vectors of an answer, or the states of each text's tokens as arrays of two axes.

    Servers that pool return a vector for each text; transformers' pipeline returns the states of tokens, within one
    more pair of brackets in some versions. A single text's vector may come without the brackets of the list.

    Raises:
        MalformedResponse: it is not JSON of this form, or there is not one for each text.
    """
    depth = _depth(body)
    if depth == 1 and count == 1:
        return ReceivedVectors(to_vectors([decode(list[float], body)], 1))
    if depth == 2:
        return ReceivedVectors(to_vectors(decode(list[list[float]], body), count))
    if depth == 3:
        texts = decode(list[list[list[float]]], body)
    elif depth == 4:
        nested = decode(list[list[list[list[float]]]], body)
        texts = [one[0] if len(one) == 1 else [] for one in nested]
    else:
        raise MalformedResponse(f"numbers in {depth} axes are neither vectors nor states of tokens")
    check_count(len(texts), count)
    return ReceivedVectors([to_vectors(states, len(states)) for states in texts])


def _depth(body: bytes) -> int:
    """Return the number of brackets that the body begins with."""
    start = body[:64].translate(None, b" \t\r\n")
    return len(start) - len(start.lstrip(b"["))
