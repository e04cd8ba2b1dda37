"""How deep to think, as each kind of host wants to hear it."""

from __future__ import annotations

from typing import Any

from ratatoskr.types.chat import EFFORTS, ReasoningConfig
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.dialect import Target


def encode_reasoning(wanted: ReasoningConfig | None, target: Target) -> dict[str, Any]:
    """Return the members of the body that say it; what the model does not take has been refused before."""
    said = {} if wanted is None else _wish(wanted, target)
    if "groq" in target.flags:
        said |= _groq(wanted, target)
    return said


def _wish(wanted: ReasoningConfig, target: Target) -> dict[str, Any]:
    if "openrouter" in target.flags:
        return {"reasoning": _openrouter(wanted, target.rules)}
    rules = target.rules
    if wanted.effort == "none" or (wanted.effort is None and wanted.budget_tokens == 0):
        return _off(target)
    if rules.thinking == "switch":
        return _switch(target, on=True) | _effort(wanted, rules)
    if rules.thinking == "budget" and wanted.budget_tokens is not None:
        return {"thinking": {"type": "enabled", "budget_tokens": wanted.budget_tokens}}
    return _effort(wanted, rules)


def _groq(wanted: ReasoningConfig | None, target: Target) -> dict[str, Any]:
    """Ask Groq to keep thinking out of the text, where it stands by default (https://console.groq.com/docs/reasoning).

    gpt-oss never puts it there and knows another word for hiding it.
    """
    hidden = wanted is not None and not wanted.include
    if "gpt-oss" in target.model:
        return {"include_reasoning": False} if hidden else {}
    if not (target.rules.thinks or hidden):
        return {}
    return {"reasoning_format": "hidden" if hidden else "parsed"}


def _effort(wanted: ReasoningConfig, rules: ModelRules) -> dict[str, Any]:
    """Return the effort in the model's word; a switch alone has none."""
    if wanted.effort is None or (rules.thinking == "switch" and wanted.effort not in rules.efforts):
        return {}
    return {"reasoning_effort": rules.efforts.get(wanted.effort, wanted.effort)}


def _off(target: Target) -> dict[str, Any]:
    rules = target.rules
    if rules.thinking == "switch" or rules.off == "disabled":
        return _switch(target, on=False)
    if rules.off == "zero":
        return {"thinking": {"type": "enabled", "budget_tokens": 0}}
    return {"reasoning_effort": _least(rules)}


def _least(rules: ModelRules) -> str:
    """Return the word for no thinking, or for the least where there is none."""
    if rules.off != "lowest":
        return rules.efforts.get("none", "none")
    return next((rules.efforts[effort] for effort in EFFORTS if effort in rules.efforts), "none")


def _switch(target: Target, *, on: bool) -> dict[str, Any]:
    """Return the switch: DeepSeek's and Moonshot's form, or Alibaba's, or that of templates under vLLM and SGLang."""
    if "enable_thinking" in target.flags:
        return {"enable_thinking": on}
    if "template_thinking" in target.flags:
        return {"chat_template_kwargs": {"enable_thinking": on}}
    return {"thinking": {"type": "enabled" if on else "disabled"}}


def _openrouter(wanted: ReasoningConfig, rules: ModelRules) -> dict[str, Any]:
    """Return OpenRouter's object: it takes an effort or a budget, not both, and maps either to what the model takes."""
    said: dict[str, Any] = {}
    budget_first = rules.thinking == "budget" or wanted.effort is None
    if wanted.budget_tokens is not None and budget_first:
        said = {"max_tokens": wanted.budget_tokens} if wanted.budget_tokens else {"enabled": False}
    elif wanted.effort == "none" and rules.off == "disabled":
        said = {"enabled": False}
    elif wanted.effort == "none":
        said = {"effort": _least(rules)}
    elif wanted.effort is not None:
        said = {"effort": rules.efforts.get(wanted.effort, wanted.effort)}
    elif wanted.include:
        said = {"enabled": True}
    return said if wanted.include else {**said, "exclude": True}
