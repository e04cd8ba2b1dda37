"""Signatures of the records of built graphs: an HMAC with a key that this user alone can read."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ratatoskr._files import check_folder, make_folder, state_folder
from ratatoskr.errors import ConfigurationError

__all__ = ["is_signed", "key_path", "read_key", "sign"]

_SIGNATURE: Final = "signature"
_KEY_SIZE: Final = 32


def key_path() -> Path:
    """Return the file of the user's key, which is in the folder of the program's state."""
    return state_folder() / "graphs.key"


def sign(record: Mapping[str, Any], name: str, key: bytes) -> dict[str, Any]:
    """Return the record of a graph with its signature, which holds for the graph of this name alone."""
    return {**record, _SIGNATURE: _compute_signature(record, name, key)}


def is_signed(record: Mapping[str, Any], name: str) -> bool:
    """Return whether the record of a graph carries the signature of this user; false if the user has no key.

    Raises:
        ConfigurationError: other users can read the key, or it is damaged.
    """
    key = read_key()
    rest = {field: value for field, value in record.items() if field != _SIGNATURE}
    given = str(record.get(_SIGNATURE)).encode()
    return key is not None and hmac.compare_digest(given, _compute_signature(rest, name, key).encode())


def _compute_signature(record: Mapping[str, Any], name: str, key: bytes) -> str:
    message = json.dumps([name, record], sort_keys=True).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def read_key(*, create: bool = False) -> bytes | None:
    """Return the user's key; `None` if there is none and none is created, or others could replace it.

    Args:
        create: whether to create one if there is none and the folder of the state can be written.

    Raises:
        ConfigurationError: other users can read the key, or it is damaged.
    """
    path = key_path()
    try:
        check_folder(path.parent)
    except ConfigurationError:
        return None
    for _ in range(2):
        with suppress(FileNotFoundError, NotADirectoryError):
            return _read(path)
        if not create or not _create(path):
            return None
    return None


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        key = os.read(descriptor, _KEY_SIZE + 1) if stat.S_ISREG(status.st_mode) else b""
    finally:
        os.close(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or len(key) != _KEY_SIZE:
        del key
        raise ConfigurationError(
            f"{path} is not a key that you alone can read; remove it, and graphs of local models are built again"
        )
    return key


def _create(path: Path) -> bool:
    """Create the key, complete when it appears under its name, and return whether that was possible.

    If two processes create it at once, the later key stays, and a graph signed with the other is built again.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        make_folder(path.parent, 0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(_KEY_SIZE))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True
