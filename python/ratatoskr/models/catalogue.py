"""The catalogue of models: what is known of each, from four layers, of which the later ones come first.

Embedded in the package; refreshed on request; the user's `models.toml`; the builder. Pure: a function that it is given
reads the files of a provider, at the first question about that provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from ratatoskr.errors import ConfigurationError, InvalidInput
from ratatoskr.models.entry import Count, ModelEntry, NameIndex, ProviderTable, Words
from ratatoskr.models.price import Price, RateText
from ratatoskr.models.stored_table import StoredTable
from ratatoskr.types.visible import quote

__all__ = ["Catalogue", "CatalogueSource", "ModelChange", "Overrides", "apply_change", "make_change"]


class ModelChange(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a user knows better about one model; what is left out stays as it is.

    Attributes:
        price: in place of the whole price.
        multiplier: scales the price that is in force.
        context_window: as in `ModelEntry`, and so on.
        max_input_tokens: the most tokens of the prompt.
        max_output_tokens: the most tokens of the answer.
        dimensions: of its vectors.
        input: what it reads.
        output: what it writes.
        features: what it offers.
        retires: the first day on which it is not served any more.
    """

    price: Price | None = None
    multiplier: RateText | None = None
    context_window: Count | None = None
    max_input_tokens: Count | None = None
    max_output_tokens: Count | None = None
    dimensions: Count | None = None
    input: Words | None = None
    output: Words | None = None
    features: Words | None = None
    retires: date | None = None


Overrides: TypeAlias = Mapping[tuple[str, str], Sequence[tuple[str, ModelChange]]]
"""By provider and model: the changes of each layer in order, with the layer's name."""

_MAX_FOUND: Final = 4096
"""Names that are remembered with what they mean; they may come from untrusted input."""


class CatalogueSource(Protocol):
    """Where the layers come from."""

    def read(self, provider: str) -> Sequence[ProviderTable | StoredTable]:
        """Return the tables of a provider, the first of which comes first; called once a provider."""
        ...

    def overrides(self) -> Overrides:
        """Return the changes of the user's layers; called once, at the first question.

        Raises:
            ConfigurationError: the user's own table is wrong.
        """
        ...

    def forget(self) -> None:
        """Read the files again when they are asked for again."""
        ...


class Catalogue:
    """What is known about models.

    Args:
        source: of the layers; nothing is read before the first question.
    """

    def __init__(self, source: CatalogueSource) -> None:
        self._source = source
        self._changes: Overrides | None = None
        self._providers: dict[str, _Provider] = {}
        self._found: dict[tuple[str, str], ModelEntry | None] = {}

    def find(self, provider: str, model: str) -> ModelEntry | None:
        """Return what is known about a model of a provider by any of its names; `None` if nothing is.

        Raises:
            ConfigurationError: the user's own table is wrong.
        """
        key = (provider, model)
        try:
            return self._found[key]
        except KeyError:
            pass
        found = self._provider(provider).find(model)
        if len(self._found) >= _MAX_FOUND:
            self._found.clear()
        self._found[key] = found
        return found

    def models(self, provider: str) -> list[ModelEntry]:
        """Return every model of a provider, sorted by name."""
        return self._provider(provider).models()

    def basis(self, provider: str) -> str:
        """Return the table of a provider that is in force and its date, such as `catalogue of 2026-11-20`."""
        return self._provider(provider).basis

    def sources(self, provider: str, entry: ModelEntry) -> tuple[str, ...]:
        """Return where the facts about a model are from: the names of tables."""
        tables = self._provider(provider).tables
        known = {letter: name for table in reversed(tables) for letter, name in table.sources.items()}
        return tuple(known.get(source, source) for source in entry.sources)

    def near(self, provider: str, model: str, n: int = 3) -> list[str]:
        """Return the names of models that look like a name."""
        import difflib

        return difflib.get_close_matches(model, [entry.id for entry in self.models(provider)], n)

    def forget(self) -> None:
        """Read everything again at the next question."""
        self._source.forget()
        self._providers = {}
        self._found = {}
        self._changes = None

    def _provider(self, name: str) -> _Provider:
        found = self._providers.get(name)
        if found is None:
            if self._changes is None:
                self._changes = self._source.overrides()
            changes = [(model, layers) for (one, model), layers in self._changes.items() if one == name]
            found = self._providers[name] = _Provider(name, self._source.read(name), changes)
        return found


