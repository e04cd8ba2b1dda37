"""Atomic writes (a temporary file, flushed, then renamed), disk space, and digests of files."""

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

__all__ = ["atomic_write", "check_disk_space", "compute_digest", "compute_git_blob_id", "sync_folder", "write_error"]

_DISK_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when the block ends without an error.

    Its temporary name is unique, so that several processes may write the same file at once.

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
        raise write_error(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_error(path: Path, error: OSError) -> ConfigurationError:
    """Return the error for a failed write to `path`."""
    if error.errno in _DISK_FULL:
        return ConfigurationError(f"no space left for {path}")
    return ConfigurationError(f"{path} cannot be written: {error.strerror or error}")


def sync_folder(path: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_disk_space(path: Path, size: int) -> None:
    """Check that a file of `size` bytes fits on the disk, with a tenth to spare.

    Raises:
        ConfigurationError: it does not fit; the message says how much is needed.
    """
    needed = size + size // 10
    folder = next(parent for parent in (path, *path.parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigurationError(f"{path} needs {needed} bytes, and {free} are free")


def compute_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compute_git_blob_id(path: Path) -> str:
    """Return the id of a file's content as a git blob, which is the digest that a hub lists for small files."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
