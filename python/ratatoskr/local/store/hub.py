"""Models from a hub: which of a repository's files are fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.folder import READY_MADE, WEIGHTS
from ratatoskr.local.store.hub_files import list_hub_files
from ratatoskr.local.store.progress import OnPullProgress

__all__ = ["fetch"]

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

    Raises:
        ConfigurationError: offline mode, an invalid endpoint, a required file that is missing, or a full disk.
        InvalidInput: the name cannot be a repository of a hub.
        ModelNotFound: the hub has no such model or revision.
        ConnectionFailed: the hub cannot be reached, or a transfer was interrupted.
        WrongDigest: a file is not the one that was expected.
    """
    listed = list_hub_files(repository, revision)
    available = listed.available
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
        listed.fetch(name, into, pins.get(name), progress)
    return listed.commit
