"""A table of the package as it is stored: its names are read at once, what they mean when it is asked for."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ratatoskr.models.entry import ModelEntry, NameIndex

__all__ = ["StoredTable"]


class _NamedRow(Struct, frozen=True):
    """The names of one model."""

    id: str
    names: tuple[str, ...] = ()


class _TableNames(Struct, frozen=True):
    """What is read at once."""

    provider: str
    date: date
    sources: dict[str, str]
    models: tuple[_NamedRow, ...]


class _StoredRows(Struct, frozen=True):
    models: tuple[Raw, ...]


_decode_names: Final = msgspec.json.Decoder(_TableNames).decode
_decode_stored: Final = msgspec.json.Decoder(_StoredRows).decode
_decode_entry: Final = msgspec.json.Decoder(ModelEntry).decode


class StoredTable:
    """The models of one provider; like a `ProviderTable`, but read no further than it must be.

    Args:
        data: the JSON text of a `ProviderTable`.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._named = _decode_names(data)
        self._index = NameIndex(self._named.provider, self._named.models)
        self.provider = self._named.provider
        self.date = self._named.date
        self.sources = self._named.sources

    @cached_property
    def models(self) -> tuple[ModelEntry, ...]:
        """Every model."""
        return tuple(map(_decode_entry, self._stored))

    @cached_property
    def _stored(self) -> tuple[Raw, ...]:
        return _decode_stored(self._data).models

    def find(self, name: str) -> ModelEntry | None:
        """Return the model that a name means; `None` if it is not in the table."""
        named = self._index.find(name)
        if named is None:
            return None
        place = next(i for i, one in enumerate(self._named.models) if one is named)
        return _decode_entry(self._stored[place])
