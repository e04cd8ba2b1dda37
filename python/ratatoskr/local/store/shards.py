"""Weights in several files, as `model.safetensors.index.json` lists them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.read import read_object

__all__ = ["INDEX", "combine_digests", "list_weights_digests", "read_shards"]

INDEX: Final = "model.safetensors.index.json"
_NAME: Final = re.compile(r"(?!\.)[\w.-]{1,100}\.safetensors", re.ASCII)


def read_shards(index: Path) -> tuple[Path, ...]:
    """Return the paths of the files that an index lists, in order of their names.

    Raises:
        ConfigurationError: it is invalid, or names a file outside of its folder.
    """
    places = read_object(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise ConfigurationError(f"{index}: weight_map must give a file for each tensor")
    names = sorted({*places.values()})
    if wrong := [name for name in names if not _NAME.fullmatch(name)]:
        raise ConfigurationError(f"{index}: {wrong[0]!r:.80} is not the name of a file of weights beside it")
    return tuple(index.parent / name for name in names)


def combine_digests(digests: Sequence[str]) -> str:
    """Return the digest of weights from those of their files, in order; that of one file is the file's own."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def list_weights_digests(digests: Mapping[str, str]) -> Iterator[str]:
    """Yield the digests of all weights of a model from those of its files: graphs are built from each of them."""
    for name, digest in digests.items():
        folder, _, file = name.rpartition("/")
        if file == "model.safetensors":
            yield digest
        elif file == INDEX:
            beside = sorted(other for other in digests if other.rpartition("/")[0] == folder)
            yield combine_digests([digests[other] for other in beside if other.endswith(".safetensors")])
