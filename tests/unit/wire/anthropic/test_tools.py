"""Tools and the choice among them."""

from __future__ import annotations

import json
from types import MappingProxyType

import msgspec
import pytest

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.types.tool import ProviderTool, ToolDefinition
from unit.wire.anthropic.samples import CLOSED, NOW, SCHEMA, WEATHER, encode, encode_body


def test_schemas_of_tools_are_sent_untouched():
    frozen = ToolDefinition("frozen", "", MappingProxyType({"type": "object", "properties": MappingProxyType({})}))
    tools = encode_body(tools=(WEATHER, NOW, ToolDefinition("s", "d", CLOSED, strict=True, cache=True), frozen))[
        "tools"
    ]
    assert tools == [
        {"name": "weather", "description": "Tells the weather.", "input_schema": SCHEMA},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        {
            "name": "s",
            "description": "d",
            "input_schema": CLOSED,
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "frozen", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert list(tools[0]["input_schema"]) == list(SCHEMA)


def test_the_providers_own_tools_keep_their_place_and_ask_for_their_betas():
    search = ProviderTool("anthropic", {"type": "web_search_20250305", "name": "web_search", "max_uses": 2})
    computer = ProviderTool("anthropic", {"type": "computer_20250124", "name": "computer"})
    found = encode(tools=(WEATHER, search, computer))
    tools = json.loads(msgspec.json.encode(found.body["tools"]))
    assert tools[1] == search.definition
    assert found.headers[1] == ("anthropic-beta", "computer-use-2025-01-24")


def test_another_providers_tool_is_refused():
    with pytest.raises(UnsupportedParameter) as refused:
        encode(tools=(WEATHER, ProviderTool("openai", {"type": "web_search"})))
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
    body = encode_body(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)
    assert body.get("tool_choice") == expected


def test_a_tool_choice_without_tools():
    assert "tool_choice" not in encode_body(tool_choice="auto", parallel_tool_calls=False)
    for choice, tools in (("required", ()), ("weather", (NOW,))):
        with pytest.raises(InvalidInput) as refused:
            encode(tools=tools, tool_choice=choice)
        assert refused.value.field == "tool_choice"
