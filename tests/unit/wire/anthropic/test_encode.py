"""Requests to Anthropic Messages: options, headers, structured output, cache breakpoints."""

from __future__ import annotations

import json

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import PARAM_SET, JsonSchema
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart
from ratatoskr.types.tool import ProviderTool, ToolDefinition
from ratatoskr.wire.anthropic import PARAMETERS
from ratatoskr.wire.dialect import Target
from unit.wire.anthropic.samples import ADAPTIVE, CLOSED, NOW, SCHEMA, encode, encode_body, make_target


def test_the_smallest_request():
    found = encode()
    assert found.path == "/v1/messages"
    assert found.body == {"model": "claude-x", "max_tokens": 8192, "messages": [{"role": "user", "content": "Hi"}]}
    assert found.headers == (("anthropic-version", "2026-10-21"),)
    assert found.notices == []


def test_every_supported_parameter_exists():
    assert {*PARAM_SET, "tool_choice"} >= PARAMETERS


def test_options_are_sent_under_their_names():
    body = encode_body(
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


def test_without_a_limit_that_of_the_model_is_sent():
    assert encode_body(make_target(max_output_tokens=64000))["max_tokens"] == 64000
    assert encode_body(make_target(max_output_tokens=64000), max_tokens=0)["max_tokens"] == 0


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_sampling_asks_for_the_version_that_supports_it(name):
    found = encode(make_target(sampling="unless_reasoning"), **{name: 1})
    assert found.headers == (("anthropic-version", "2023-06-01"),)
    assert found.body[name] == 1
    raw = encode(raw_provider_options={name: 1})
    assert raw.headers == (("anthropic-version", "2023-06-01"),)


def test_a_model_without_sampling_always_gets_the_new_version():
    assert encode(make_target(sampling="never"), temperature=1).headers == (("anthropic-version", "2026-10-21"),)


def test_a_host_that_knows_the_old_version_only_gets_it():
    target = Target("other", "m", "messages", flags=frozenset({"version_2023"}))
    assert encode(target).headers == (("anthropic-version", "2023-06-01"),)


def test_a_schema_is_sent_as_the_output_format():
    found = encode(response_format=JsonSchema("answer", CLOSED))
    body = json.loads(msgspec.json.encode(found.body))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}
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
def test_a_format_that_cannot_be_guaranteed_is_asked_for_by_instructions(rules, wish):
    found = encode(make_target(**rules), Message.system("Be brief."), Message.user("Hi"), response_format=wish)
    assert "output_config" not in found.body
    first, second = found.body["system"]
    assert first["text"] == "Be brief."
    assert "JSON" in second["text"]
    if wish != "json":
        assert '"$ref"' in second["text"]
    assert [notice.code for notice in found.notices] == ["output_emulated"]


def test_a_closed_schema_is_guaranteed_even_if_it_need_not_be_strict():
    assert "format" in encode_body(response_format=JsonSchema("answer", CLOSED, strict=False))["output_config"]


def test_effort_and_schema_share_one_place():
    body = encode_body(make_target(**ADAPTIVE), reasoning="high", response_format=JsonSchema("a", CLOSED))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}, "effort": "high"}


def test_four_breakpoints_are_taken_and_the_fifth_is_refused():
    def text(cache: bool) -> TextPart:
        return TextPart("t", cache=cache)

    system = Message.system([text(True), text(False)])
    user = Message.user([text(True), text(True)])
    tool = ToolDefinition("t", "", {}, cache=True)
    body = encode_body(None, system, user, tools=(tool,))
    assert [("cache_control" in block) for block in body["system"]] == [True, False]
    assert all(block["cache_control"] == {"type": "ephemeral"} for block in body["messages"][0]["content"])
    with pytest.raises(InvalidInput) as refused:
        encode(None, system, user, Message.user(text(True)), tools=(tool,))
    assert refused.value.field == "messages[2].content[0]"
    with pytest.raises(InvalidInput) as refused:
        encode(None, system, user, tools=(tool,), cache_prompt=True)
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
def test_values_that_json_cannot_hold_are_refused_with_their_path(more, messages, field):
    with pytest.raises(InvalidInput) as refused:
        encode(None, *messages, **more)
    assert refused.value.field == field
