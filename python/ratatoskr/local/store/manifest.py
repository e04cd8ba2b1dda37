"""What a model's folder in the store says of itself: its name, where it came from, the digest of each file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.local.store.folder import read_regular

__all__ = ["MANIFEST", "checked", "is_asked_for", "place_of", "read_manifest"]

MANIFEST: Final = "manifest.json"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def place_of(name: str) -> str:
    """Return the name of a model's folder; no repository has `--` in its own."""
    return name.replace("/", "--")


def checked(digests: Mapping[str, str]) -> dict[str, str]:
    """Return digests by file name.

    Raises:
        InvalidInput: one is not a SHA-256 in hexadecimal.
    """
    for name, digest in digests.items():
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise InvalidInput(f"the digest of {name} is not a SHA-256 in hexadecimal", field="digests")
    return dict(digests)


def read_manifest(place: Path) -> dict[str, Any]:
    """Return the manifest of a model's folder.

    Raises:
        ConfigurationError: it is not there, or not what a pull writes.
    """
    path = place / MANIFEST
    try:
        manifest = json.loads(read_regular(path))
        fine = bool(checked(manifest["digests"])) and place_of(manifest["name"]) == place.name
        fine = fine and isinstance(manifest["source"], str)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInput):
        fine = False
    if not fine:
        raise ConfigurationError(f"{path} is broken; remove the model and pull it again")
    return dict(manifest)


def is_asked_for(manifest: Mapping[str, Any], digests: Mapping[str, str], revision: str) -> bool:
    """Tell whether what is here is what a pull asks for; a branch is not looked up again."""
    known_as = {"main", manifest.get("revision"), manifest.get("asked")}
    return revision in known_as and digests.items() <= manifest["digests"].items()
