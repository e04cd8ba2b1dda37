"""The rules of a model at a provider: the table that applies, and what the endpoint changes."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Literal, TypeAlias

from ratatoskr.models.anthropic import ANTHROPIC
from ratatoskr.models.google import GOOGLE
from ratatoskr.models.limits import limits_at
from ratatoskr.models.openai import OPENAI
from ratatoskr.models.openrouter import rules_at_openrouter
from ratatoskr.models.others import (
    CEREBRAS,
    DEEPSEEK,
    EVERYTHING,
    GRADED,
    GROQ,
    MINIMAX,
    MISTRAL,
    MOONSHOT,
    OLLAMA,
    TOGETHER,
    XAI,
)
from ratatoskr.models.rule_table import RuleTable, find_rules
from ratatoskr.types.chat import Effort
from ratatoskr.types.rules import ModelRules

Api: TypeAlias = Literal["auto", "responses", "chat_completions"]

TABLES: dict[str, RuleTable] = {
    "anthropic": ANTHROPIC,
    "google": GOOGLE,
    "ollama": OLLAMA,
    "deepseek": DEEPSEEK,
    "mistral": MISTRAL,
    "groq": GROQ,
    "together": TOGETHER,
    "xai": XAI,
    "cerebras": CEREBRAS,
    "moonshot": MOONSHOT,
    "minimax": MINIMAX,
}
_OPENAI_SERIES = ("gpt-5", "gpt-6", "o1", "o3", "o4", "chat-latest")


@functools.lru_cache(maxsize=4096)
def rules_for(provider: str, model: str, *, api: Api = "auto") -> ModelRules:
    """Return the rules of a model at a provider.

    Args:
        provider: its name as configured; one that is not built in is treated as a host of the Chat Completions API.
        model: the model's name there. A name without a row gets the rules of its family's newest generation.
        api: for OpenAI, the endpoint to use; `auto` is that of the model's row.
    """
    rules = _find_rules(provider, model.strip().lower(), api)
    return replace(rules, limits=limits_at(provider, rules))


def _find_rules(provider: str, name: str, api: Api) -> ModelRules:
    if provider == "openai":
        return _rules_at_openai(name, api)
    if provider == "openrouter":
        return rules_at_openrouter(name)
    if provider == "azure":
        return _for_chat_completions(find_rules(OPENAI, name) or EVERYTHING)
    if provider == "google":
        name = name.rpartition("/")[2]  # `models/gemini-…` is the resource name of the same model
    table = TABLES.get(provider)
    if table is not None:
        return find_rules(table, name) or EVERYTHING
    if name.startswith(_OPENAI_SERIES):  # behind a compatible host they reject the same parameters
        return _for_chat_completions(find_rules(OPENAI, name) or EVERYTHING)
    return GRADED if "gpt-oss" in name else EVERYTHING


def _rules_at_openai(name: str, api: Api) -> ModelRules:
    if name.startswith("ft:"):
        name = name.split(":", 2)[1]
    if "/" in name:  # another host behind a base URL of the caller's, which may know Chat Completions only
        api = "chat_completions" if api == "auto" else api
        name = name.removeprefix("openai/")
    rules = EVERYTHING if "/" in name else find_rules(OPENAI, name) or EVERYTHING
    endpoint = rules.endpoint if api == "auto" else api
    if endpoint == "chat_completions":
        return _for_chat_completions(rules)
    # Responses answers 400 "Unsupported parameter: 'temperature' is not supported with this model" where Chat
    # Completions accepts the default value (OpenHands/software-agent-sdk#1837, 2026-01).
    unsupported = rules.unsupported - {"parallel_tool_calls"}  # which the reports are about Chat Completions alone
    return replace(rules, endpoint="responses", accepted={}, unsupported=unsupported)


def _for_chat_completions(rules: ModelRules) -> ModelRules:
    """Return the rules at Chat Completions, which rejects `max` for every model (pydantic-ai 2.68, 2026-11)."""
    efforts: dict[Effort, str] = {effort: word for effort, word in rules.efforts.items() if effort != "max"}
    return replace(rules, endpoint="chat_completions", efforts=efforts)
