"""Files and folders on disk: atomic writes (temporary file, flush, rename), trusted folders, disk space, digests."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from ratatoskr.errors import ConfigurationError

__all__ = [
    "atomic_write",
    "check_disk_space",
    "check_folder",
    "compute_digest",
    "compute_git_blob_id",
    "is_writable",
    "make_folder",
    "state_folder",
    "sync_folder",
    "write_error",
]

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
        make_folder(path.parent)
        with open(temporary, "xb", opener=_open_unshared) as file:  # Path.open takes no opener
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


def _open_unshared(path: str, flags: int) -> int:
    """Open a file that others cannot write if it is created, whatever the umask is."""
    return os.open(path, flags, 0o644)


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


def state_folder() -> Path:
    """Return the folder of this program's state: `$XDG_STATE_HOME/ratatoskr`; it need not exist.

    A relative path there is ignored, as https://specifications.freedesktop.org/basedir-spec/0.8/ requires.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path(os.path.expanduser("~")) / ".local" / "state"  # noqa: PTH111 - Path.expanduser raises without a home
    return base / "ratatoskr"


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Create a folder and those above it, unless they exist; others can change none of them, whatever the umask is."""
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(mode=mode, exist_ok=True)


def check_folder(path: Path) -> None:
    """Raise `ConfigurationError` if another user can change what is in a folder, or replace it; it need not exist.

    It has to belong to this user or to root. Neither it nor a folder above, by name or behind links, may be writable by
    others, unless its sticky bit keeps them from replacing what is not theirs.
    """
    folder = path.absolute()
    real = folder.resolve()
    for place in dict.fromkeys((folder, *folder.parents, real, *real.parents)):
        try:
            status = place.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigurationError(f"{place} cannot be opened: {error.strerror}") from None
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            raise ConfigurationError(
                f"{place}{_describe(place, path)} can be changed by others "
                f"(mode {stat.S_IMODE(status.st_mode):04o}); run `chmod go-w` on it"
            )
        if place in {folder, real} and status.st_uid not in (os.geteuid(), 0):
            raise ConfigurationError(
                f"{place} belongs to another user (number {status.st_uid}), who can change it; `chown` it to the user "
                "who runs this, or use another folder"
            )


def _describe(place: Path, path: Path) -> str:
    return "" if place == path.absolute() else f", which contains {path.name},"


def is_writable(path: Path) -> bool:
    """Return whether files can be created in a folder, or it can be created; false on a read-only file system."""
    existing = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
