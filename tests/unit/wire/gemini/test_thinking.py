"""Reasoning parameters as `thinkingConfig`."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.types.chat import ReasoningConfig
from ratatoskr.types.rules import ModelRules
from unit.wire.gemini.samples import BUDGET, LEVEL, encode_body


@pytest.mark.parametrize(
    ("rules", "reasoning", "said"),
    [
        (LEVEL, ReasoningConfig("high"), {"includeThoughts": True, "thinkingLevel": "high"}),
        (LEVEL, ReasoningConfig("max", include=False), {"includeThoughts": False, "thinkingLevel": "high"}),
        (LEVEL, ReasoningConfig("minimal"), {"includeThoughts": True, "thinkingLevel": "low"}),
        (LEVEL, ReasoningConfig("none"), {"includeThoughts": False, "thinkingLevel": "low"}),
        (LEVEL, ReasoningConfig(), {"includeThoughts": True}),
        (BUDGET, ReasoningConfig("low"), {"includeThoughts": True, "thinkingBudget": 1024}),
        (BUDGET, ReasoningConfig(budget_tokens=512), {"includeThoughts": True, "thinkingBudget": 512}),
        (BUDGET, ReasoningConfig("none"), {"thinkingBudget": 0}),
        (BUDGET, ReasoningConfig(budget_tokens=0), {"thinkingBudget": 0}),
    ],
)
def test_effort_and_budget_are_sent_as_the_model_takes_them(rules: ModelRules, reasoning: ReasoningConfig, said: Any):
    assert encode_body(rules=rules, reasoning=reasoning)["generationConfig"] == {"thinkingConfig": said}


def test_thinking_is_sent_to_models_without_it_only_on_request():
    assert encode_body(rules=ModelRules(thinking="level"), reasoning="none")["generationConfig"] == {
        "thinkingConfig": {"thinkingBudget": 0}
    }
    assert "generationConfig" not in encode_body(rules=ModelRules(), reasoning=ReasoningConfig())
