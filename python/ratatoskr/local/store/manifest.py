"""The manifest of a model's folder in the store: the model's name, its source, and the digest of each file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.local.store.folder import read_regular_file
from ratatoskr.types.visible import quote

__all__ = ["MANIFEST", "check_digests", "folder_name", "matches_request", "read_manifest"]

MANIFEST: Final = "manifest.json"
_FILE: Final = re.compile(r"(?!.*\.\.)[\w.-]{1,100}(/[\w.-]{1,100}){0,3}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def folder_name(model: str) -> str:
    """Return the name of a model's folder; no repository has `--` in its name."""
    return model.replace("/", "--")


def check_digests(digests: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of digests by file name.

    Raises:
        InvalidInput: a digest is not a SHA-256 in hexadecimal, or a name not that of a file below the model's folder.
    """
    for name, digest in digests.items():
        if not isinstance(name, str) or not _FILE.fullmatch(name):
            raise InvalidInput(f"{quote(name)} is not the name of a file of a model", field="digests")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise InvalidInput(f"the digest of {name} is not a SHA-256 in hexadecimal", field="digests")
    return dict(digests)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a model's folder.

    Raises:
        ConfigurationError: it is missing, or not what a pull writes.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(read_regular_file(path))
        valid = bool(check_digests(manifest["digests"])) and folder_name(manifest["name"]) == folder.name
        valid = valid and isinstance(manifest["source"], str)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidInput):
        valid = False
    if not valid:
        raise ConfigurationError(f"{path} is broken; remove the model and pull it again")
    return dict(manifest)


def matches_request(manifest: Mapping[str, Any], digests: Mapping[str, str], revision: str) -> bool:
    """Return whether the stored model is what a pull asks for; a branch is not resolved again."""
    revisions = {"main", manifest.get("revision"), manifest.get("asked")}
    return revision in revisions and digests.items() <= manifest["digests"].items()
