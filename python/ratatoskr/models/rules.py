"""Rules of a model at a provider: which of the tables counts, and what the endpoint changes."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Literal, TypeAlias

from ratatoskr.models.anthropic import ANTHROPIC
from ratatoskr.models.google import GOOGLE
from ratatoskr.models.openai import OPENAI
from ratatoskr.models.openrouter import through_openrouter
from ratatoskr.models.others import DEEPSEEK, EVERYTHING, GROQ, MISTRAL, OLLAMA, TOGETHER, XAI
from ratatoskr.models.row import Table, find
from ratatoskr.types.chat import Effort
from ratatoskr.types.rules import ModelRules

Api: TypeAlias = Literal["auto", "responses", "chat_completions"]

TABLES: dict[str, Table] = {
    "anthropic": ANTHROPIC,
    "google": GOOGLE,
    "ollama": OLLAMA,
    "deepseek": DEEPSEEK,
    "mistral": MISTRAL,
    "groq": GROQ,
    "together": TOGETHER,
    "xai": XAI,
}
_OPENAI_SERIES = ("gpt-5", "gpt-6", "o1", "o3", "o4", "chat-latest")


@functools.lru_cache(maxsize=4096)
def rules_for(provider: str, model: str, *, api: Api = "auto") -> ModelRules:
    """Return what a model takes at a provider.

    Args:
        provider: name as configured; one that is not built in is taken for a host with the shape of Chat Completions.
        model: the model's name there. A name that no row knows gets the rules of its family's newest generation.
        api: of OpenAI, the endpoint to use whatever the model is.
    """
    name = model.strip().lower()
    if provider == "openai":
        return _at_openai(name, api)
    if provider == "openrouter":
        return through_openrouter(name)
    if provider == "google":
        name = name.rpartition("/")[2]  # `models/gemini-…` is the resource's name of the same model
    table = TABLES.get(provider)
    if table is not None:
        return find(table, name) or EVERYTHING
    return _at_compatible_host(name)


def _at_openai(name: str, api: Api) -> ModelRules:
    if name.startswith("ft:"):
        name = name.split(":", 2)[1]
    rules = find(OPENAI, name) or EVERYTHING
    endpoint = rules.endpoint if api == "auto" else api
    return _on_chat_completions(rules) if endpoint == "chat_completions" else replace(rules, endpoint="responses")


def _on_chat_completions(rules: ModelRules) -> ModelRules:
    """Return rules as that endpoint has them: there `max` is refused on every model (pydantic-ai 2.68, 2026-11)."""
    efforts: dict[Effort, str] = {effort: word for effort, word in rules.efforts.items() if effort != "max"}
    return replace(rules, endpoint="chat_completions", efforts=efforts)


def _at_compatible_host(name: str) -> ModelRules:
    """Return the rules at a host of which only the shape is known; OpenAI's own series are refused the same there."""
    if name.startswith(_OPENAI_SERIES):
        return _on_chat_completions(find(OPENAI, name) or EVERYTHING)
    return EVERYTHING
