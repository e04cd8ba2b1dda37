"""Reading of files that come from outside: regular files of a limited size, and JSON in them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, Final

from ratatoskr.errors import ConfigurationError

__all__ = ["read_json", "read_object", "read_regular_file", "refuse_pointer"]

_MAX_JSON: Final = 64 * 1024 * 1024
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
"""How a pointer begins (docs/spec.md of github.com/git-lfs/git-lfs, November 2026)."""


def read_regular_file(path: Path, limit: int = _MAX_JSON) -> bytes:
    """Return the content of a regular file of at most `limit` bytes; reading a pipe could block forever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise ConfigurationError(f"{path} is not a regular file of at most {limit} bytes")
        data = file.read()
    refuse_pointer(path, data)
    return data


def refuse_pointer(path: Path, data: memoryview | bytes) -> None:
    """Refuse what a clone without Git LFS holds in place of a large file.

    Raises:
        ConfigurationError: the content of the file is such a pointer.
    """
    if data[: len(_POINTER)] == _POINTER:
        raise ConfigurationError(f"{path} is a pointer of Git LFS, not the file itself: run git lfs pull in its folder")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        ConfigurationError: it cannot be read, or is not JSON.
    """
    try:
        return json.loads(read_regular_file(path))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; an empty one if there is no such file.

    Raises:
        ConfigurationError: it cannot be read, or is not a JSON object.
    """
    if not path.exists():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} is not a JSON object")
    return value
