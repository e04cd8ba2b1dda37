"""The member `reasoning` of a request."""

from __future__ import annotations

from typing import Any

from ratatoskr.types.chat import ReasoningConfig
from ratatoskr.wire.encode import EncodeContext


def encode_reasoning(config: Any, context: EncodeContext) -> dict[str, Any]:
    """Return the member `reasoning`; what the model does not support has been rejected before."""
    if not isinstance(config, ReasoningConfig):
        return {}
    rules = context.target.rules
    if config.effort == "none":
        return _encode_off(context)
    if rules.thinking == "none" and config.effort is None:
        return {}  # `include` has no meaning for a model that does not think
    members: dict[str, Any] = {}
    if config.budget_tokens is not None:
        if rules.thinking == "budget":
            members["max_tokens"] = config.budget_tokens
        else:
            message = "the Responses API does not support a budget in tokens here"
            context.notice("parameter_dropped", "budget_tokens", message, "reasoning.budget_tokens")
    if config.effort is not None:
        if rules.thinking == "switch":
            members["enabled"] = True
        else:
            members["effort"] = rules.efforts.get(config.effort, config.effort)
    if config.include:
        members["summary"] = "auto"
    return members


def _encode_off(context: EncodeContext) -> dict[str, Any]:
    rules = context.target.rules
    if rules.thinking == "none":
        return {}
    if rules.thinking == "switch":
        return {"enabled": False}
    if rules.off == "lowest" and rules.efforts:
        return {"effort": next(iter(rules.efforts.values()))}
    return {"effort": rules.efforts.get("none", "none")}
