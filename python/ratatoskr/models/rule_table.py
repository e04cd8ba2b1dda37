"""Tables of model rules: ordered rows, of which the first whose pattern matches the model's name applies."""

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
    """The rules of the models whose lower-case name begins with `pattern`, a regular expression."""

    pattern: str
    rules: ModelRules


RuleTable: TypeAlias = tuple[RuleRow, ...]

NO_PREFILL = frozenset({"no_prefill"})
"""The flags of a model that refuses messages whose last is of the assistant."""


def find_rules(table: RuleTable, model: str) -> ModelRules | None:
    """Return the rules of the first row that matches; `None` if none does."""
    return next((row.rules for row in table if re.match(row.pattern, model)), None)


def map_efforts(*efforts: Effort) -> Mapping[Effort, str]:
    """Return a mapping of efforts to themselves, for a model whose API has the same names for them."""
    return MappingProxyType({effort: effort for effort in efforts})


def map_efforts_to(name: str, efforts: Iterable[Effort]) -> Mapping[Effort, str]:
    """Return a mapping of all these efforts to one name of the API."""
    return MappingProxyType(dict.fromkeys(efforts, name))
