"""Encodes reasoning parameters as `thinkingConfig`.

Follows https://ai.google.dev/gemini-api/docs/thinking (November 2026).
"""

from __future__ import annotations

from typing import Any

from ratatoskr.types.chat import ReasoningConfig
from ratatoskr.types.rules import ModelRules

LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""The `thinkingLevel` for an effort that the model's rules do not list."""

BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""The `thinkingBudget` of Gemini 2.5: Google's 1K, 8K and 24K for low, medium and high; other efforts are rounded."""


def encode_thinking(reasoning: ReasoningConfig, rules: ModelRules) -> dict[str, Any]:
    """Return `thinkingConfig`; empty if there is nothing to send."""
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort == "none" or (effort is None and budget == 0):
        if rules.off == "lowest":
            level = rules.efforts.get("minimal") or rules.efforts.get("low") or "low"
            return {"includeThoughts": False, "thinkingLevel": level}
        return {"thinkingBudget": 0}  # sent to a model that cannot switch it off, too: the caller asked for it
    if rules.thinking == "none" and effort is None and budget is None:
        return {}  # the model has no thoughts to include
    config: dict[str, Any] = {"includeThoughts": reasoning.include}
    if rules.thinking == "budget":
        if budget is not None:
            config["thinkingBudget"] = budget
        elif effort is not None:
            value = rules.efforts.get(effort, "")
            config["thinkingBudget"] = int(value) if value.isdigit() else BUDGETS[effort]
    elif effort is not None:
        config["thinkingLevel"] = rules.efforts.get(effort) or LEVELS[effort]
    elif budget is not None:
        config["thinkingBudget"] = budget
    return config
