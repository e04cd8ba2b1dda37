"""Tokenizers alone: `tokenizer.json` of a folder, of a model in the store, or pulled without the model.

ROOT/tokenizers/ORG--NAME/     tokenizer.json, config.json and tokenizer_config.json, and manifest.json
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ratatoskr._files import atomic_write, check_folder, compute_digest, make_folder, write_error
from ratatoskr.errors import ConfigurationError, InvalidInput, ModelNotAvailable, RatatoskrError
from ratatoskr.local.store.manifest import MANIFEST, check_digests, folder_name, matches_request, read_manifest
from ratatoskr.local.store.read import read_object, read_regular_file
from ratatoskr.local.store.store import ModelStore

if TYPE_CHECKING:
    from ratatoskr.local.store.progress import OnPullProgress
    from ratatoskr.local.tokenizer_names import TokenizerSource

__all__ = ["TokenizerFile", "pull_tokenizer", "read_tokenizer_file"]

_TOKENIZER: Final = "tokenizer.json"
_BESIDE: Final = ("config.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """The content of a `tokenizer.json`.

    Attributes:
        path: of the file.
        data: its bytes.
        vocabulary: the number of tokens that the model has, where a config.json beside it says so.
    """

    path: Path
    data: bytes
    vocabulary: int | None = None

    def check_size(self, largest_id: int) -> None:
        """Raise `ConfigurationError` if the tokenizer has more tokens than the model beside it."""
        if self.vocabulary is not None and largest_id >= self.vocabulary:
            raise ConfigurationError(
                f"{self.path} is the tokenizer of another model: it has the id {largest_id}, and the config.json beside"
                f" it says vocab_size {self.vocabulary}"
            )


def read_tokenizer_file(source: TokenizerSource, cache_dir: str | Path | None) -> TokenizerFile | None:
    """Return the tokenizer of a source; `None` if a repository is not in the store.

    Raises:
        ConfigurationError: a file cannot be read, or is not what was pulled.
        ModelNotAvailable: there is no such file.
    """
    if source.kind == "file":
        path = Path(source.name)
        path = path / _TOKENIZER if path.is_dir() else path
        if not path.exists():
            raise ModelNotAvailable(f"there is no tokenizer {path}", reason="not_local")
        return _read(path)
    store = ModelStore(cache_dir)
    folder = store.root / "tokenizers" / folder_name(source.name)
    if (folder / MANIFEST).is_file():
        check_folder(folder)
        for name, digest in read_manifest(folder)["digests"].items():
            if compute_digest(folder / name) != digest:
                raise ConfigurationError(f"{folder / name} is not what was pulled; remove {folder} and pull it again")
        return _read(folder / _TOKENIZER)
    with suppress(RatatoskrError):
        found = store.find(source.name)
        store.check(found)
        return TokenizerFile(found.path / _TOKENIZER, found.read_tokenizer())
    return None


def _read(path: Path) -> TokenizerFile:
    size: Any = None
    with suppress(ConfigurationError):
        config = read_object(path.parent / _BESIDE[0])
        nested = config.get("text_config")
        size = config.get("vocab_size", nested.get("vocab_size") if isinstance(nested, dict) else None)
    is_size = isinstance(size, int) and not isinstance(size, bool) and size > 0
    return TokenizerFile(path, read_regular_file(path), size if is_size else None)


def pull_tokenizer(
    model: str,
    *,
    cache_dir: str | Path | None = None,
    revision: str = "main",
    digests: Mapping[str, str] | None = None,
    progress: OnPullProgress | None = None,
) -> Path:
    """Download the tokenizer of a model on the hub without its weights, and return its folder. Blocks.

    Args:
        model: `organisation/name`.
        cache_dir: the folder of the store; by default that of `ModelStore`.
        revision: branch, tag or commit.
        digests: SHA-256 by file name.
        progress: called while files are downloaded.

    Raises:
        ConfigurationError: it has no tokenizer.json, a file has another digest, or the disk is full.
        InvalidInput: `model` is not organisation/name.
        RatatoskrError: the hub cannot be reached, or does not have the model.
    """
    from ratatoskr.local.store.hub_files import list_hub_files

    store = ModelStore(cache_dir)
    name = store.name_of(model)
    if Path(name).is_absolute():
        raise InvalidInput("a folder is used where it is: nothing is pulled", field="model", model=name)
    folder = store.root / "tokenizers" / folder_name(name)
    check_folder(folder)
    given = check_digests(digests or {})
    with suppress(RatatoskrError):
        manifest = read_manifest(folder)
        whole = all(compute_digest(folder / file) == digest for file, digest in manifest["digests"].items())
        if whole and matches_request(manifest, given, revision):
            return folder
    listed = list_hub_files(name, revision)
    if _TOKENIZER not in listed.available:
        raise ConfigurationError(f"{_TOKENIZER} is not among its files", model=name)
    try:
        make_folder(folder)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            into = Path(temporary)
            names = [file for file in (_TOKENIZER, *_BESIDE) if file in listed.available]
            for file in names:
                listed.fetch(file, into, given.get(file), progress)
            found = {file: compute_digest(into / file) for file in names}
            for file in names:
                (into / file).replace(folder / file)
    except OSError as error:
        raise write_error(folder, error) from None
    manifest = {"name": name, "source": "hub", "revision": listed.commit, "asked": revision, "digests": found}
    with atomic_write(folder / MANIFEST) as out:
        out.write(json.dumps(manifest, indent=1).encode())
    return folder
