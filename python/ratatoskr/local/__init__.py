"""Models that run in this process: the store, the engine, and the devices."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratatoskr.local.classify import LocalClassifier
    from ratatoskr.local.embed import LocalEmbedder
    from ratatoskr.local.engine.device import Device
    from ratatoskr.local.engine.pool import ModelPool
    from ratatoskr.local.nli import LocalNli
    from ratatoskr.local.rerank import LocalReranker
    from ratatoskr.local.store.progress import PullProgress
    from ratatoskr.local.store.store import ModelStore, StoredModel
    from ratatoskr.local.tokens import TokenizerRegistry

__all__ = [
    "Device",
    "LocalClassifier",
    "LocalEmbedder",
    "LocalNli",
    "LocalReranker",
    "ModelPool",
    "ModelStore",
    "PullProgress",
    "StoredModel",
    "TokenizerRegistry",
]

_MODULES = {
    "Device": "ratatoskr.local.engine.device",
    "LocalClassifier": "ratatoskr.local.classify",
    "LocalEmbedder": "ratatoskr.local.embed",
    "LocalNli": "ratatoskr.local.nli",
    "LocalReranker": "ratatoskr.local.rerank",
    "ModelPool": "ratatoskr.local.engine.pool",
    "ModelStore": "ratatoskr.local.store.store",
    "PullProgress": "ratatoskr.local.store.progress",
    "StoredModel": "ratatoskr.local.store.store",
    "TokenizerRegistry": "ratatoskr.local.tokens",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_MODULES[name]), name)
    return value
