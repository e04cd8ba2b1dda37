"""The address of a daemon: `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ratatoskr.errors import ConfigurationError
from ratatoskr.types.visible import quote

__all__ = ["Address", "address_of", "find_socket"]

_MAX_PATH: Final = 107
"""The most bytes of a socket's path; the system takes no more."""
_SOCKET_NAME: Final = "ratd.sock"
_FOLDER: Final = "ratatoskr"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a daemon listens.

    Attributes:
        url: as it is shown.
        target: as gRPC takes it.
        tls: whether the connection is encrypted.
        loopback: whether the bytes stay on this machine.
    """

    url: str
    target: str
    tls: bool
    loopback: bool


def address_of(url: str) -> Address:
    """Return the parts of an address.

    Raises:
        ConfigurationError: it is not an address of a daemon; the message says what is wrong with it.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"the daemon's address must be a str, not {type(url).__name__}")
    if url.startswith("unix:"):
        return _unix(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _wrong(url, str(error)) from None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise _wrong(url, "it must begin with http://, https:// or unix:")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("the daemon's address must hold no user or password: pass token=")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _wrong(url, "it must hold nothing behind the port")
    if not host:
        raise _wrong(url, "it names no host")
    if not port:
        raise _wrong(url, "it names no port, as in :9741")
    shown = f"[{host}]" if ":" in host else host
    loopback = host in {"localhost", "::1"} or host.startswith("127.")
    return Address(f"{parts.scheme}://{shown}:{port}", f"{shown}:{port}", parts.scheme == "https", loopback)


def _unix(url: str) -> Address:
    path = url.removeprefix("unix:")
    if path.startswith("//"):
        path = "/" + path.lstrip("/")
    if not path.startswith("/"):
        raise _wrong(url, "the path of a socket must be absolute")
    if len(os.fsencode(path)) > _MAX_PATH:
        raise _wrong(url, f"the path of a socket has at most {_MAX_PATH} bytes")
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        pass  # it may come to be
    else:
        if not stat.S_ISSOCK(mode):
            raise _wrong(url, "there is something that is no socket")
    return Address(f"unix:{path}", f"unix:{path}", tls=False, loopback=True)


def _wrong(url: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"{quote(url)} is not the address of a daemon: {why}")


def find_socket() -> str | None:
    """Return the address of a socket of this machine's daemon that can be trusted, or `None`.

    The socket and its folder must belong to root or this user, or the socket to the folder's owner in `/run`, and
    no other user may write the folder, for one who may could put a socket of their own there and read prompts.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folders = [Path(runtime) / _FOLDER] if runtime and Path(runtime).is_absolute() else []
    for folder in (*folders, Path("/run") / _FOLDER):
        path = folder / _SOCKET_NAME
        try:
            socket, holder = path.lstat(), folder.lstat()
        except OSError:
            continue
        owners = {0, os.getuid(), *([holder.st_uid] if folder.parent == Path("/run") else [])}
        is_safe = stat.S_ISDIR(holder.st_mode) and not holder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if stat.S_ISSOCK(socket.st_mode) and is_safe and {socket.st_uid, holder.st_uid} <= owners:
            return f"unix:{path}"
    return None
