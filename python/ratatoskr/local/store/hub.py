"""Models from a hub: which of a repository's files are fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import CatalogModel
from ratatoskr.local.store.classifier import QUANTISED, is_classifier, read_classifier
from ratatoskr.local.store.folder import READY_MADE, WEIGHTS, list_settings, locate_transformer, read_folder
from ratatoskr.local.store.hub_files import list_hub_files
from ratatoskr.local.store.progress import OnPullProgress
from ratatoskr.local.store.settings import CONFIG, MODULES, TOKENIZER

__all__ = ["fetch"]


def fetch(
    repository: str,
    revision: str,
    entry: CatalogModel | None,
    pins: Mapping[str, str],
    into: Path,
    progress: OnPullProgress | None = None,
) -> str:
    """Fetch a model's files and return the commit that they belong to.

    The small files come first: a model that is not supported is refused before its weights are fetched.

    Raises:
        ConfigurationError: offline mode, an invalid endpoint, a required file that is missing, a full disk, or a model
            that is not supported.
        InvalidInput: the name cannot be a repository of a hub.
        ModelNotFound: the hub has no such model or revision.
        ConnectionFailed: the hub cannot be reached, or a transfer was interrupted.
        WrongDigest: a file is not the one that was expected.
    """
    listed = list_hub_files(repository, revision)
    available = listed.available

    def fetch_all(names: Iterable[str]) -> None:
        for name in names:
            listed.fetch(name, into, pins.get(name), progress)

    fetch_all({MODULES} & available.keys())
    possible = list_settings(into)
    fetch_all(name for name in possible if name in available and name != MODULES)
    base = locate_transformer(into)
    places = [(base / name).relative_to(into).as_posix() for name in (WEIGHTS, *READY_MADE)]
    needed = {(base / name).relative_to(into).as_posix() for name in (CONFIG, TOKENIZER)}
    pinned = {name for name in pins if name.rpartition("/")[2] not in QUANTISED}  # one of them may have been chosen
    missing = (needed | pinned - {*places}) - available.keys()
    if not available.keys() & {*places}:
        missing.add(places[0])
    if missing:
        raise ConfigurationError(f"{', '.join(sorted(missing))} is not among its files", model=repository)
    read = read_classifier if is_classifier(into, entry) else read_folder
    folder = read(into, repository, entry, listed=available)
    folder.read_tokenizer()
    weights = [folder.relative(path) for path in folder.list_weights()]
    if unused := pinned - {*possible, *weights}:
        raise ConfigurationError(f"{', '.join(sorted(unused))} is not among its files", model=repository)
    fetch_all(weights)
    return listed.commit
