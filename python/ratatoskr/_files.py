"""Files that are whole or not there: written beside their place, flushed, renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from ratatoskr.errors import ConfigurationError

__all__ = ["atomic_write", "check_room", "digest_of", "git_digest_of", "sync_folder"]

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only when the block ends without an error.

    Its temporary name is this process's alone, so that several may write the same file at once.

    Raises:
        ConfigurationError: the folder cannot be written, or is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> ConfigurationError:
    """Return what a person can act on."""
    if error.errno in _FULL:
        return ConfigurationError(f"no space left for {path}")
    return ConfigurationError(f"{path} cannot be written: {error.strerror or error}")


def sync_folder(path: Path) -> None:
    """Flush a folder, so that a rename in it outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_room(path: Path, size: int) -> None:
    """Look whether a file fits, with a tenth to spare.

    Raises:
        ConfigurationError: it does not; the message says how much is needed.
    """
    wanted = size + size // 10
    folder = next(parent for parent in (path, *path.parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise ConfigurationError(f"{path} needs {wanted} bytes, and {free} are free")


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_digest_of(path: Path) -> str:
    """Return the name that git gives a file's bytes, which is what a hub tells of small files."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
