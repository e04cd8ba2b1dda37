"""The shape of a table of model rules: ordered rows, the first whose pattern matches a model's name stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from ratatoskr.types.chat import Effort
from ratatoskr.types.rules import ModelRules


@dataclass(frozen=True, slots=True)
class RuleRow:
    """Models whose lower-case name begins with `pattern`, a regular expression, and what they take."""

    pattern: str
    rules: ModelRules


Table: TypeAlias = tuple[RuleRow, ...]


def find(table: Table, model: str) -> ModelRules | None:
    """Return the rules of the first row that fits, `None` if none does."""
    return next((row.rules for row in table if re.match(row.pattern, model)), None)


def words(*efforts: Effort) -> Mapping[Effort, str]:
    """Return the mapping of a model that takes these efforts by our own words."""
    return MappingProxyType({effort: effort for effort in efforts})


def all_as(word: str, efforts: Iterable[Effort]) -> Mapping[Effort, str]:
    """Return the mapping of a model that has one word for all these efforts."""
    return MappingProxyType(dict.fromkeys(efforts, word))
