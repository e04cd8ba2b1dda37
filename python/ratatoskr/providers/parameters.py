"""What may be set for a model, by the rules that requests are adapted by: each parameter of `chat` as data."""

from __future__ import annotations

import math
from typing import Any

from ratatoskr.providers.adapt import NEUTRAL, SAMPLING
from ratatoskr.types.chat import EFFORTS, PARAM_NAMES
from ratatoskr.types.metadata import Mutable, Opaque, Parameter, ReadOnly, Unsupported
from ratatoskr.types.rules import ModelRules

__all__ = ["describe_parameters"]

_BOOLEANS = frozenset({"parallel_tool_calls", "cache_prompt", "logprobs"})


def describe_parameters(
    rules: ModelRules, supported: frozenset[str], provider: str, max_output_tokens: int | None = None
) -> dict[str, Parameter]:
    """Return each parameter of `chat`, and `tool_choice`, with what a model accepts.

    Args:
        rules: of the model.
        supported: the parameters that the provider's dialect has.
        provider: its name, for reasons.
        max_output_tokens: the most tokens of an answer; `None`: as the rules say, which hold for a family of models.
    """
    names = (*PARAM_NAMES, "tool_choice")
    return {name: _describe(name, rules, supported, provider, max_output_tokens) for name in names}


def _describe(
    name: str, rules: ModelRules, supported: frozenset[str], provider: str, max_output_tokens: int | None
) -> Parameter:
    if name == "raw_provider_options":
        return Opaque()
    if name in rules.refused:
        return Unsupported(f"{provider} refused it within the last 24 hours")
    if name not in supported:
        return Unsupported(f"{provider} does not support it here")
    if name in rules.unsupported:
        return _neutral(name, "this model does not accept it")
    if name == "reasoning":
        return _describe_reasoning(rules)
    accepted = rules.limits.ranges.get(name)
    if name in SAMPLING and rules.sampling == "never":
        accepted = rules.accepted.get(name)
        if accepted is None:
            return _neutral(name, "this model does not accept it")
        if accepted[0] == accepted[1]:
            return ReadOnly(accepted[0])
    low, high = accepted or (None, None)
    if name == "max_tokens":
        most = max_output_tokens or rules.max_output_tokens
        return Mutable(min=low if low is not None else 1, max=most)
    if name == "tool_choice":
        return Mutable(values=("auto", "none", *(("required",) if rules.forced_tool_choice else ())))
    if name in _BOOLEANS and accepted is None:
        return Mutable(values=(False, True))
    return Mutable(min=low, max=None if high == math.inf else high)


def _neutral(name: str, why: str) -> Parameter:
    """Return the only value, where asking for it changes nothing."""
    value: Any = NEUTRAL.get(name)
    return Unsupported(why) if value is None else ReadOnly(value)


def _describe_reasoning(rules: ModelRules) -> Parameter:
    if rules.thinking == "none":
        return ReadOnly("none") if not rules.thinks else Unsupported("the thinking of this model cannot be controlled")
    words = tuple(effort for effort in EFFORTS if effort in rules.efforts or (effort == "none" and rules.off))
    low, high = rules.budgets or (None, None)
    return Mutable(min=low, max=None if high == math.inf else high, values=words)
