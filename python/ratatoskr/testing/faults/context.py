"""The scene that a deed is called into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ratatoskr.testing.dialects.dialect import Dialect, Ids, Problem
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import Asked, ScriptedTurn


@dataclass(slots=True)
class FaultContext:
    """Where a fault happens: what was asked, in which dialect, and the fault's own options."""

    dialect: Dialect
    asked: Asked
    ids: Ids
    port: int
    path: str
    turn: ScriptedTurn
    options: Mapping[str, Any] = field(default_factory=dict)

    def right(self, turn: ScriptedTurn | None = None) -> Reply:
        """Return the response as it would be without the fault."""
        return self.dialect.answer(turn or self.turn, self.asked, self.ids)

    def problem(self, default: int = 500) -> Problem:
        """Return the problem that the options describe."""
        given = self.options
        return Problem(given.get("status", default), given.get("kind", ""), given.get("message", ""))
