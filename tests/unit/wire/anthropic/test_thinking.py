"""Reasoning parameters as `thinking` and `effort`."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import ReasoningConfig
from ratatoskr.types.message import Message
from ratatoskr.types.part import ProviderState, ReasoningPart, ToolCall
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.dialect import Target
from unit.wire.anthropic.samples import ADAPTIVE, BUDGET, encode, encode_body, encode_history, make_target

EITHER = {**ADAPTIVE, "budgets": (1024, 10**6)}
"""Claude 4.6: adaptive thinking, or a budget."""


@pytest.mark.parametrize(
    ("rules", "wish", "thinking", "effort"),
    [
        (ADAPTIVE, "high", {"type": "adaptive", "display": "summarized"}, "high"),
        (ADAPTIVE, "xhigh", {"type": "adaptive", "display": "summarized"}, "max"),
        (ADAPTIVE, "minimal", {"type": "adaptive", "display": "summarized"}, "low"),
        (ADAPTIVE, ReasoningConfig(), {"type": "adaptive", "display": "summarized"}, None),
        (ADAPTIVE, ReasoningConfig("high", include=False), {"type": "adaptive", "display": "omitted"}, "high"),
        (ADAPTIVE, "none", {"type": "disabled"}, None),
        (ADAPTIVE, ReasoningConfig(budget_tokens=0), {"type": "disabled"}, None),
        ({**ADAPTIVE, "off": "between_tools"}, "none", {"type": "between_tools"}, None),
        ({**ADAPTIVE, "off": "lowest"}, "none", {"type": "adaptive", "display": "summarized"}, "high"),
        ({**ADAPTIVE, "off": None}, "none", None, None),
        (EITHER, ReasoningConfig(budget_tokens=3000), {"type": "enabled", "budget_tokens": 3000}, None),
        (EITHER, ReasoningConfig("high", 3000), {"type": "enabled", "budget_tokens": 3000}, "high"),
        (EITHER, "high", {"type": "adaptive", "display": "summarized"}, "high"),
        (
            EITHER,
            ReasoningConfig(budget_tokens=3000, include=False),
            {"type": "enabled", "budget_tokens": 3000, "display": "omitted"},
            None,
        ),
        ({"thinking": "effort"}, "low", None, "low"),
        ({"thinking": "none"}, "low", None, None),
        (BUDGET, "minimal", {"type": "enabled", "budget_tokens": 1024}, None),
        (BUDGET, "low", {"type": "enabled", "budget_tokens": 2048}, None),
        (BUDGET, "medium", {"type": "enabled", "budget_tokens": 10_000}, None),
        (BUDGET, "high", {"type": "enabled", "budget_tokens": 16_384}, None),
        (BUDGET, "max", {"type": "enabled", "budget_tokens": 32_000}, None),
        (BUDGET, ReasoningConfig(budget_tokens=1), {"type": "enabled", "budget_tokens": 1024}, None),
        (BUDGET, ReasoningConfig(budget_tokens=5000), {"type": "enabled", "budget_tokens": 5000}, None),
        (
            BUDGET,
            ReasoningConfig("low", include=False),
            {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
            None,
        ),
        (BUDGET, "none", {"type": "disabled"}, None),
    ],
)
def test_reasoning_is_encoded_by_the_rules(rules, wish, thinking, effort):
    body = encode_body(make_target(**rules), reasoning=wish)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_a_budget_stays_below_the_limit():
    for limit in (1025, 2000, 4096, 10_000):
        body = encode_body(make_target(**BUDGET), reasoning="max", max_tokens=limit)
        assert 1024 <= body["thinking"]["budget_tokens"] < limit


@pytest.mark.parametrize(
    ("wish", "limit", "field"),
    [("low", 1024, "max_tokens"), (ReasoningConfig(budget_tokens=5000), 5000, "reasoning")],
)
def test_a_limit_without_room_for_thinking_is_refused(wish, limit, field):
    with pytest.raises(InvalidInput) as refused:
        encode(make_target(**BUDGET), reasoning=wish, max_tokens=limit)
    assert refused.value.field == field


def _round(*first: Any) -> list[Message]:
    return [
        Message.user("go"),
        Message.assistant([*first, ToolCall("a", "f", "{}")]),
        Message.tool_result("a", "1"),
        Message.assistant(ToolCall("b", "f", "{}")),
        Message.tool_result("b", "2"),
    ]


def test_a_budget_is_not_sent_in_a_round_that_began_without_thinking():
    target = Target("anthropic", "m", "messages", ModelRules(thinking="budget"))
    found = encode_history(target, *_round(ReasoningPart("of another model")), reasoning="low")
    assert "thinking" not in found.body
    assert "parameter_dropped" in [notice.code for notice in found.notices]
    signed = ProviderState("anthropic/messages/m", b'{"signature":"s"}')
    redacted = ProviderState("anthropic/messages/m", b'{"type":"redacted_thinking","data":"d"}')
    for state in (signed, redacted):
        found = encode_history(target, *_round(ReasoningPart("", state=(state,))), reasoning="low")
        assert found.body["thinking"]["type"] == "enabled"
    for history in ([*_round(), Message.assistant("done"), Message.user("next")], [Message.user("go")]):
        assert encode_history(target, *history, reasoning="low").body["thinking"]["type"] == "enabled"
