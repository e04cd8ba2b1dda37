"""The files of one commit of a model, from the hub or from huggingface_hub's cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ratatoskr._files import atomic_write, check_disk_space, compute_git_blob_id
from ratatoskr.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    MalformedResponse,
    ModelNotFound,
    Timeout,
    TlsError,
)
from ratatoskr.local.store.download import Download, WrongDigest, download, read_json
from ratatoskr.local.store.huggingface import HubCache, HubFile, find_token
from ratatoskr.local.store.network import is_secure
from ratatoskr.local.store.progress import OnPullProgress, PullProgress

__all__ = ["HubFiles", "list_hub_files"]

_ENDPOINT: Final = "https://huggingface.co"
_TRUE: Final = {"1", "on", "true", "yes"}
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class HubFiles:
    """The files of one commit.

    Attributes:
        repository: `organisation/name`.
        commit: the commit.
        available: the files by name.
        cache: where they may be.
        endpoint: the hub's address; `None` if only the cache is used.
        token: sent to the hub.
    """

    repository: str
    commit: str
    available: Mapping[str, HubFile]
    cache: HubCache
    endpoint: str | None = None
    token: str | None = None

    def fetch(self, name: str, into: Path, pin: str | None, progress: OnPullProgress | None) -> None:
        """Copy or download a file into a folder, and check it.

        Args:
            name: its name, one of `available`.
            into: the folder.
            pin: its expected SHA-256, if known.
            progress: called meanwhile.

        Raises:
            WrongDigest: the file is not the one that was expected.
            RatatoskrError: as in `download`.
        """
        file, path = self.available[name], into / name
        sha256 = pin or file.sha256
        cached = self.cache.find(self.commit, name, file)
        if cached is not None and _copy(cached, path, name, sha256, file.blob_id, progress):
            return
        if self.endpoint is None:
            text = f"{name} in {cached or 'the cache'} is not the expected file"
            raise WrongDigest(text, model=self.repository)
        url = f"{self.endpoint}/{self.repository}/resolve/{self.commit}/{quote(name)}"
        download(Download(url, path, name, file.size, sha256, self.token), progress)
        if file.sha256 is None and file.blob_id and compute_git_blob_id(path) != file.blob_id:
            raise WrongDigest(f"{name} is not the file that the hub lists", model=self.repository)


def _copy(
    source: Path, path: Path, name: str, sha256: str | None, blob_id: str | None, progress: OnPullProgress | None
) -> bool:
    """Copy a cached file and return whether it is the expected one; if not, nothing is kept."""
    size = source.stat().st_size
    check_disk_space(path, size)
    digest, git_id = hashlib.sha256(), hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with source.open("rb") as file, atomic_write(path) as out:
        while block := file.read(_BLOCK):
            digest.update(block)
            git_id.update(block)
            out.write(block)
            if progress is not None:
                progress(PullProgress(name, out.tell(), size))
    if digest.hexdigest() == (sha256 or digest.hexdigest()) and git_id.hexdigest() == (blob_id or git_id.hexdigest()):
        return True
    path.unlink()
    return False


def list_hub_files(repository: str, revision: str) -> HubFiles:
    """Return the files of a revision; from the cache alone if the hub cannot be reached, or `$HF_HUB_OFFLINE` is set.

    Reads `$HF_ENDPOINT`, and what `huggingface` and `network` of this folder read.

    Raises:
        ConfigurationError: offline mode and nothing in the cache, or an invalid endpoint or token.
        InvalidInput: the name cannot be a repository of a hub.
        ModelNotFound: the hub has no such model or revision.
        AuthenticationFailed: the token is refused.
        ConnectionFailed: the hub cannot be reached, and nothing is in the cache.
    """
    if repository.endswith((".", "-", ".git")):
        raise InvalidInput("it is not a valid repository name", field="model", model=repository)
    endpoint, token, cache = _read_endpoint(), find_token(), HubCache(repository)
    cached = cache.find_commit(revision)
    is_offline = os.environ.get("HF_HUB_OFFLINE", "").casefold() in _TRUE
    if is_offline and cached is None:
        text = "HF_HUB_OFFLINE is set, and the model is neither in the store nor in huggingface_hub's cache"
        raise ConfigurationError(text, model=repository)
    try:
        if not is_offline:
            commit, available = _request_list(endpoint, repository, revision, token)
            return HubFiles(repository, commit, available, cache, endpoint, token)
    except (ConnectionFailed, Timeout) as error:
        if cached is None or error.status is not None or isinstance(error, TlsError):
            raise
    assert cached is not None  # noqa: S101  # checked above
    return HubFiles(repository, cached, cache.list(cached), cache)


def _request_list(endpoint: str, repository: str, revision: str, token: str | None) -> tuple[str, dict[str, HubFile]]:
    url = f"{endpoint}/api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        answer = read_json(url, f"the list of {repository}'s files", token, idle=10)
    except (ModelNotFound, AuthenticationFailed) as error:
        if token and error.status != 404:
            raise  # the token is wrong; without one, a hub says 401 of models that do not exist
        text = f"{endpoint} has no {repository} at {revision}, or does not show it without a token"
        raise ModelNotFound(text, model=repository, status=404) from None
    try:
        return _check_commit(answer["sha"]), {
            sibling["rfilename"]: _read_file(sibling) for sibling in answer["siblings"]
        }
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedResponse(f"{endpoint} sent a list of another form for {repository}") from None


def _check_commit(commit: Any) -> str:
    if not isinstance(commit, str) or not commit.isalnum():
        raise ValueError
    return commit


def _read_file(sibling: Any) -> HubFile:
    size, sha256, blob_id = sibling.get("size"), (sibling.get("lfs") or {}).get("sha256"), sibling.get("blobId")
    if not isinstance(size, int | None) or not all(isinstance(text, str | None) for text in (sha256, blob_id)):
        raise TypeError
    return HubFile(size, sha256, None if sha256 else blob_id)


def _read_endpoint() -> str:
    """Return the hub's address, checked before a token is sent there."""
    endpoint = (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")
    try:
        url = urlsplit(endpoint)
        valid = is_secure(url) and bool(url.hostname) and url.username is None and url.port != 0
    except ValueError:
        valid = False
    if not valid:
        text = "HF_ENDPOINT must be https://host[:port][/path], or http on this machine, with no password in it"
        raise ConfigurationError(text, field="HF_ENDPOINT")
    return endpoint
