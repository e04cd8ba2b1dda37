"""What huggingface_hub keeps on this machine: the token of a login, and the cache of what it downloaded.

Places and variables: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables; layout of the
cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache (both read in November 2026).

    CACHE/models--ORG--NAME/refs/main                  a commit
    CACHE/models--ORG--NAME/snapshots/COMMIT/FILE      a link to ../../blobs/DIGEST
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.folder import read_regular_file

__all__ = ["HubCache", "HubFile", "find_token"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_MAX_TOKEN_FILE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model as a hub or the cache lists it.

    Attributes:
        size: its size in bytes, if known.
        sha256: its digest, for a large file.
        blob_id: its id as a git blob, for a small one.
    """

    size: int | None = None
    sha256: str | None = None
    blob_id: str | None = None


def find_token() -> str | None:
    """Return the user's token: `$HF_TOKEN`, or that of the file where `hf auth login` puts it.

    The file is `$HF_TOKEN_PATH`, else `token` in `$HF_HOME`, else in `huggingface` of the user's cache.

    Raises:
        ConfigurationError: the file cannot be read, or the token is none that can be sent.
    """
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := os.environ.get(name, "").strip():
            return _check_token(token, name)
    path = _expand_user(os.environ.get("HF_TOKEN_PATH") or _home() / "token")
    if not path.exists():
        return None
    text = read_regular_file(path, _MAX_TOKEN_FILE).decode("utf-8", "replace").strip()
    return _check_token(text, str(path)) if text else None


def _check_token(token: str, origin: str) -> str:
    if not _TOKEN.fullmatch(token):
        del token
        raise ConfigurationError(
            f"{origin} is not a valid token: it contains spaces, line breaks or non-ASCII characters"
        )
    return token


def _home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _expand_user(os.environ.get("HF_HOME") or Path(cache) / "huggingface")


def _expand_user(path: str | Path) -> Path:
    """Return a path with `~` expanded; without a home directory it stays as it is, and nothing is there."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises without a home


class HubCache:
    """The cached files of one repository; all methods give nothing where there are none.

    Args:
        repository: `organisation/name`.
    """

    def __init__(self, repository: str) -> None:
        given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
        root = _expand_user(given) if given else _home() / "hub"
        self._place = root.absolute() / f"models--{repository.replace('/', '--')}"

    def find_commit(self, revision: str) -> str | None:
        """Return the commit that a branch, a tag or a commit was when it was downloaded."""
        commit = revision
        if not _COMMIT.fullmatch(revision):
            path = self._resolve(self._place / "refs" / revision)
            commit = read_regular_file(path, 1024).decode("utf-8", "replace").strip() if path else ""
        is_cached = _COMMIT.fullmatch(commit) and (self._place / "snapshots" / commit).is_dir()
        return commit if is_cached else None

    def list(self, commit: str) -> dict[str, HubFile]:
        """Return the files of a commit by name, with the digests by which they are stored."""
        return {name: _describe(path) for name, path in self._list_files(self._place / "snapshots" / commit)}

    def _list_files(self, snapshot: Path) -> Iterator[tuple[str, Path]]:
        for path in snapshot.rglob("*"):
            if (real := self._resolve(path)) is not None:
                yield path.relative_to(snapshot).as_posix(), real

    def find(self, commit: str, name: str, file: HubFile) -> Path | None:
        """Return a copy of a file, by its digest or by commit and name; it has yet to be checked."""
        blobs = self._place / "blobs"
        places = [blobs / digest for digest in (file.sha256, file.blob_id) if digest]
        places.append(self._place / "snapshots" / commit / name)
        found = [path for place in places if (path := self._resolve(place)) is not None]
        return next((path for path in found if file.size in {None, path.stat().st_size}), None)

    def _resolve(self, path: Path) -> Path | None:
        """Return the regular file behind a path of the cache; links may not lead out of the repository's folder."""
        with suppress(OSError, RuntimeError, ValueError):
            real = path.resolve(strict=True)
            if real.is_file() and real.is_relative_to(self._place.resolve()):
                return real
        return None


def _describe(path: Path) -> HubFile:
    """Return what the name of a blob says of its content; a file that is no blob has no known digest."""
    digest = path.name if path.parent.name == "blobs" else ""
    return HubFile(
        path.stat().st_size,
        digest if _SHA256.fullmatch(digest) else None,
        digest if _COMMIT.fullmatch(digest) else None,
    )
