"""Reasoning parameters."""

import pytest

from ratatoskr.types import (
    Message,
    ReasoningConfig,
)
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.dialect import Target
from unit.wire.responses.requests import PLAIN, body

THINKING = Target(
    "openai",
    "gpt-5.5",
    "responses",
    ModelRules(thinking="effort", efforts={"minimal": "low", "low": "low", "high": "high"}, thinks=True, off="none"),
)


def test_encrypted_reasoning_is_always_requested_of_reasoning_models():
    assert body(Message.user("Hi"), target=THINKING)[0]["include"] == ["reasoning.encrypted_content"]
    assert "include" not in body(Message.user("Hi"), target=PLAIN)[0]
    flagged = Target("x", "m", "responses", flags=frozenset({"encrypted"}))
    assert body(Message.user("Hi"), target=flagged)[0]["include"] == ["reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("config", "encoded"),
    [
        (None, None),
        ("high", {"effort": "high", "summary": "auto"}),
        ("minimal", {"effort": "low", "summary": "auto"}),
        ("none", {"effort": "none"}),
        (ReasoningConfig("low", include=False), {"effort": "low"}),
        (ReasoningConfig(), {"summary": "auto"}),
    ],
)
def test_reasoning_as_the_model_names_it(config, encoded):
    assert body(Message.user("Hi"), target=THINKING, reasoning=config)[0].get("reasoning") == encoded


def test_include_is_ignored_for_a_model_that_does_not_think():
    encoded, _ = body(Message.user("Hi"), target=PLAIN, reasoning=ReasoningConfig(include=True))
    assert "reasoning" not in encoded
    assert "include" not in encoded


def test_a_budget_is_sent_only_where_it_is_supported():
    encoded, notices = body(Message.user("Hi"), target=THINKING, reasoning=ReasoningConfig(budget_tokens=10))
    assert encoded["reasoning"] == {"summary": "auto"}
    assert [(n.code, n.field) for n in notices] == [("parameter_dropped", "reasoning.budget_tokens")]
    budget = Target("openrouter", "m", "responses", ModelRules(thinking="budget"))
    encoded, notices = body(Message.user("Hi"), target=budget, reasoning=ReasoningConfig(budget_tokens=10))
    assert (encoded["reasoning"], notices) == ({"max_tokens": 10, "summary": "auto"}, [])
