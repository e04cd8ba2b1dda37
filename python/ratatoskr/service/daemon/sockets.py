"""Where the daemon listens: no other is disturbed, and no other can take its place.

gRPC takes a live Unix socket over without a word. So a lock file beside the socket is held as long as the daemon
runs, a connection is tried first, and only files that this daemon made are removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from ratatoskr._files import check_folder
from ratatoskr.config.server import ListenerSection
from ratatoskr.errors import ConfigurationError
from ratatoskr.service.address import ListenAddress
from ratatoskr.service.daemon.failure import StartFailed

__all__ = ["UnixSocket", "check_port"]

_FOLDER_MODE = 0o750
_UMASK = 0o117  # a socket is then made with mode 0660


def check_port(address: ListenAddress) -> None:
    """Raise an error unless a TCP port can be listened at: gRPC itself does not say why it cannot.

    Raises:
        StartFailed: the port is in use, or may not be used by this user.
        ConfigurationError: the host is not this machine's.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigurationError(f"cannot listen at {address.target}: {error.strerror or error}") from None
    for family, kind, protocol, _, place in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(place)
                probe.listen(1)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise StartFailed(f"cannot listen at {address.target}: the port is in use") from None
                if error.errno == errno.EADDRNOTAVAIL:
                    raise ConfigurationError(
                        f"cannot listen at {address.target}: it is not an address of this machine"
                    ) from None
                raise StartFailed(f"cannot listen at {address.target}: {error.strerror}") from None


class UnixSocket:
    """The place of a Unix socket, held from the check to the end of the daemon.

    Args:
        listener: with an address of a socket.

    Raises:
        ConfigurationError: others may change the folder, the group does not exist, or something else is there.
        StartFailed: a daemon is running there.
    """

    def __init__(self, listener: ListenerSection) -> None:
        path = listener.place.path
        if path is None:
            raise TypeError("a listener of a socket is needed")
        self.path: Path = path
        self._group = _group_id(listener.group)
        self._lock = -1
        self._made: tuple[int, int] | None = None
        self._make_folder()
        try:
            self._hold()
            self._make_room()
        except BaseException:
            self.release()
            raise

    def _make_folder(self) -> None:
        folder = self.path.parent
        try:
            if not folder.exists():
                before = os.umask(0o777 & ~_FOLDER_MODE)
                try:
                    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
                finally:
                    os.umask(before)
                if self._group is not None:
                    os.chown(folder, -1, self._group)
        except OSError as error:
            raise ConfigurationError(f"{folder} cannot be made: {error.strerror}") from None
        if not folder.is_dir():
            raise ConfigurationError(f"{folder} is not a folder")
        check_folder(folder)

    def _hold(self) -> None:
        """Hold the lock file for life; it stays behind, for removing it could let two hold it."""
        path = self.path.with_name(f"{self.path.name}.lock")
        try:
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            who = f"process {other}" if other.isdecimal() else "another process"
            raise StartFailed(f"{self.path} is already served by {who}") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _make_room(self) -> None:
        """Remove the socket that a daemon which was killed has left behind."""
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(status.st_mode):
            raise ConfigurationError(f"{self.path} is there already and is no socket; it is left alone")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.path))
            except ConnectionRefusedError:
                self._unlink((status.st_dev, status.st_ino))
            except OSError as error:
                raise StartFailed(f"{self.path} is a socket that cannot be asked: {error.strerror or error}") from None
            else:
                raise StartFailed(f"{self.path} is already served by another program")

    @contextlib.contextmanager
    def binding(self) -> Iterator[None]:
        """Make the socket within: for its group from the first moment on."""
        before = os.umask(_UMASK)
        try:
            yield
        finally:
            os.umask(before)
        status = self.path.lstat()
        self._made = (status.st_dev, status.st_ino)
        if self._group is not None:
            os.chown(self.path, -1, self._group)

    def _unlink(self, known: tuple[int, int]) -> None:
        with contextlib.suppress(FileNotFoundError):
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == known:
                self.path.unlink()

    def release(self) -> None:
        """Remove the socket, if it is still the one made here, and let the lock go."""
        if self._made is not None:
            self._unlink(self._made)
            self._made = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _group_id(name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigurationError(f"there is no group {name}", field="group") from None
