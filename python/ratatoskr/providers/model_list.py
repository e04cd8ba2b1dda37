"""A provider's own list of models."""

from __future__ import annotations

from typing import Literal

import msgspec

from ratatoskr.types.model import ModelInfo
from ratatoskr.wire.json import decode


class _Model(msgspec.Struct):
    id: str = ""
    name: str = ""
    context_length: int | None = None


class _ModelList(msgspec.Struct):
    data: list[_Model] = []
    models: list[_Model] = []


def parse_model_list(provider: str, body: bytes, shape: Literal["data", "models"]) -> list[ModelInfo]:
    """Return a provider's list of models; raises `MalformedResponse` for anything else.

    Args:
        provider: its name, the prefix of the models' ids.
        body: the JSON text.
        shape: the member that holds the list: `data` with an `id` per model, or `models` with a `name`.
    """
    listed = decode(_ModelList, body)
    if shape == "data":
        names = [(model.id, model.context_length) for model in listed.data]
    else:
        names = [(model.name.removeprefix("models/"), model.context_length) for model in listed.models]
    return [ModelInfo(f"{provider}:{name}", provider, name, context_window=window) for name, window in names if name]
