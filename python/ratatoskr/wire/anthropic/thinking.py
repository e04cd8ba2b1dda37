"""Encodes reasoning parameters as `thinking` and `effort`, by the model's rules.

Follows https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking and …/extended-thinking (November 2026).
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import EFFORTS, Effort, ReasoningConfig
from ratatoskr.types.rules import ModelRules

MIN_BUDGET = 1024
"""The smallest `budget_tokens` that the provider accepts."""

BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 10_000,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}

_EFFORTS: dict[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
"""The `effort` for one that the model's rules do not list."""


def encode_thinking(
    config: ReasoningConfig, rules: ModelRules, max_tokens: int
) -> tuple[dict[str, Any] | None, str | None]:
    """Return `thinking`, and the `effort` of `output_config`; `None` for what is not sent.

    Raises:
        InvalidInput: `max_tokens` is too small for the smallest budget, or for the budget asked for.
    """
    effort = config.effort
    if effort == "none" or (effort is None and config.budget_tokens == 0):
        if rules.off in ("disabled", "between_tools"):
            return {"type": rules.off}, None
        if rules.off != "lowest":
            return None, None
        effort = next((known for known in EFFORTS[1:] if known in rules.efforts), "low")
    level = None if effort is None else rules.efforts.get(effort, _EFFORTS[effort])
    budget = config.budget_tokens
    match rules.thinking:
        case "adaptive" if budget is None or rules.budgets is None:
            return {"type": "adaptive", "display": "summarized" if config.include else "omitted"}, level
        case "effort":
            return None, level
        case "budget" | "adaptive":
            thinking = {"type": "enabled", "budget_tokens": _choose_budget(effort, budget, max_tokens)}
            level = level if rules.thinking == "adaptive" else None
            return thinking if config.include else {**thinking, "display": "omitted"}, level
    return None, None


def _choose_budget(effort: Effort | None, budget: int | None, max_tokens: int) -> int:
    """Return the budget: as asked for, or that of the effort, limited to half of `max_tokens`."""
    if max_tokens <= MIN_BUDGET:
        raise InvalidInput(
            f"max_tokens must be above {MIN_BUDGET} for this model to think, not {max_tokens}", field="max_tokens"
        )
    if budget is None:
        return max(MIN_BUDGET, min(BUDGETS[effort or "medium"], max_tokens // 2))
    if budget >= max_tokens:
        raise InvalidInput(
            f"reasoning.budget_tokens ({budget}) must be below max_tokens ({max_tokens})", field="reasoning"
        )
    return max(MIN_BUDGET, budget)


def continues_without_thinking(turns: list[dict[str, Any]]) -> bool:
    """Return whether the last turns are rounds of tool calls of which the first began without thinking.

    The provider refuses a thinking budget then. It happens if another model began the rounds.
    """
    first = None
    for results, answer in zip(turns[::-2], turns[-2::-2], strict=False):
        if answer["role"] != "assistant" or not has_type(results["content"], "tool_result"):
            break
        first = answer["content"]
    return first is not None and not has_type(first[:1], "thinking", "redacted_thinking")


def has_type(content: Any, *types: str) -> bool:
    """Return whether one of the blocks has one of the types."""
    for block in content:
        block_type = block.get("type") if isinstance(block, dict) else None
        if isinstance(block_type, Raw):
            block_type = bytes(block_type).strip(b'"').decode()
        if block_type in types:
            return True
    return False
