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
from ratatoskr.local.store.folder import ModelFolder, read_regular_file
from ratatoskr.local.store.manifest import check_digests, folder_name

__all__ = ["check_all_weights", "check_any_weights", "read_pins", "write_pins"]


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


def check_any_weights(model: str, expected: Mapping[str, str]) -> None:
    """Check, before anything is fetched, that there is a digest of weights.

    Raises:
        ConfigurationError: there is none.
    """
    if not any(file.endswith((".safetensors", ".onnx")) for file in expected):
        text = f"no digest of the weights of {model} is known: give digests= or allow_unpinned=True"
        raise ConfigurationError(text, model=model)


def check_all_weights(folder: ModelFolder, expected: Mapping[str, str]) -> None:
    """Check that there was a digest of each file of the transformer's weights.

    Raises:
        ConfigurationError: there was none of one of them.
    """
    graph = () if folder.graph is None else (folder.graph,)
    files = [folder.relative(path) for path in (*folder.shards, *graph, *folder.list_graph_data())]
    if missing := [file for file in files if file not in expected]:
        text = f"no digest of {', '.join(missing)} is known: give digests= of all weights, or allow_unpinned=True"
        raise ConfigurationError(text, model=folder.name)
