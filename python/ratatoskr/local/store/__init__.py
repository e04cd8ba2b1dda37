"""Models on disk: the catalogue, downloads, and digests that are checked on every load."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ratatoskr.local.store.progress import PullProgress
    from ratatoskr.local.store.store import ModelStore, StoredModel

__all__ = ["ModelStore", "PullProgress", "StoredModel"]

_MODULES = {
    "ModelStore": "ratatoskr.local.store.store",
    "PullProgress": "ratatoskr.local.store.progress",
    "StoredModel": "ratatoskr.local.store.store",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_MODULES[name]), name)
    return value
