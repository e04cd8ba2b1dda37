"""`POST …/models/MODEL:countTokens` (ai.google.dev/api/tokens, November 2026)."""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.wire.count import read_number
from ratatoskr.wire.dialect import Encoded, Target


def encode_count(encoded: Encoded, target: Target) -> Encoded:
    """Return the request that counts the tokens of a chat request."""
    model = f"models/{target.model.removeprefix('models/')}"
    path = encoded.path.rpartition(":")[0] + ":countTokens"
    return replace(encoded, path=path, body={"generateContentRequest": {"model": model, **encoded.body}})


def decode_count(body: bytes) -> int:
    """Return the number; raises `MalformedResponse`."""
    return read_number(body, "totalTokens")
