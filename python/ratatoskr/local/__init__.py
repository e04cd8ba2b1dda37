"""Models in this process: the store, the engine, the devices. What it needs beyond the package is imported on use."""

from ratatoskr.local.device import Device
from ratatoskr.local.embed import LocalEmbedder
from ratatoskr.local.runtime import LocalModels
from ratatoskr.local.store import ModelStore, Progress, StoredModel

__all__ = ["Device", "LocalEmbedder", "LocalModels", "ModelStore", "Progress", "StoredModel"]
