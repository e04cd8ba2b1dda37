"""Gemini and Gemma models at Google's generateContent.

Sources: ai.google.dev/gemini-api/docs/thinking (levels and budgets per model), pydantic-ai 2.68 profiles/google.py and
LiteLLM 1.109's model table (which models ignore sampling parameters), read 2026-11.
"""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.models.rule_table import NO_PREFILL, RuleRow, RuleTable, map_efforts
from ratatoskr.types.rules import ModelRules

_THINKING_SOURCE = (
    "ai.google.dev/gemini-api/docs/thinking; pydantic-ai 2.68 profiles/google.py; 2026-11; recorded exchanges"
)

# "Penalty is not enabled for models/gemini-2.5-flash" (BerriAI/litellm#32273, 2026-07), nor for Gemini 3 (#16907; 3.7
# and 3.8 in MisakaNet#1473, 2026-09).
_NO_PENALTIES = frozenset({"frequency_penalty", "presence_penalty"})
_LEVEL = ModelRules(
    thinking="level",
    efforts=map_efforts("low", "medium", "high"),
    thinks=True,
    endpoint="generate_content",
    unsupported=_NO_PENALTIES,
    max_output_tokens=65_536,
    source=_THINKING_SOURCE,
)
# "Accepted for backwards compatibility", thinking page, 2026-11; recorded exchanges of gemini-3.1-flash-lite,
# gemini-3.1-pro-preview and gemini-3.5-flash with a budget of 512.
_FLASH_BUDGETS = (1, 24_576)
_PRO_BUDGETS = (128, 32_768)
_WITH_MINIMAL = replace(
    _LEVEL, budgets=_FLASH_BUDGETS, efforts=map_efforts("minimal", "low", "medium", "high"), off="lowest"
)
# 400 "Requests ending with a model turn are not supported" after Gemini 3.1 (pipecat-ai/pipecat#5821, September 2026).
_NO_PREFILL = replace(_LEVEL, flags=NO_PREFILL)
_SAMPLING_SOURCE = f"{_THINKING_SOURCE}; LiteLLM 1.109 supports_sampling_params"
_BUDGET = replace(_LEVEL, thinking="budget", budgets=_FLASH_BUDGETS, efforts={}, off="zero")
_NO_THINKING = replace(
    _LEVEL, thinking="none", efforts={}, thinks=False, unsupported=frozenset(), max_output_tokens=8_192
)

GOOGLE: RuleTable = (
    RuleRow(r"gemini-(1|2\.0|pro$|pro-vision|exp-1)", _NO_THINKING),
    RuleRow(r"gemini-2\.5-flash-image|gemini-2\.5-[a-z-]*tts", replace(_NO_THINKING, max_output_tokens=32_768)),
    RuleRow(r"gemini-2\.5-pro", replace(_BUDGET, budgets=_PRO_BUDGETS, off=None)),
    RuleRow(r"gemini-2\.5-flash-lite", replace(_BUDGET, budgets=(512, 24_576), thinks=False)),
    RuleRow(r"gemini-2\.5", _BUDGET),
    RuleRow(r"gemini-3\.1-flash-lite-image", replace(_LEVEL, efforts=map_efforts("minimal", "high"), off="lowest")),
    RuleRow(r"gemini-3-pro", replace(_LEVEL, budgets=_PRO_BUDGETS, efforts=map_efforts("low", "high"))),
    RuleRow(r"gemini-3\.[78]-flash", replace(_NO_PREFILL, sampling="never", source=_SAMPLING_SOURCE)),
    RuleRow(
        r"gemini-3\.(5-flash-lite|6-flash)",
        replace(_WITH_MINIMAL, sampling="never", flags=NO_PREFILL, source=_SAMPLING_SOURCE),
    ),
    RuleRow(r"gemini-3(\.\d+)?-flash|gemini-flash-lite-latest", _WITH_MINIMAL),
    RuleRow(r"gemini-3\.1-pro|gemini-pro-latest", replace(_LEVEL, budgets=_PRO_BUDGETS)),
    RuleRow(r"gemini-flash-latest", replace(_LEVEL, budgets=_FLASH_BUDGETS)),
    RuleRow(r"gemini-4-argon", replace(_NO_PREFILL, max_output_tokens=1_048_576)),
    RuleRow(r"gemini-4-carbon", _NO_PREFILL),
    RuleRow(r"gemma-|learnlm-", replace(_NO_THINKING, schema="instructions")),
    RuleRow(r"", replace(_LEVEL, source=f"newest generation, assumed for names not listed; {_THINKING_SOURCE}")),
)
