"""A provider's own list of models."""

from __future__ import annotations

import msgspec

from ratatoskr.types.model import ModelInfo
from ratatoskr.wire.json import decode


class _Listed(msgspec.Struct):
    id: str = ""
    name: str = ""
    context_length: int | None = None


class _Models(msgspec.Struct):
    data: list[_Listed] = []
    models: list[_Listed] = []


def parse_model_list(provider: str, body: bytes, shape: str) -> list[ModelInfo]:
    """Return a provider's list of models; raises `MalformedResponse` for anything else."""
    found = decode(_Models, body)
    names = (
        [(m.id, m.context_length) for m in found.data]
        if shape == "data"
        else [(m.name.removeprefix("models/"), m.context_length) for m in found.models]
    )
    return [ModelInfo(f"{provider}:{name}", provider, name, context_window=window) for name, window in names if name]
