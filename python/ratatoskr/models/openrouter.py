"""Models through OpenRouter, which accepts every effort and silently drops what the model does not accept.

So only what the model itself certainly does not accept is rejected here: sampling parameters, `stop`, penalties,
forced tool choice, and switching off thinking that is mandatory.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

from ratatoskr.models.anthropic import ANTHROPIC
from ratatoskr.models.google import GOOGLE
from ratatoskr.models.openai import OPENAI
from ratatoskr.models.others import EVERYTHING
from ratatoskr.models.rule_table import NO_PREFILL, RuleTable, find_rules
from ratatoskr.types.rules import ModelRules, SchemaSubset, Thinking

_SOURCE = "openrouter.ai/docs (reasoning tokens, parameters); 2026-11; recorded exchanges"

# `reasoning.max_tokens` is sent on, or mapped to an effort for models that have only efforts; only Claude 4.7 and later
# ignore it (its pages on reasoning tokens and on the migration to Claude 4.7, 2026-06).
_BUDGETS = (1, math.inf)

_NOT_DROPPED = frozenset({"stop", "frequency_penalty", "presence_penalty"})
"""Parameters that are rejected here where the vendor rejects them. Penalties for Gemini are 400 "Penalty is not enabled
for this model" through OpenRouter, too (MisakaNet#1473, 2026-09)."""

VENDORS: dict[str, RuleTable] = {"anthropic": ANTHROPIC[:-1], "openai": OPENAI[:-1], "google": GOOGLE[:-1]}
"""Vendors whose models have the same rules at every provider; without the last row, which is an assumption."""

_SUBSETS: dict[str, SchemaSubset] = {
    "anthropic": "anthropic",
    "google": "gemini",
    "mistralai": "mistral",
    "openai": "openai",
    "x-ai": "xai",
}
"""What vendors take of JSON Schema: OpenRouter passes schemas on (openrouter.ai/docs/structured-outputs, 2026-11)."""

# 400 "Reasoning is mandatory for this endpoint and cannot be disabled": `reasoning.mandatory` of openrouter.ai's model
# list, as read by pydantic-ai 2.68 providers/openrouter.py, 2026-11.
_MANDATORY = re.compile(
    r"~?("
    r"anthropic/claude-(sonnet-5\.5|(fable|opus|sonnet)-latest)"
    r"|google/gemini-(3\.[5678]-flash|4-argon|flash-latest)"
    r"|minimax/minimax-m(2\.5|2\.7|3\.1-flash)"
    r"|mistralai/mistral-large-4-0"
    r"|moonshotai/kimi-k2(\.7-code|-thinking)"
    r"|openai/gpt-(5\.2-codex|oss-|6\.1-terra-pro|astra-latest|sol-latest)"
    r"|perplexity/sonar-(deep-research|pro-search|reasoning-pro)"
    r"|qwen/qwen3(\.8-max|\.8-2\.4t|-vl-30b-a3b-thinking|-next-80b-a3b-thinking|-235b-a22b-thinking)"
    r"|stepfun/step-(3\.[57]-flash|5-preview)"
    r"|x-ai/grok-(4\.20-multi-agent|build|latest)"
    r"|z-ai/glm-(5\.3|latest|flash-latest)"
    r")"
)


def rules_at_openrouter(model: str) -> ModelRules:
    """Return the rules of `author/slug[:variant]` (lower case) as OpenRouter serves it."""
    author, _, slug = model.removeprefix("~").partition("/")
    slug = slug.partition(":")[0]
    mandatory = _MANDATORY.match(model) is not None
    vendor = find_rules(VENDORS[author], _vendor_spelling(author, slug)) if author in VENDORS else None
    subset = _SUBSETS.get(author)
    if vendor is None:
        return replace(
            EVERYTHING,
            off=None if mandatory else "none",
            thinks=mandatory,
            budgets=_BUDGETS,
            schema_subset=subset,
            source=_SOURCE,
        )
    thinking: Thinking = "none" if vendor.thinking == "none" else "effort"
    return replace(
        EVERYTHING,
        sampling=vendor.sampling,
        accepted=vendor.accepted,
        one_sampler=vendor.one_sampler,
        thinking=thinking,
        efforts=EVERYTHING.efforts if thinking == "effort" else {},
        budgets=None if vendor.thinking == "adaptive" and vendor.budgets is None else _BUDGETS,
        thinks=vendor.thinks,
        off=None if mandatory or vendor.off is None else "none",
        forced_tool_choice=vendor.forced_tool_choice,
        forced_while_reasoning=vendor.forced_while_reasoning,
        unsupported=vendor.unsupported & _NOT_DROPPED,
        schema_subset=subset,
        flags=vendor.flags & NO_PREFILL,
        source=f"{_SOURCE}; {vendor.source}",
    )


def _vendor_spelling(author: str, slug: str) -> str:
    """Return the slug as its vendor writes it: Anthropic has hyphens in versions where OpenRouter has dots."""
    return slug.replace(".", "-") if author == "anthropic" else slug
