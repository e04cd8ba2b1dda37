"""A provider's own list of models."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.model import ModelInfo
from ratatoskr.wire.json import Count, decode_answer

_MINOR = frozenset({"context_length", "max_input_tokens", "inputTokenLimit"})


class _Model(msgspec.Struct):
    id: str = ""
    name: str = ""
    context_length: Count | None = None  # of OpenRouter
    max_input_tokens: Count | None = None  # platform.claude.com/docs/en/api/models-list, 2026-11
    inputTokenLimit: Count | None = None  # noqa: N815  # ai.google.dev/api/models, 2026-11

    @property
    def context(self) -> int | None:
        return self.context_length or self.max_input_tokens or self.inputTokenLimit


class _ModelList(msgspec.Struct):
    data: list[_Model] | UnsetType = UNSET
    models: list[_Model] | UnsetType = UNSET


def parse_model_list(provider: str, body: bytes, shape: Literal["data", "models"]) -> list[ModelInfo]:
    """Return a provider's list of models; raises `MalformedResponse` for anything else.

    Args:
        provider: its name, the prefix of the models' ids.
        body: the JSON text.
        shape: the member that holds the list: `data` with an `id` per model, or `models` with a `name`.
    """
    listed = decode_answer(_ModelList, body, _MINOR, [])
    models = listed.data if shape == "data" else listed.models
    if isinstance(models, UnsetType):
        raise MalformedResponse(f"unexpected shape: a list of models without {shape!r}")
    names = [(model.id if shape == "data" else model.name.removeprefix("models/"), model.context) for model in models]
    return [ModelInfo(f"{provider}:{name}", provider, name, context_window=window) for name, window in names if name]
