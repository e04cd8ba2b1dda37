"""Tokens of clients: made here, and kept as digests alone."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["digest_of", "new_token"]


def new_token() -> str:
    """Return a new token of 256 random bits."""
    return f"rt_{secrets.token_urlsafe(32)}"


def digest_of(token: str) -> str:
    """Return what is kept of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
