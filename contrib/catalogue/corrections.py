"""`corrections.toml`: what is known better than the tables, with its source; each lapses when they change."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from genai_table import Row
from litellm_table import Facts


@dataclass(frozen=True)
class Correction:
    """One correction.

    Attributes:
        table: whose value is replaced: `genai-prices` or `litellm`.
        models: ids in the one table, names in the other; `*` in one stands for anything.
        field: a unit, `changes` of a price, or the whole `price`; `name` for the model that a name belongs to.
        upstream: the value that it replaces.
        value: the right one.
        source: where that was read.
        date: when.
        checked: when the source was read again, what it said, or why it was not found.
    """

    table: str
    provider: str
    models: tuple[str, ...]
    field: str
    upstream: Any
    value: Any
    source: str
    date: str
    checked: str


@dataclass
class Corrections:
    """All corrections, and those that were applied."""

    every: tuple[Correction, ...] = ()
    used: set[tuple[int, str]] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the corrections of a file."""
        document = tomllib.loads(path.read_text("utf-8"), parse_float=_refuse)
        return cls(tuple(Correction(**{**one, "models": tuple(one["models"])}) for one in document["correction"]))

    def find_lapsed(self) -> Iterator[str]:
        """Yield those that were not applied, as the table says something else by now."""
        for i, one in enumerate(self.every):
            for model in one.models:
                if (i, model) not in self.used:
                    yield f"{one.provider}: {model}: {one.field} is no longer {one.upstream} in {one.table}"

    def _find(self, table: str, provider: str, model: str) -> Iterator[tuple[tuple[int, str], Correction]]:
        """Yield the corrections of a model, each with what `used` holds once it is applied."""
        for i, one in enumerate(self.every):
            if (one.table, one.provider) == (table, provider):
                yield from (((i, name), one) for name in one.models if fnmatchcase(model, name))

    def move_names(self, provider: str, rows: Iterable[Row]) -> list[Row]:
        """Return the rows with each name at the model that it belongs to."""
        found = list(rows)
        for i, one in enumerate(self.every):
            if (one.table, one.provider, one.field) != ("genai-prices", provider, "name"):
                continue
            for name in one.models:
                if not any(row.id == one.upstream and name in row.names for row in found):
                    continue
                self.used.add((i, name))
                found = [
                    replace(row, names=tuple(n for n in row.names if n != name))
                    if row.id == one.upstream
                    else replace(row, names=(*row.names, name))
                    if row.id == one.value
                    else row
                    for row in found
                ]
        return found

    def correct_price(self, provider: str, model: str, price: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the right price, and whether it differs."""
        right = dict(price)
        for key, one in self._find("genai-prices", provider, model):
            if one.field != "name" and _same(right if one.field == "price" else right.get(one.field), one.upstream):
                self.used.add(key)
                value = json.loads(json.dumps(one.value, default=str))
                right = value if one.field == "price" else {**right, one.field: value}
        return right, right != price

    def correct_rates(self, provider: str, name: str, facts: Facts) -> Facts:
        """Return the right rates of the table that money is not taken from: the other's, or none where it is odd."""
        rates = dict(facts.rates)
        for key, one in self._find("litellm", provider, name):
            if one.field in rates and Decimal(rates[one.field]) == Decimal(one.upstream):
                self.used.add(key)
                rates[one.field] = str(one.value)
        return replace(facts, rates=rates)


def _same(ours: Any, upstream: Any) -> bool:
    if isinstance(ours, str) and isinstance(upstream, str):
        return Decimal(ours) == Decimal(upstream)
    return json.dumps(ours, sort_keys=True) == json.dumps(upstream, sort_keys=True, default=str)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is a binary float: write it as text")
