"""The context of a fault: the correct reply, and the error in its options."""

from __future__ import annotations

from ratatoskr.testing import ParsedRequest, ScriptedTurn
from ratatoskr.testing.dialects.dialect import IdSequence, Problem
from ratatoskr.testing.faults.context import FaultContext
from ratatoskr.testing.routes import DIALECTS


def context(**options):
    request = ParsedRequest("openai", "m")
    return FaultContext(DIALECTS["chat_completions"], request, IdSequence(), 80, "/", ScriptedTurn("Hello"), options)


def test_the_correct_reply_is_that_of_the_turn_or_of_another():
    assert b'"Hello"' in context().correct_reply().content
    assert b'"Moin"' in context().correct_reply(ScriptedTurn("Moin")).content


def test_a_problem_is_that_of_the_options():
    assert context().make_problem() == Problem(500)
    assert context().make_problem(529) == Problem(529)
    assert context(status=429, kind="quota", message="No.").make_problem() == Problem(429, "quota", "No.")
