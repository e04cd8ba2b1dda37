"""Claude models at Anthropic's Messages endpoint.

Sources: platform.claude.com/docs (models overview, extended and adaptive thinking, effort, tool use, structured
outputs) and the live-verified profiles of pydantic-ai 2.68, read 2026-11.
"""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.models.rule_table import NO_PREFILL, RuleRow, RuleTable, map_efforts
from ratatoskr.types.rules import ModelRules

_DOCS = "platform.claude.com/docs/en/about-claude/models/overview"
_CURRENT = f"{_DOCS}, adaptive thinking and effort pages; pydantic-ai 2.68 profiles/anthropic.py; 2026-11"
_EARLIER = f"{_DOCS}, extended thinking page; 2026-11"
_RETIRED = f"{_DOCS}, deprecations page; 2026-11"

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
    thinking="budget",
    off="disabled",
    endpoint="messages",
    forced_while_reasoning=False,
    max_output_tokens=64_000,
    source=_EARLIER,
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
            efforts=map_efforts("low", "medium", "high", "max"),
            thinks=False,
        ),
    ),
    RuleRow(r"claude-(opus|sonnet|haiku)-4-5\b", _BUDGET),
    RuleRow(r"claude-opus-4-1\b", replace(_BUDGET, max_output_tokens=32_000)),
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
