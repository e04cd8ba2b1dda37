"""Opaque state for tests."""

from __future__ import annotations

from ratatoskr.types.part import (
    ProviderState,
)

ISSUER = "host/chat_completions/some-model"


def state(data: bytes) -> tuple[ProviderState, ...]:
    return (ProviderState(ISSUER, data),)
