"""Vectors as the APIs send them: base64 of float32, or JSON numbers; checked, and in the order of the texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.attempt import Notice
from ratatoskr.types.usage import Usage
from ratatoskr.wire.json import decode_answer

if TYPE_CHECKING:
    from ratatoskr.types.embed import Floats

__all__ = ["ReceivedVectors", "check_count", "decode_minor", "decode_row", "in_order", "to_vectors"]


T = TypeVar("T")
_MINOR: Final = frozenset({"meta", "model", "prompt_eval_count", "usage", "usageMetadata"})
"""Members without which an answer is still complete."""


@dataclass(frozen=True, slots=True)
class ReceivedVectors:
    """What an answer holds.

    Attributes:
        vectors: float32, one row a text; for a host that returns the states of tokens, one array a text.
        usage: tokens, where the host counts them.
        model: the model's name as the answer has it.
        notices: what was left out because it has an unexpected form.
    """

    vectors: Any
    usage: Usage = Usage()
    model: str = ""
    notices: tuple[Notice, ...] = ()


def decode_minor(shape: type[T], body: bytes) -> tuple[T, tuple[Notice, ...]]:
    """Return an answer as a struct, without tokens and names of an unexpected form, and a notice for each of them.

    Raises:
        MalformedResponse: it is not JSON of the shape.
    """
    notices: list[Notice] = []
    answer = decode_answer(shape, body, _MINOR, notices)
    return answer, tuple(notices)


def to_vectors(rows: Sequence[bytes | list[float]], count: int) -> Floats:
    """Return one array of float32.

    Args:
        rows: each the bytes of float32 numbers, little-endian, or a list of numbers.
        count: the number of texts.

    Raises:
        MalformedResponse: there is not one vector for each text, they are of different sizes or empty, or one is not
            finite; the message names the text's index.
    """
    import numpy as np

    check_count(len(rows), count)
    if not rows:
        return np.empty((0, 0), np.float32)
    is_bytes = isinstance(rows[0], bytes)
    size = len(rows[0])
    for index, row in enumerate(rows):
        if isinstance(row, bytes) != is_bytes or len(row) != size:
            raise MalformedResponse(f"the vector of text {index} has another size than that of text 0")
    if not size or (is_bytes and size % 4):
        raise MalformedResponse(f"a vector of {size} bytes is not one of float32 numbers" if size else "empty vectors")
    if is_bytes:
        joined = np.frombuffer(b"".join(rows), "<f4")  # type: ignore[arg-type]  # all are bytes
        vectors = joined.astype(np.float32, copy=False).reshape(count, size // 4)
    else:
        with np.errstate(over="ignore"):
            vectors = np.array(rows, np.float32)
    check_finite(vectors)
    return vectors


def check_count(found: int, count: int) -> None:
    """Raise `MalformedResponse` unless there is one vector for each text."""
    if found != count:
        raise MalformedResponse(f"{count} texts got {found} vectors")


def check_finite(vectors: Floats) -> None:
    """Raise `MalformedResponse` if a number is infinite or not a number; the message names the text's index."""
    import numpy as np

    # A sum is finite only if all numbers are; a sum of finite ones may overflow, which the second look decides.
    if not np.isfinite(vectors.sum()):
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise MalformedResponse(f"the vector of text {int(bad[0])} is not finite")


def in_order(rows: Sequence[Any], places: Sequence[int | None]) -> list[Any]:
    """Return rows in the order of their places; those of an API without places are in order already.

    Raises:
        MalformedResponse: a place is missing, given twice or beyond the number of rows.
    """
    if all(place is None for place in places) or list(places) == list(range(len(rows))):
        return list(rows)
    ordered: list[Any] = [None] * len(rows)
    seen = set[int]()
    for row, place in zip(rows, places, strict=True):
        if place is None or not 0 <= place < len(rows) or place in seen:
            raise MalformedResponse(f"the index {place} of a vector is missing, given twice, or no text's")
        seen.add(place)
        ordered[place] = row
    return ordered


def decode_row(raw: msgspec.Raw, index: int) -> bytes | list[float]:
    """Return a vector that is base64 or a list of numbers.

    Raises:
        MalformedResponse: it is neither.
    """
    data = bytes(raw)
    try:
        if data.startswith(b'"'):
            return msgspec.json.decode(data, type=bytes)
        return msgspec.json.decode(data, type=list[float])
    except msgspec.ValidationError as error:
        raise MalformedResponse(f"the vector of text {index} is neither base64 nor numbers: {error}") from None