class _Provider:
    """The models of one provider, the user's changes applied."""

    def __init__(
        self,
        name: str,
        tables: Sequence[ProviderTable | StoredTable],
        changes: Iterable[tuple[str, Sequence[tuple[str, ModelChange]]]],
    ) -> None:
        self.tables = tables
        self.basis = f"catalogue of {tables[0].date}" if tables else ""
        self._indexes = [one if isinstance(one, StoredTable) else NameIndex(name, one.models) for one in tables]
        self._changed: dict[str, ModelEntry] = {}
        for model, layers in changes:
            base = self._find_base(model)
            key = base.id if base is not None else model.strip()
            entry = self._changed.get(key) or base or ModelEntry(id=key)
            for layer, change in layers:
                entry = apply_change(entry, change, layer)
            self._changed[key] = entry
        self._own = NameIndex(name, self._changed.values()) if self._changed else None

    def find(self, model: str) -> ModelEntry | None:
        base = self._find_base(model)
        if self._own is None:
            return base
        return self._own.find(model) if base is None else self._changed.get(base.id, base)

    def _find_base(self, model: str) -> ModelEntry | None:
        found = [entry for index in self._indexes if (entry := index.find(model)) is not None]
        return found[0] if len(found) == 1 else _merge(found) if found else None

    def models(self) -> list[ModelEntry]:
        ids = dict.fromkeys(entry.id for table in self.tables for entry in table.models)
        found = {entry.id: entry for one in (*ids, *self._changed) if (entry := self.find(one)) is not None}
        return [found[name] for name in sorted(found)]


def _merge(entries: Sequence[ModelEntry]) -> ModelEntry:
    """Return the first with what only the others know."""
    first, *others = entries
    empty = {name: value for name, value in asdict(first).items() if value in (None, (), {}, False)}
    known = {
        name: value
        for name in empty
        for other in others
        if (value := getattr(other, name)) not in (None, (), {}, False)
    }
    known["sources"] = tuple(dict.fromkeys(source for entry in entries for source in entry.sources))
    return replace(first, **known)


def apply_change(entry: ModelEntry, change: ModelChange, layer: str) -> ModelEntry:
    """Return what is known about a model after a change; the change itself, and other models, stay as they are."""
    given = {name: value for name, value in asdict(change).items() if value is not None}
    price = given.pop("price", entry.prices)
    multiplier = given.pop("multiplier", None)
    if price is not None and multiplier is not None:
        price = replace(price, multiplier=multiply(price.multiplier, multiplier))
    if change.context_window is not None and (entry.max_input_tokens or 0) > change.context_window:
        given.setdefault("max_input_tokens", None)  # no prompt is longer than the window
    return replace(entry, prices=price, sources=(*entry.sources, layer), **given)


def multiply(factor: str | None, other: str) -> str:
    """Return the product of two factors as decimal text."""
    if factor is None:
        return other
    from decimal import Decimal

    from ratatoskr.types.usage import EXACT

    return f"{EXACT.multiply(Decimal(factor), Decimal(other)):f}"


def make_change(**given: Any) -> ModelChange:
    """Return a change that was given in code.

    Raises:
        ConfigurationError: a value is wrong; `field` names it.
    """
    if all(value is None for value in given.values()):
        raise ConfigurationError("nothing is given: give a price, a multiplier or a limit", field="price")
    price = given.pop("price", None)
    if price is not None and not isinstance(price, Price):
        raise ConfigurationError(f"price must be a Price, not {quote(price)}", field="price")
    try:
        change = msgspec.convert({name: value for name, value in given.items() if value is not None}, ModelChange)
        return replace(change, price=None if price is None else price.check())
    except InvalidInput as error:
        raise ConfigurationError(error.message, field=error.field) from None
    except msgspec.ValidationError as error:
        field = str(error).partition("$.")[2].rstrip("`")
        raise ConfigurationError(
            f"{field} must be {_describe_field(field)}, not {quote(given[field])}", field=field
        ) from None


def _describe_field(field: str) -> str:
    return "decimal text, not below 0, such as '0.85'" if field == "multiplier" else "a whole number above 0"
