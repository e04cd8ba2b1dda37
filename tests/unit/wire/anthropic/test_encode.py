"""Requests in the words of Anthropic Messages."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.types.chat import PARAM_SET, ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool, ToolDefinition
from ratatoskr.wire.anthropic import PARAMETERS, encode_request
from ratatoskr.wire.dialect import Encoded, Target

SCHEMA = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/City"}, "deep": {"anyOf": [{"const": 1}, {"not": {}}]}},
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"City": {"type": "string", "x-odd": [None, 1.50]}},
}
WEATHER = ToolDefinition("weather", "Tells the weather.", SCHEMA)
NOW = ToolDefinition("now", "", {"type": "object", "properties": {}})


def target_of(model: str = "claude-x", **rules: Any) -> Target:
    return Target("anthropic", model, "messages", ModelRules(**rules))


def encoded(target: Target | None = None, *messages: Message, stream: bool = False, **more: Any) -> Encoded:
    names = {"tools", "tool_choice"}
    options = ChatOptions(**{k: v for k, v in more.items() if k not in names})
    given = messages or (Message.user("Hi"),)
    request = ChatRequest(tuple(given), options=options, **{k: v for k, v in more.items() if k in names})
    return encode_request(request, target or target_of(), stream=stream)


def sent(target: Target | None = None, *messages: Message, **more: Any) -> Any:
    return json.loads(msgspec.json.encode(encoded(target, *messages, **more).body))


def test_the_least_request():
    found = encoded()
    assert found.path == "/v1/messages"
    assert found.body == {"model": "claude-x", "max_tokens": 8192, "messages": [{"role": "user", "content": "Hi"}]}
    assert found.headers == (("anthropic-version", "2026-10-21"),)
    assert found.notices == []


def test_every_parameter_it_names_exists():
    assert {*PARAM_SET, "tool_choice"} >= PARAMETERS


def test_the_options_have_their_words():
    body = sent(
        None,
        Message.system("Be brief."),
        Message.user("Hi"),
        stream=True,
        max_tokens=7,
        stop=("a", "b"),
        user="u-1",
        service_tier="standard_only",
        cache_prompt=True,
    )
    assert body == {
        "model": "claude-x",
        "max_tokens": 7,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hi"}],
        "stop_sequences": ["a", "b"],
        "metadata": {"user_id": "u-1"},
        "service_tier": "standard_only",
        "cache_control": {"type": "ephemeral"},
        "stream": True,
    }


def test_without_a_limit_the_models_own_is_sent():
    assert sent(target_of(max_output_tokens=64000))["max_tokens"] == 64000
    assert sent(target_of(max_output_tokens=64000), max_tokens=0)["max_tokens"] == 0


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_sampling_asks_for_the_version_that_knows_it(name):
    found = encoded(target_of(sampling="unless_reasoning"), **{name: 1})
    assert found.headers == (("anthropic-version", "2023-06-01"),)
    assert found.body[name] == 1
    raw = encoded(raw_provider_options={name: 1})
    assert raw.headers == (("anthropic-version", "2023-06-01"),)


def test_a_model_without_sampling_gets_the_new_version_all_the_same():
    assert encoded(target_of(sampling="never"), temperature=1).headers == (("anthropic-version", "2026-10-21"),)


def test_a_host_that_knows_the_old_version_alone_gets_it():
    target = Target("other", "m", "messages", flags=frozenset({"version_2023"}))
    assert encoded(target).headers == (("anthropic-version", "2023-06-01"),)


def test_schemas_of_tools_are_sent_untouched():
    frozen = ToolDefinition("frozen", "", MappingProxyType({"type": "object", "properties": MappingProxyType({})}))
    tools = sent(tools=(WEATHER, NOW, ToolDefinition("s", "d", SCHEMA, strict=True, cache=True), frozen))["tools"]
    assert tools == [
        {"name": "weather", "description": "Tells the weather.", "input_schema": SCHEMA},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        {
            "name": "s",
            "description": "d",
            "input_schema": SCHEMA,
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "frozen", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert list(tools[0]["input_schema"]) == list(SCHEMA)


def test_the_providers_own_tools_keep_their_place_and_ask_for_their_betas():
    search = ProviderTool("anthropic", {"type": "web_search_20250305", "name": "web_search", "max_uses": 2})
    computer = ProviderTool("anthropic", {"type": "computer_20250124", "name": "computer"})
    found = encoded(tools=(WEATHER, search, computer))
    tools = json.loads(msgspec.json.encode(found.body["tools"]))
    assert tools[1] == search.definition
    assert found.headers[1] == ("anthropic-beta", "computer-use-2025-01-24")


def test_another_providers_tool_is_refused():
    with pytest.raises(UnsupportedParameter) as refused:
        encoded(tools=(WEATHER, ProviderTool("openai", {"type": "web_search"})))
    assert refused.value.field == "tools[1]"


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("weather", None, {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choice(choice, parallel, expected):
    body = sent(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)
    assert body.get("tool_choice") == expected


def test_a_choice_among_no_tools():
    assert "tool_choice" not in sent(tool_choice="auto", parallel_tool_calls=False)
    for choice, tools in (("required", ()), ("weather", (NOW,))):
        with pytest.raises(InvalidInput) as refused:
            encoded(tools=tools, tool_choice=choice)
        assert refused.value.field == "tool_choice"


def test_a_schema_is_asked_for_by_the_providers_own_means():
    found = encoded(response_format=JsonSchema("answer", SCHEMA))
    body = json.loads(msgspec.json.encode(found.body))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert found.notices == []


@pytest.mark.parametrize(
    ("rules", "wish"),
    [
        ({"schema": "instructions"}, JsonSchema("answer", SCHEMA)),
        ({"schema": "json_mode"}, JsonSchema("answer", SCHEMA)),
        ({}, JsonSchema("answer", {"type": "object", "additionalProperties": {"const": "$ref"}}, strict=False)),
        ({}, "json"),
    ],
)
def test_a_form_that_cannot_be_guaranteed_is_asked_for_in_words(rules, wish):
    found = encoded(target_of(**rules), Message.system("Be brief."), Message.user("Hi"), response_format=wish)
    assert "output_config" not in found.body
    first, second = found.body["system"]
    assert first["text"] == "Be brief."
    assert "JSON" in second["text"]
    if wish != "json":
        assert '"$ref"' in second["text"]
    assert [notice.code for notice in found.notices] == ["output_emulated"]


def test_a_closed_schema_that_need_not_be_strict_is_guaranteed_all_the_same():
    assert "format" in sent(response_format=JsonSchema("answer", SCHEMA, strict=False))["output_config"]


ADAPTIVE = {"thinking": "adaptive", "thinks": True, "off": "disabled", "efforts": {"xhigh": "max", "high": "high"}}
BUDGET = {"thinking": "budget", "off": "disabled", "max_output_tokens": 64000}


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
def test_reasoning_is_said_by_the_rules(rules, wish, thinking, effort):
    body = sent(target_of(**rules), reasoning=wish)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_a_budget_stays_below_the_limit():
    for limit in (1025, 2000, 4096, 10_000):
        body = sent(target_of(**BUDGET), reasoning="max", max_tokens=limit)
        assert 1024 <= body["thinking"]["budget_tokens"] < limit


@pytest.mark.parametrize(
    ("wish", "limit", "field"),
    [("low", 1024, "max_tokens"), (ReasoningConfig(budget_tokens=5000), 5000, "reasoning")],
)
def test_a_limit_without_room_for_thinking_is_refused(wish, limit, field):
    with pytest.raises(InvalidInput) as refused:
        encoded(target_of(**BUDGET), reasoning=wish, max_tokens=limit)
    assert refused.value.field == field


def test_effort_and_schema_share_one_place():
    body = sent(target_of(**ADAPTIVE), reasoning="high", response_format=JsonSchema("a", SCHEMA))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "high"}


def test_four_breakpoints_are_taken_and_the_fifth_is_refused():
    def text(cache: bool) -> TextPart:
        return TextPart("t", cache=cache)

    system = Message.system([text(True), text(False)])
    user = Message.user([text(True), text(True)])
    tool = ToolDefinition("t", "", {}, cache=True)
    body = sent(None, system, user, tools=(tool,))
    assert [("cache_control" in block) for block in body["system"]] == [True, False]
    assert all(block["cache_control"] == {"type": "ephemeral"} for block in body["messages"][0]["content"])
    with pytest.raises(InvalidInput) as refused:
        encoded(None, system, user, Message.user(text(True)), tools=(tool,))
    assert refused.value.field == "messages[2].content[0]"
    with pytest.raises(InvalidInput) as refused:
        encoded(None, system, user, tools=(tool,), cache_prompt=True)
    assert refused.value.field == "cache_prompt"


LONE = "half \ud83d"


@pytest.mark.parametrize(
    ("more", "messages", "field"),
    [
        ({}, [Message.user(LONE)], "messages[0].content[0]"),
        ({}, [Message.system(["ok", LONE])], "messages[0].content[1]"),
        ({"user": LONE}, [], "user"),
        ({"stop": [LONE]}, [], "stop"),
        ({"tools": (ToolDefinition("t", LONE, {}),)}, [], "tools[0]"),
        ({"tools": (NOW, ToolDefinition("t", "", {"x": [LONE]}))}, [], "tools[1]"),
        ({"tools": (ProviderTool("anthropic", {"type": LONE}),)}, [], "tools[0]"),
        ({"response_format": JsonSchema("a", {"title": LONE})}, [], "response_format"),
        ({"tools": (ToolDefinition("t", "", {"x": object()}),)}, [], "tools[0]"),
    ],
)
def test_what_json_cannot_carry_is_refused_with_its_place(more, messages, field):
    with pytest.raises(InvalidInput) as refused:
        encoded(None, *messages, **more)
    assert refused.value.field == field
