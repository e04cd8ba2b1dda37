"""Models from a hub: huggingface_hub lists the files, and `download` fetches them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ratatoskr._extras import require_extra
from ratatoskr._files import compute_git_blob_id
from ratatoskr.errors import ConfigurationError, ConnectionFailed, InvalidInput, MalformedResponse, ModelNotFound
from ratatoskr.local.store.download import Download, WrongDigest, download, is_secure
from ratatoskr.local.store.folder import READY_MADE, WEIGHTS
from ratatoskr.local.store.progress import OnPullProgress

__all__ = ["fetch"]

_ENDPOINT: Final = "https://huggingface.co"
_TRUE: Final = {"1", "on", "true", "yes"}
_OPTIONAL: Final = {"modules.json", "sentence_bert_config.json", "1_Pooling/config.json"}


def fetch(
    repository: str,
    revision: str,
    files: Sequence[str],
    pins: Mapping[str, str],
    into: Path,
    progress: OnPullProgress | None = None,
) -> str:
    """Fetch a model's files and return the commit that they belong to.

    Reads `$HF_ENDPOINT`, `$HF_TOKEN` and `$HF_HUB_OFFLINE`.

    Raises:
        ConfigurationError: offline mode, an invalid endpoint, a required file that is missing, or a full disk.
        InvalidInput: the name cannot be a repository of a hub.
        ModelNotFound: the hub has no such model or revision.
        ConnectionFailed: the hub cannot be reached, or a transfer was interrupted.
        WrongDigest: a file is not the one that was expected.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").casefold() in _TRUE:
        raise ConfigurationError("HF_HUB_OFFLINE is set, and the model is not in the store", model=repository)
    endpoint = _read_endpoint()
    token = os.environ.get("HF_TOKEN") or None
    info = _request_info(endpoint, repository, revision, token)
    available = {sibling.rfilename: sibling for sibling in info.siblings or () if isinstance(sibling.rfilename, str)}
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
        sibling = available[name]
        sha256 = sibling.lfs.sha256 if sibling.lfs else None
        if not isinstance(sibling.size, int | None) or not all(
            isinstance(d, str | None) for d in (sha256, sibling.blob_id)
        ):
            raise MalformedResponse(f"{endpoint} lists {name} in a form that is unknown", model=repository)
        url = f"{endpoint}/{repository}/resolve/{info.sha}/{quote(name)}"
        download(Download(url, into / name, name, sibling.size, pins.get(name) or sha256, token), progress)
        if sha256 is None and sibling.blob_id and compute_git_blob_id(into / name) != sibling.blob_id:
            raise WrongDigest(f"{name} is not the file that the hub lists", model=repository)
    return str(info.sha)


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


def _request_info(endpoint: str, repository: str, revision: str, token: str | None) -> Any:
    library = require_extra("huggingface_hub", why="models from a hub")
    errors = require_extra("huggingface_hub.errors")
    try:
        api = library.HfApi(endpoint=endpoint, token=token or False)
        return api.model_info(repository, revision=revision, files_metadata=True, timeout=10)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        text = f"{endpoint} has no {repository} at {revision}, or does not show it without a token"
        raise ModelNotFound(text, model=repository, status=404) from None
    except errors.HFValidationError:
        text = "it is not a valid repository name"
        raise InvalidInput(text, field="model", model=repository) from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        raise ConnectionFailed(f"{endpoint} answered with status {status}", status=status) from None
    except Exception as error:  # its HTTP library, and with it what is raised, differs between versions
        raise ConnectionFailed(f"{endpoint} cannot be reached ({type(error).__name__})", phase="connect") from None
