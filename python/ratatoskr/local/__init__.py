"""Models in this process: the store, the engine, the devices. What it needs beyond the package is imported on use."""

from ratatoskr.local.embed import LocalEmbedder
from ratatoskr.local.engine.device import Device
from ratatoskr.local.engine.pool import ModelPool
from ratatoskr.local.store.store import ModelStore, Progress, StoredModel

__all__ = ["Device", "LocalEmbedder", "ModelPool", "ModelStore", "Progress", "StoredModel"]
