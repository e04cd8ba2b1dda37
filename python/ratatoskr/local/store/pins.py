"""Pins: the digests of files pulled from a hub. Later pulls must match them, also after the model was removed.

There is one file for each model, so that processes that pull different models at once do not overwrite each other's
pins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ratatoskr._files import atomic_write, check_folder
from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.local.store.folder import read_regular_file
from ratatoskr.local.store.manifest import check_digests, folder_name

__all__ = ["read_pins", "write_pins"]


def read_pins(pins: Path, model: str) -> dict[str, str]:
    """Return the pinned digests of a model by file; empty for a model that was never pulled.

    Raises:
        ConfigurationError: the pins cannot be read, or others can change them. Without them any file would be accepted.
    """
    check_folder(pins)
    path = pins / f"{folder_name(model)}.json"
    if not path.exists():
        return {}
    try:
        return check_digests(json.loads(read_regular_file(path)))
    except (ValueError, AttributeError, RecursionError, InvalidInput):
        raise ConfigurationError(
            f"{path} is broken: the files of {model} cannot be checked against those of the first pull"
        ) from None


def write_pins(pins: Path, model: str, digests: Mapping[str, str]) -> None:
    """Record the digests of a model's files, which have been checked against those recorded before."""
    with atomic_write(pins / f"{folder_name(model)}.json") as out:
        out.write(json.dumps(dict(digests), indent=1, sort_keys=True).encode())
