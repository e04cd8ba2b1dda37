"""Files that hold secrets, which are read only if other users can neither read nor change them."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from pathlib import Path

from ratatoskr._files import check_folder
from ratatoskr.errors import ConfigurationError
from ratatoskr.types.secret import Secret

__all__ = ["read_private"]


def read_private(path: Path, max_bytes: int, advice: str) -> Secret | None:
    """Return the text of a file; `None` if there is none. The checks are made on the open file, not on its name.

    Args:
        path: of the file.
        max_bytes: the most that it may have.
        advice: what to do about a larger one.

    Raises:
        ConfigurationError: other users can read or change it, it is not a regular file or has a second name, or it is
            too large.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        what = "is a symbolic link; put the file itself there" if error.errno == errno.ELOOP else "cannot be opened"
        why = "" if error.errno == errno.ELOOP else f" ({os.strerror(error.errno or 0)})"
        raise ConfigurationError(f"{path} {what}{why}") from None
    try:
        _check_file(path, os.fstat(fd))
        check_folder(path.parent)
        data = os.read(fd, max_bytes + 1)
    finally:
        os.close(fd)
    if len(data) > max_bytes:
        del data
        raise ConfigurationError(f"{path} is larger than {max_bytes // 1024} KiB; {advice}")
    return Secret(data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape"))


def _check_file(path: Path, status: os.stat_result) -> None:
    """Raise `ConfigurationError` for a file that other users can read or change, or that has a second name."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is not a regular file")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(f"{path} belongs to another user; `chown` it to the user who runs this")
    mode = stat.S_IMODE(status.st_mode)
    # systemd passes credentials to a service as files of root with mode 0440: https://systemd.io/CREDENTIALS/
    by_systemd = status.st_uid == 0 and mode == 0o440 and _is_credential(path)
    if mode & 0o077 and not by_systemd:
        raise ConfigurationError(f"{path} has mode {mode:04o}, so other users can access it; run `chmod 600` on it")
    if status.st_nlink != 1:
        raise ConfigurationError(f"{path} has {status.st_nlink} hard links; replace it with a copy that has one")


def _is_credential(path: Path) -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.parent == Path(folder or "")
