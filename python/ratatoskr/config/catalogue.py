"""Where the catalogue's tables are: in the package, refreshed in the user's state folder, and the user's `models.toml`.

Nothing is read before the first question.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

import ratatoskr.models
from ratatoskr._files import state_folder
from ratatoskr.config.paths import find_models_file
from ratatoskr.models.catalogue import ModelChange, Overrides
from ratatoskr.models.entry import ProviderTable
from ratatoskr.models.presets import Preset
from ratatoskr.models.stored_table import StoredTable

__all__ = [
    "MAX_BYTES",
    "CatalogueFiles",
    "Refreshed",
    "own_presets",
    "read_embedded",
    "read_refreshed",
    "refreshed_path",
]

log = logging.getLogger("ratatoskr.catalogue")

MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest table that is read."""


class Refreshed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tables of a refresh; written whole, so that what is in force is always one of them.

    Attributes:
        tables: one a provider.
    """

    tables: tuple[ProviderTable, ...] = ()


def refreshed_path() -> Path:
    """Return the path of the refreshed tables; it need not exist."""
    return state_folder() / "models" / "refreshed.json"


class CatalogueFiles:
    """The layers of the catalogue in files, and what the builder was told; a `CatalogueSource`.

    Args:
        own: by provider and model; it comes before all else.
    """

    def __init__(self, own: Mapping[tuple[str, str], ModelChange] | None = None) -> None:
        self._own = own or {}
        self._refreshed: Refreshed | None = None

    def read(self, provider: str) -> Sequence[ProviderTable | StoredTable]:
        """Return the refreshed table of a provider, then the one in the package; empty if there is none."""
        if self._refreshed is None:
            self._refreshed = read_refreshed()
        found: list[ProviderTable | StoredTable]
        found = [table for table in self._refreshed.tables if table.provider == provider]
        embedded = read_embedded(provider)
        return found if embedded is None else [*found, embedded]

    def overrides(self) -> Overrides:
        """Return the changes of `models.toml`, then those of the builder."""
        layers: dict[tuple[str, str], list[tuple[str, ModelChange]]] = {}
        path = find_models_file()
        if path is not None:
            from ratatoskr.config.models_file import read_models_file  # imports what checks settings

            for key, change in read_models_file(path).models.items():
                layers.setdefault(key, []).append((path.name, change))
        for key, change in self._own.items():
            layers.setdefault(key, []).append(("builder", change))
        return layers

    def forget(self) -> None:
        """Read the refreshed tables again when they are asked for again."""
        self._refreshed = None


_own_presets: dict[tuple[Path, float, frozenset[str] | None], Mapping[str, Preset]] = {}


def own_presets(providers: frozenset[str] | None = None) -> Mapping[str, Preset]:
    """Return the presets of `models.toml`; read again when the file has changed.

    Args:
        providers: the names of those that a gateway has, besides the built-in ones; `None` where any name may be one.

    Raises:
        ConfigurationError: something in it is wrong.
    """
    path = find_models_file()
    if path is None:
        return {}
    from ratatoskr.config.models_file import read_models_file

    try:
        key = (path, path.stat().st_mtime, providers)
    except OSError:
        return read_models_file(path, providers).presets
    if key not in _own_presets:
        _own_presets.clear()
        _own_presets[key] = read_models_file(path, providers).presets
    return _own_presets[key]


def read_embedded(provider: str) -> StoredTable | None:
    """Return the table of a provider in the package; `None` if it has none."""
    if not provider.isidentifier():
        return None
    path = Path(str(ratatoskr.models.__file__)).with_name("data") / f"{provider}.json"
    try:
        return StoredTable(path.read_bytes())
    except FileNotFoundError:
        return None


def read_refreshed(path: Path | None = None) -> Refreshed:
    """Return the refreshed tables; empty if there are none, or if the file is damaged, which is logged."""
    where = path or refreshed_path()
    try:
        if os.stat(where).st_size <= 2 * MAX_BYTES:  # noqa: PTH116 - read at the first question about a provider
            return msgspec.json.decode(where.read_bytes(), type=Refreshed)
        log.warning("the refreshed models are too large and not used", extra={"path": str(where)})
    except FileNotFoundError:
        pass
    except (OSError, msgspec.DecodeError):
        log.warning("the refreshed models cannot be read and are not used", extra={"path": str(where)})
    return Refreshed()
