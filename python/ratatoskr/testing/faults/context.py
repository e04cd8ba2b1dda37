"""The context in which a fault builds its response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ratatoskr.testing.dialects.dialect import IdSequence, Problem, ScriptedDialect
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import ParsedRequest, ScriptedTurn


@dataclass(slots=True)
class FaultContext:
    """The request, its dialect, the correct answer, and the options of the fault."""

    dialect: ScriptedDialect
    request: ParsedRequest
    ids: IdSequence
    port: int
    path: str
    turn: ScriptedTurn
    options: Mapping[str, Any] = field(default_factory=dict)

    def correct_reply(self, turn: ScriptedTurn | None = None) -> Reply:
        """Return the response as it would be without the fault."""
        return self.dialect.reply(turn or self.turn, self.request, self.ids)

    def make_problem(self, default: int = 500) -> Problem:
        """Return the error that the options describe."""
        given = self.options
        return Problem(given.get("status", default), given.get("kind", ""), given.get("message", ""))
