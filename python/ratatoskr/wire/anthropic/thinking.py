"""Says how much to think, by the model's rules.

Follows https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking and …/extended-thinking (November 2026).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import EFFORTS, Effort, ReasoningConfig
from ratatoskr.types.rules import ModelRules

LEAST_BUDGET = 1024
"""The provider takes no smaller one."""
BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 10_000,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}
_WORDS: dict[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}


@dataclass(slots=True)
class Thought:
    """What goes into the request: `thinking`, and `effort` for `output_config`."""

    thinking: dict[str, Any] = field(default_factory=dict)
    effort: str | None = None


def thought_of(config: ReasoningConfig, rules: ModelRules, max_tokens: int) -> Thought:
    """Return how the wish is said to a model of these rules.

    Raises:
        InvalidInput: `max_tokens` leaves no room for the least budget, or the budget asked for is not below it.
    """
    effort = config.effort
    if effort == "none" or (effort is None and config.budget_tokens == 0):
        if rules.off in ("disabled", "between_tools"):
            return Thought({"type": rules.off})
        if rules.off != "lowest":
            return Thought()
        effort = next((word for word in EFFORTS[1:] if word in rules.efforts), "low")
    match rules.thinking:
        case "adaptive":
            display = "summarized" if config.include else "omitted"
            return Thought({"type": "adaptive", "display": display}, _word(effort, rules))
        case "effort":
            return Thought(effort=_word(effort, rules))
        case "budget":
            thinking: dict[str, Any] = {"type": "enabled"}
            thinking["budget_tokens"] = _budget(effort, config.budget_tokens, max_tokens)
            return Thought(thinking if config.include else {**thinking, "display": "omitted"})
    return Thought()


def _word(effort: Effort | None, rules: ModelRules) -> str | None:
    return None if effort is None else rules.efforts.get(effort, _WORDS[effort])


def _budget(effort: Effort | None, asked: int | None, max_tokens: int) -> int:
    """Return the budget: a number asked for as it is, an effort's cut to half of what may be answered at all."""
    if max_tokens <= LEAST_BUDGET:
        raise InvalidInput(
            f"max_tokens must be above {LEAST_BUDGET} for this model to think, not {max_tokens}", field="max_tokens"
        )
    if asked is None:
        return max(LEAST_BUDGET, min(BUDGETS[effort or "medium"], max_tokens // 2))
    if asked >= max_tokens:
        raise InvalidInput(
            f"reasoning.budget_tokens ({asked}) must be below max_tokens ({max_tokens})", field="reasoning"
        )
    return max(LEAST_BUDGET, asked)
