"""`POST /v1/messages/count_tokens` (platform.claude.com/docs/en/api/messages-count-tokens, November 2026)."""

from __future__ import annotations

from ratatoskr.wire.count import read_number, with_members
from ratatoskr.wire.dialect import Encoded, Target

_MEMBERS = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}
)


def encode_count(encoded: Encoded, target: Target) -> Encoded:
    """Return the request that counts the tokens of a chat request."""
    return with_members(encoded, f"{encoded.path}/count_tokens", _MEMBERS)


def decode_count(body: bytes) -> int:
    """Return the number; raises `MalformedResponse`."""
    return read_number(body, "input_tokens")
