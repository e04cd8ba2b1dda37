"""Models from a hub: the list of a model's files, and each file, from the hub or from huggingface_hub's cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ratatoskr._files import atomic_write, check_disk_space, compute_git_blob_id
from ratatoskr.errors import (
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    MalformedResponse,
    ModelNotFound,
    Timeout,
    TlsError,
)
from ratatoskr.local.store.download import Download, WrongDigest, download, read_json
from ratatoskr.local.store.folder import READY_MADE, WEIGHTS
from ratatoskr.local.store.huggingface import HubCache, HubFile, find_token
from ratatoskr.local.store.network import is_secure
from ratatoskr.local.store.progress import OnPullProgress, PullProgress

__all__ = ["fetch"]

_ENDPOINT: Final = "https://huggingface.co"
_TRUE: Final = {"1", "on", "true", "yes"}
_OPTIONAL: Final = {"modules.json", "sentence_bert_config.json", "1_Pooling/config.json"}
_BLOCK: Final = 1 << 20


def fetch(
    repository: str,
    revision: str,
    files: Sequence[str],
    pins: Mapping[str, str],
    into: Path,
    progress: OnPullProgress | None = None,
) -> str:
    """Fetch a model's files and return the commit that they belong to.

    Files that huggingface_hub's cache holds are copied from there; where the hub cannot be reached or `$HF_HUB_OFFLINE`
    is set, all have to be there. Whatever the source, a file is checked against the pins and the hub's digests.

    Reads `$HF_ENDPOINT`, `$HF_HUB_OFFLINE`, and what `huggingface` and `network` of this folder read.

    Raises:
        ConfigurationError: offline mode, an invalid endpoint, a required file that is missing, or a full disk.
        InvalidInput: the name cannot be a repository of a hub.
        ModelNotFound: the hub has no such model or revision.
        ConnectionFailed: the hub cannot be reached, or a transfer was interrupted.
        WrongDigest: a file is not the one that was expected.
    """
    if repository.endswith((".", "-", ".git")):
        raise InvalidInput("it is not a valid repository name", field="model", model=repository)
    endpoint, token, cache = _read_endpoint(), find_token(), HubCache(repository)
    commit, available, is_online = _list_files(endpoint, repository, revision, token, cache)
    names = [name for name in files if name in available]
    if WEIGHTS not in available:
        names += [name for name in READY_MADE if name in available][:1]
    required = {*files} - {*_OPTIONAL, WEIGHTS} | pins.keys()
    missing = required - {*names}
    if not {WEIGHTS, *READY_MADE} & {*names}:
        missing.add(WEIGHTS)
    if missing:
        raise ConfigurationError(f"{', '.join(sorted(missing))} is not among its files", model=repository)
    for name in names:
        file, pin = available[name], pins.get(name)
        cached = cache.find(commit, name, file)
        if cached is not None and _copy(cached, into / name, name, pin or file.sha256, file.blob_id, progress):
            continue
        if not is_online:
            raise WrongDigest(f"{name} in {cached or 'the cache'} is not the expected file", model=repository)
        url = f"{endpoint}/{repository}/resolve/{commit}/{quote(name)}"
        download(Download(url, into / name, name, file.size, pin or file.sha256, token), progress)
        if file.sha256 is None and file.blob_id and compute_git_blob_id(into / name) != file.blob_id:
            raise WrongDigest(f"{name} is not the file that the hub lists", model=repository)
    return commit


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


def _list_files(
    endpoint: str, repository: str, revision: str, token: str | None, cache: HubCache
) -> tuple[str, dict[str, HubFile], bool]:
    """Return the commit of a revision, its files by name, and whether the hub was reached."""
    cached = cache.find_commit(revision)
    if os.environ.get("HF_HUB_OFFLINE", "").casefold() in _TRUE:
        if cached is None:
            text = "HF_HUB_OFFLINE is set, and the model is neither in the store nor in huggingface_hub's cache"
            raise ConfigurationError(text, model=repository)
        return cached, cache.list(cached), False
    try:
        return *_request_list(endpoint, repository, revision, token), True
    except TlsError:
        raise
    except (ConnectionFailed, Timeout) as error:
        if cached is None or error.status is not None:
            raise
        return cached, cache.list(cached), False


def _request_list(endpoint: str, repository: str, revision: str, token: str | None) -> tuple[str, dict[str, HubFile]]:
    url = f"{endpoint}/api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        answer = read_json(url, f"the list of {repository}'s files", token, idle=10)
    except (ModelNotFound, ConnectionFailed) as error:
        if error.status not in {401, 403, 404}:
            raise
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
