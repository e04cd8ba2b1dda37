"""Models at OpenAI's two chat endpoints: Responses for models that reason, Chat Completions for all others.

Sources: developers.openai.com/api/docs (reasoning, models, latest-model) and the live-verified profiles of pydantic-ai
2.68, read 2026-11. Sampling parameters are rejected while a model reasons.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from ratatoskr.models.rule_table import RuleRow, RuleTable, map_efforts
from ratatoskr.types.rules import ModelRules

_MODELS = "developers.openai.com/api/docs/models"
_REASONING = (
    "developers.openai.com/api/docs/guides/reasoning; pydantic-ai 2.68 profiles/openai.py; 2026-11; recorded exchanges"
)
# "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported", at
# Chat Completions (johny-b/llmcomp#69, 2026-04); recorded exchanges with 1.
_DEFAULT_TEMPERATURE = MappingProxyType({"temperature": (1, 1)})
# "Not supported with latest reasoning models o3 and o4-mini", API reference, 2026-11. "Unsupported parameter: 'stop' is
# not supported with this model": GPT-5 (huggingface/smolagents#1662), 5.1 (#1868) and 5.2 (#1893) whatever the effort,
# every later one by crewAIInc/crewAI#5144, 2026-03.
_STOP = frozenset({"stop"})

_REASONS = ModelRules(
    sampling="never",
    accepted=_DEFAULT_TEMPERATURE,
    thinking="effort",
    efforts=map_efforts("low", "medium", "high"),
    thinks=True,
    unsupported=_STOP,
    endpoint="responses",
    max_output_tokens=128_000,
    max_tokens_field="max_completion_tokens",
    instructions_role="developer",
    schema_subset="openai",
    source=_REASONING,
)
_CAN_BE_OFF = replace(
    _REASONS, sampling="unless_reasoning", efforts=map_efforts("none", "low", "medium", "high", "xhigh"), off="none"
)
_OPT_IN = replace(_CAN_BE_OFF, thinks=False)
_PRO = replace(_REASONS, efforts=map_efforts("medium", "high", "xhigh"))
_FIXED_EFFORT = replace(_REASONS, efforts=map_efforts("medium"), max_output_tokens=16_384)
# "Unsupported parameter: 'parallel_tool_calls' is not supported with this model", at Chat Completions: o1, o3, o3-mini
# and o4-mini (run-llama/llama_index#20865, 2026-03; tensorzero#2805).
_O_SERIES = replace(_REASONS, max_output_tokens=100_000, unsupported=_STOP | {"parallel_tool_calls"})
_LOW_TO_MAX = map_efforts("low", "medium", "high", "xhigh", "max")
_NONE_TO_MAX = map_efforts("none", "low", "medium", "high", "xhigh", "max")
_BREAKPOINTS = frozenset({"cache_breakpoints"})  # "prompt caching" guide, gpt-5.6 and later, 2026-11
_PLAIN = ModelRules(max_output_tokens=16_384, schema_subset="openai", source=f"{_MODELS}; 2026-11")
_OLD = replace(_PLAIN, max_output_tokens=4_096, source=f"{_MODELS}, structured outputs page; 2026-11")

OPENAI: RuleTable = (
    RuleRow(r"gpt-oss", replace(_PLAIN, thinking="effort", efforts=map_efforts("low", "medium", "high"), thinks=True)),
    RuleRow(r"gpt-6(\.\d+)?-[a-z]+-pro\b", replace(_PRO, efforts=_LOW_TO_MAX, flags=_BREAKPOINTS)),
    RuleRow(r"gpt-(6-astra|6\.1-sol|6-rosalind)\b", replace(_REASONS, efforts=_LOW_TO_MAX, flags=_BREAKPOINTS)),
    RuleRow(r"gpt-(6-(sol|luna)|6\.1-terra)\b", replace(_CAN_BE_OFF, efforts=_NONE_TO_MAX, flags=_BREAKPOINTS)),
    RuleRow(r"gpt-5\.6\b", replace(_CAN_BE_OFF, efforts=_NONE_TO_MAX, flags=_BREAKPOINTS)),
    RuleRow(r"gpt-5-search-api\b|gpt-4o(-mini)?-search-preview\b", replace(_PLAIN, sampling="never")),
    RuleRow(r"gpt-5\.\d+-pro\b", _PRO),
    RuleRow(r"gpt-5-pro\b", replace(_REASONS, efforts=map_efforts("high"), max_output_tokens=272_000)),
    RuleRow(r"gpt-5-chat\b", _PLAIN),
    RuleRow(r"(gpt-5\.\d+-)?chat(-latest)?\b", _FIXED_EFFORT),
    RuleRow(r"gpt-5\.5\b", _CAN_BE_OFF),
    RuleRow(r"gpt-5\.1-codex-max\b", replace(_REASONS, efforts=map_efforts("low", "medium", "high", "xhigh"))),
    RuleRow(r"gpt-5(\.1)?-codex\b", _REASONS),
    RuleRow(  # `reasoning.mandatory` of openrouter.ai's model list, 2026-11
        r"gpt-5\.2-codex\b", replace(_REASONS, efforts=map_efforts("low", "medium", "high", "xhigh"))
    ),
    RuleRow(r"gpt-5\.1\b", replace(_OPT_IN, efforts=map_efforts("none", "low", "medium", "high"))),
    RuleRow(r"gpt-5\.[234]\b", _OPT_IN),
    RuleRow(r"gpt-5(?!\.)\b", replace(_REASONS, efforts=map_efforts("minimal", "low", "medium", "high"))),
    RuleRow(
        r"o1-(mini|preview)\b",
        replace(
            _PLAIN,
            sampling="never",
            thinks=True,
            max_tokens_field="max_completion_tokens",
            schema="instructions",
            unsupported=frozenset({"tool_choice", "parallel_tool_calls"}),
        ),
    ),
    RuleRow(r"o[134]\b|codex-mini\b|computer-use\b", _O_SERIES),
    # "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model", seen 2026.
    RuleRow(r"gpt-audio\b|gpt-4o(-mini)?-audio\b", replace(_PLAIN, schema="instructions")),
    RuleRow(r"gpt-4o-2024-05-13\b", replace(_OLD, schema="json_mode")),
    RuleRow(r"gpt-4(o|\.)|chatgpt-4o", _PLAIN),
    RuleRow(r"gpt-4-(turbo|1106|0125)|gpt-3\.5-turbo(?!-0301|-0613|-instruct)", replace(_OLD, schema="json_mode")),
    RuleRow(r"gpt-[34]\b|davinci|babbage", replace(_OLD, schema="instructions")),
    RuleRow(
        r"gpt-\d|o\d",
        replace(_CAN_BE_OFF, efforts=_NONE_TO_MAX, source=f"newest generation, assumed; {_REASONING}"),
    ),
    RuleRow(r"", replace(_PLAIN, source=f"names that belong to no known series; {_MODELS}; 2026-11")),
)
