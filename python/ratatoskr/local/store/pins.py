"""Digests of what was ever pulled from a hub: they hold ever after, also once the model is removed.

A file for each model, so that processes that pull different ones at once do not undo one another's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ratatoskr._files import atomic_write
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.local.store.folder import read_regular
from ratatoskr.local.store.manifest import checked, place_of

__all__ = ["pinned", "write_pins"]


def pinned(folder: Path, name: str) -> dict[str, str]:
    """Return what a model's files have to be, by file; nothing for one that was never pulled.

    Raises:
        ConfigurationError: what is known cannot be read: to go on without would be to believe whatever comes.
    """
    path = folder / f"{place_of(name)}.json"
    if not path.exists():
        return {}
    try:
        return checked(json.loads(read_regular(path)))
    except (ValueError, AttributeError, InvalidInput):
        raise ConfigurationError(f"{path} is broken; without it, what comes cannot be told from what came") from None


def write_pins(folder: Path, name: str, digests: Mapping[str, str]) -> None:
    """Remember what came; it was what it had to be, or the caller has said otherwise."""
    with atomic_write(folder / f"{place_of(name)}.json") as out:
        out.write(json.dumps(dict(digests), indent=1, sort_keys=True).encode())
