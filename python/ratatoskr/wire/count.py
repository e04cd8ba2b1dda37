"""What the dialects share when they ask for the number of a request's tokens."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import msgspec

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.dialect import Encoded


def with_members(encoded: Encoded, path: str, members: Collection[str]) -> Encoded:
    """Return a request with another path and those members alone that the address takes."""
    body = {name: value for name, value in encoded.body.items() if name in members}
    return replace(encoded, path=path, body=body)


def read_number(body: bytes, name: str) -> int:
    """Return a whole number from a JSON object.

    Raises:
        MalformedResponse: there is none of this name.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise MalformedResponse("the count of tokens is not JSON") from None
    found = value.get(name) if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise MalformedResponse(f"the count of tokens has no whole number {name}")
    return found
