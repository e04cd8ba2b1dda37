"""Which tokenizer a name stands for: the caller's mappings first, then the table of known models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.store.catalog import CATALOG
from ratatoskr.models.tokenizers import ENCODINGS, bare_name, find_row
from ratatoskr.types.visible import quote

__all__ = ["Names", "TokenizerSource"]

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenizerSource:
    """Where a tokenizer comes from.

    Attributes:
        kind: an `encoding` that is built in, a `file` or folder, or a `repository` in the store.
        name: its name or path.
    """

    kind: Literal["encoding", "file", "repository"]
    name: str


class Names:
    """The tokenizers of models by name.

    Args:
        mappings: names or patterns of models to tokenizers or other models.

    Raises:
        ConfigurationError: a mapping leads back to itself, or to nothing that is known.
    """

    def __init__(self, mappings: Mapping[str, str | Path]) -> None:
        if not isinstance(mappings, Mapping):
            raise ConfigurationError(
                f"tokenizers must map names of models to tokenizers, not be a {type(mappings).__name__}",
                field="tokenizers",
            )
        for pattern, target in mappings.items():
            if (
                not isinstance(pattern, str)
                or not pattern.strip()
                or not isinstance(target, str | Path)
                or not str(target)
            ):
                raise ConfigurationError(
                    f"tokenizers must map names of models to tokenizers, not {quote(pattern)} to {quote(target)}",
                    field="tokenizers",
                )
        self._mappings = {pattern.lower(): target for pattern, target in mappings.items()}
        for pattern, target in self._mappings.items():
            if self._follow(pattern, target) is None:
                raise ConfigurationError(
                    f"{quote(pattern)} is mapped to {quote(str(target))}, which is neither an encoding"
                    f" ({', '.join(ENCODINGS)}), a file, organisation/name, nor a model whose tokenizer is known",
                    field="tokenizers",
                )
        self._found: dict[str, TokenizerSource | None] = {}

    def find(self, model: str) -> TokenizerSource | None:
        """Return the tokenizer of a model; `None` if it is not known.

        Raises:
            ConfigurationError: it is mapped to another one than that which it is known to have.
        """
        if model not in self._found:
            if len(self._found) >= 1024:  # names may come from the caller's users
                self._found.clear()
            self._found[model] = self._resolve(model)
        return self._found[model]

    def is_mapped(self, model: str) -> bool:
        """Return whether a mapping holds for a model."""
        return bool(self._mappings) and self._match(model) is not None

    def _resolve(self, model: str) -> TokenizerSource | None:
        if model in ENCODINGS:
            return TokenizerSource("encoding", model)
        mapped = self._match(model)
        known = _find_known(model)
        if mapped is None:
            return known
        source = self._follow(*mapped)
        if known is not None and known.kind == "encoding" and source != known:
            raise ConfigurationError(
                f"{quote(model)} has the encoding {known.name}: {quote(str(mapped[1]))}, to which {quote(mapped[0])} is"
                " mapped, is the tokenizer of another model",
                field="tokenizers",
            )
        return source

    def _match(self, model: str) -> tuple[str, str | Path] | None:
        names = (model.strip().lower(), bare_name(model))
        for pattern, target in self._mappings.items():
            if any(fnmatchcase(name, pattern) for name in names):
                return pattern, target
        return None

    def _follow(self, pattern: str, target: str | Path) -> TokenizerSource | None:
        """Return what a mapping leads to, through the mappings of the models that it names."""
        way = [pattern]
        while True:
            if (source := _place_of(target)) is not None:
                return source
            name = str(target)
            following = self._match(name)
            if following is None:
                return _find_known(name)
            if following[0] in way:
                circle = " -> ".join([*way[way.index(following[0]) :], following[0]])
                raise ConfigurationError(f"the tokenizers lead in a circle: {circle}", field="tokenizers")
            way.append(following[0])
            target = following[1]


def _place_of(target: str | Path) -> TokenizerSource | None:
    """Return the encoding or the file that a target names; `None` if it is the name of something else."""
    if isinstance(target, Path) or target.startswith(("/", "./", "../", "~")) or target.endswith(".json"):
        return TokenizerSource("file", str(Path(target).expanduser().absolute()))
    return TokenizerSource("encoding", target) if target in ENCODINGS else None


def _find_known(model: str) -> TokenizerSource | None:
    """Return the tokenizer of a model in the table, of one in the catalogue, or of one that the store may have."""
    row = find_row(model)
    if row is not None:
        return (
            TokenizerSource("encoding", row.encoding) if row.encoding else TokenizerSource("repository", row.repository)
        )
    name = next((one.repository for one in CATALOG if one.name == model), model)
    return TokenizerSource("repository", name) if _REPOSITORY.fullmatch(name) else None
