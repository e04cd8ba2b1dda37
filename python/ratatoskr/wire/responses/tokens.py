"""`POST /responses/input_tokens` (platform.openai.com/docs/api-reference/responses/input-tokens, November 2026)."""

from __future__ import annotations

from ratatoskr.wire.count import read_number, with_members
from ratatoskr.wire.dialect import Encoded, Target

_MEMBERS = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "truncation"}
)


def encode_count(encoded: Encoded, target: Target) -> Encoded:
    """Return the request that counts the tokens of a chat request."""
    return with_members(encoded, f"{encoded.path}/input_tokens", _MEMBERS)


def decode_count(body: bytes) -> int:
    """Return the number; raises `MalformedResponse`."""
    return read_number(body, "input_tokens")
