"""Models from a hub: huggingface_hub says what there is, the download is our own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from ratatoskr._extras import require_extra
from ratatoskr._files import git_digest_of
from ratatoskr.errors import ConfigurationError, ConnectionFailed, InvalidInput, ModelNotFound
from ratatoskr.local.store.download import Download, WrongDigest, download, is_private
from ratatoskr.local.store.folder import READY_MADE, WEIGHTS

if TYPE_CHECKING:
    from ratatoskr.local.store.store import Progress

__all__ = ["WrongDigest", "fetch"]

_ENDPOINT: Final = "https://huggingface.co"
_TRUE: Final = {"1", "on", "true", "yes"}
_OPTIONAL: Final = {"modules.json", "sentence_bert_config.json", "1_Pooling/config.json"}


def fetch(
    repository: str,
    revision: str,
    files: Sequence[str],
    pins: Mapping[str, str],
    into: Path,
    progress: Callable[[Progress], None] | None = None,
) -> str:
    """Fetch a model's files and return the commit that they are of.

    `$HF_ENDPOINT`, `$HF_TOKEN` and `$HF_HUB_OFFLINE` are honoured.

    Raises:
        ConfigurationError: offline mode, an endpoint that is none, a file that is wanted and not there, or no room.
        InvalidInput: a hub has no such names.
        ModelNotFound: the hub has no such model or revision.
        ConnectionFailed: the hub cannot be reached, or broke off.
        WrongDigest: what came is not what it has to be.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").casefold() in _TRUE:
        raise ConfigurationError("HF_HUB_OFFLINE is set, and the model is not in the store", model=repository)
    endpoint = _endpoint()
    token = os.environ.get("HF_TOKEN") or None
    info = _info(endpoint, repository, revision, token)
    there = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    wanted = [name for name in files if name in there]
    if WEIGHTS not in there:
        wanted += [name for name in READY_MADE if name in there][:1]
    needed = {*files} - {*_OPTIONAL, WEIGHTS} | pins.keys()
    missing = needed - {*wanted}
    if not {WEIGHTS, *READY_MADE} & {*wanted}:
        missing.add(WEIGHTS)
    if missing:
        raise ConfigurationError(f"{', '.join(sorted(missing))} is not among its files", model=repository)
    for name in wanted:
        sibling = there[name]
        large = sibling.lfs.sha256 if sibling.lfs else None
        url = f"{endpoint}/{repository}/resolve/{info.sha}/{quote(name)}"
        download(Download(url, into / name, name, sibling.size, pins.get(name) or large, token), progress)
        if large is None and sibling.blob_id and git_digest_of(into / name) != sibling.blob_id:
            raise WrongDigest(f"{name} is not what the hub says it is", model=repository)
    return str(info.sha)


def _endpoint() -> str:
    """Return the hub's address, before a token is sent there."""
    endpoint = (os.environ.get("HF_ENDPOINT") or _ENDPOINT).rstrip("/")
    try:
        url = urlsplit(endpoint)
        fine = is_private(url) and bool(url.hostname) and url.username is None and url.port != 0
    except ValueError:
        fine = False
    if not fine:
        text = "HF_ENDPOINT must be https://host[:port][/path], or http on this machine, with no password in it"
        raise ConfigurationError(text, field="HF_ENDPOINT")
    return endpoint


def _info(endpoint: str, repository: str, revision: str, token: str | None) -> Any:
    library = require_extra("huggingface_hub", why="models from a hub")
    errors = require_extra("huggingface_hub.errors")
    try:
        api = library.HfApi(endpoint=endpoint, token=token or False)
        return api.model_info(repository, revision=revision, files_metadata=True, timeout=10)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        text = f"{endpoint} has no {repository} at {revision}, or does not show it without a token"
        raise ModelNotFound(text, model=repository, status=404) from None
    except errors.HFValidationError:
        raise InvalidInput("no hub has models of such a name", field="model", model=repository) from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        raise ConnectionFailed(f"{endpoint} answered with status {status}", status=status) from None
    except Exception as error:  # it changes its HTTP library, and with that what it raises
        raise ConnectionFailed(f"{endpoint} cannot be reached ({type(error).__name__})", phase="connect") from None
