"""Claude models at Anthropic's Messages endpoint.

Sources: platform.claude.com/docs (models overview, extended and adaptive thinking, effort, tool use, structured
outputs) and the live-verified profiles of pydantic-ai 2.68, read 2026-11.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

from ratatoskr.models.rule_table import NO_PREFILL, RuleRow, RuleTable, map_efforts
from ratatoskr.types.rules import ModelRules

_DOCS = "platform.claude.com/docs/en/about-claude/models/overview"
_CURRENT = f"{_DOCS}, adaptive thinking and effort pages; pydantic-ai 2.68 profiles/anthropic.py; 2026-11"
_EARLIER = f"{_DOCS}, extended thinking page; 2026-11"
_RETIRED = f"{_DOCS}, deprecations page; recorded exchanges of Sonnet 4 and 3.5; 2026-11"

# "`temperature` may only be set to 1 when thinking is enabled", and top_p from 0.95 to 1: extended thinking page,
# 2026-11; recorded exchanges.
_WHILE_THINKING = MappingProxyType({"temperature": (1, 1), "top_p": (0.95, 1)})
_BUDGETS = (1_024, math.inf)  # and below max_tokens, which the dialect checks; extended thinking page, 2026-11
# "`temperature` and `top_p` cannot both be specified for this model. Please use only one": Opus 4.1 and later
# (open-webui/pipelines#546, 2025-08; langfuse#9882; MCP-Universe#49; Sonnet 4.6 in Vali-98/ChatterUI#564, 2026-05).
_ONE_SAMPLER = "; one sampler: answers quoted in public reports, 2025-08 to 2026-05"

_GENERATION_5 = ModelRules(
    sampling="never",
    thinking="adaptive",
    efforts=map_efforts("low", "medium", "high", "xhigh", "max"),
    thinks=True,
    off="disabled",
    endpoint="messages",
    max_output_tokens=128_000,
    flags=NO_PREFILL,
    source=_CURRENT,
)
_BUDGET = ModelRules(
    sampling="unless_reasoning",
    accepted=_WHILE_THINKING,
    thinking="budget",
    budgets=_BUDGETS,
    off="disabled",
    endpoint="messages",
    forced_while_reasoning=False,
    max_output_tokens=64_000,
    source=_EARLIER,
)
_ONE_OF_TWO = replace(
    _BUDGET, one_sampler=True, source=f"{_EARLIER}; recorded exchanges of Sonnet and Haiku 4.5{_ONE_SAMPLER}"
)
_NO_THINKING = ModelRules(endpoint="messages", max_output_tokens=4_096, schema="instructions", source=_RETIRED)

ANTHROPIC: RuleTable = (
    RuleRow(r"claude-(fable|mythos)-5-[12]\b", replace(_GENERATION_5, off=None, forced_tool_choice=False)),
    RuleRow(r"claude-(fable-5|mythos-5|mythos-preview)\b", replace(_GENERATION_5, off=None)),
    RuleRow(r"claude-opus-5-5\b", replace(_GENERATION_5, off=None, forced_tool_choice=False)),
    RuleRow(r"claude-sonnet-5-5\b", replace(_GENERATION_5, off="between_tools", forced_tool_choice=False)),
    RuleRow(r"claude-(opus|sonnet|haiku)-5\b", _GENERATION_5),
    RuleRow(r"claude-opus-4-[78]\b", replace(_GENERATION_5, thinks=False)),
    RuleRow(
        r"claude-(opus|sonnet)-4-6\b",
        replace(
            _GENERATION_5,
            sampling="unless_reasoning",
            accepted=_WHILE_THINKING,
            one_sampler=True,
            budgets=_BUDGETS,  # deprecated, and accepted: migration guide, 2026-11; recorded exchanges of Sonnet 4.6
            efforts=map_efforts("low", "medium", "high", "max"),
            thinks=False,
            source=f"{_CURRENT}{_ONE_SAMPLER}",
        ),
    ),
    RuleRow(r"claude-(opus|sonnet|haiku)-4-5\b", _ONE_OF_TWO),
    RuleRow(r"claude-opus-4-1\b", replace(_ONE_OF_TWO, max_output_tokens=32_000)),
    RuleRow(
        r"claude-(opus-4(?!-[1-9]\b)|4-opus)\b",
        replace(_BUDGET, max_output_tokens=32_000, schema="instructions", source=_RETIRED),
    ),
    RuleRow(r"claude-(sonnet-4(?!-[1-9]\b)|4-sonnet|3-7)\b", replace(_BUDGET, schema="instructions", source=_RETIRED)),
    RuleRow(r"claude-3-5\b", replace(_NO_THINKING, max_output_tokens=8_192)),
    RuleRow(r"claude-([123]\b|instant)", _NO_THINKING),
    RuleRow(
        r"",
        replace(_GENERATION_5, source=f"newest generation, assumed for names not listed; {_CURRENT}"),
    ),
)
