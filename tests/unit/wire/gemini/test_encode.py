"""Requests to Gemini: parameters, structured output, the path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import JsonSchema
from ratatoskr.types.message import Message
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.wire import gemini
from unit.wire.gemini.samples import ADD, BUDGET, SCHEMA, encode, encode_body


def test_one_user_message_is_one_content():
    assert encode_body() == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3.5-flash", "/v1beta/models/gemini-3.5-flash:generateContent"),
        ("models/gemini-3.5-flash", "/v1beta/models/gemini-3.5-flash:generateContent"),
        ("../../x?key=1#a:b", "/v1beta/models/..%2F..%2Fx%3Fkey%3D1%23a%3Ab:generateContent"),
    ],
)
def test_the_name_of_a_model_is_one_segment_of_the_path(model: str, path: str):
    assert encode(model=model).path == path


def test_a_stream_asks_for_server_sent_events_and_a_flag_for_another_version():
    assert encode(stream=True, flags=frozenset({"v1"})).path == (
        "/v1/models/gemini-3.5-flash:streamGenerateContent?alt=sse"
    )
    assert gemini.FRAMING == "sse"


def test_system_messages_become_the_system_instruction():
    said = encode_body(Message.system("Be brief."), Message.user("Hi"), Message.system("Be kind."))
    assert said["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}
    assert len(said["contents"]) == 1


def test_every_parameter_is_sent_under_its_name():
    said = encode_body(
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        max_tokens=20,
        stop=["END"],
        seed=7,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logprobs=4,
        service_tier="flex",
        cache_prompt=True,
    )
    assert said["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "maxOutputTokens": 20,
        "seed": 7,
        "presencePenalty": 0.2,
        "frequencyPenalty": 0.1,
        "stopSequences": ["END"],
        "responseLogprobs": True,
        "logprobs": 4,
    }
    assert said["serviceTier"] == "flex"


def test_without_a_limit_none_is_sent():
    assert "generationConfig" not in encode_body(rules=ModelRules(max_output_tokens=65536))


def test_a_schema_is_sent_untouched():
    said = encode_body(response_format=JsonSchema("n", SCHEMA))["generationConfig"]
    assert said == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    assert encode_body(response_format="json")["generationConfig"] == {"responseMimeType": "application/json"}


@pytest.mark.parametrize(
    ("rules", "tools", "config"),
    [
        (ModelRules(schema="json_mode"), (), {"responseMimeType": "application/json"}),
        (ModelRules(schema="instructions"), (), None),
        (BUDGET, (ADD,), None),
    ],
)
def test_a_schema_that_cannot_be_sent_becomes_instructions(rules: ModelRules, tools: Any, config: Any):
    encoded = encode(
        Message.system("Be brief."),
        Message.user("Hi"),
        rules=rules,
        tools=tools,
        response_format=JsonSchema("n", SCHEMA),
    )
    assert encoded.body.get("generationConfig") == config
    assert [notice.code for notice in encoded.notices] == ["output_emulated"]
    first, second = encoded.body["systemInstruction"]["parts"]
    assert first == {"text": "Be brief."}
    assert json.dumps(SCHEMA, separators=(",", ":")) in second["text"]


def test_gemini_3_takes_a_schema_together_with_tools():
    assert (
        "responseJsonSchema" in encode_body(tools=(ADD,), response_format=JsonSchema("n", SCHEMA))["generationConfig"]
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"stop": ["\ud800"]}, "stop"),
        ({"tools": (ToolDefinition("a", "\ud800", {}),)}, "tools[0]"),
        ({"tools": (ADD, ToolDefinition("a", "", {"title": "\ud800"}))}, "tools[1]"),
        ({"tools": (ToolDefinition("a", "", {"default": object()}),)}, "tools[0]"),
        ({"response_format": JsonSchema("n", {"title": "\udfff"})}, "response_format"),
    ],
)
def test_values_that_json_cannot_hold_are_refused_with_their_path(fields: Any, field: str):
    with pytest.raises(InvalidInput) as caught:
        encode(**fields)
    assert caught.value.field == field


def test_a_notice_says_that_the_cache_cannot_be_switched_off():
    assert [n.field for n in encode(cache_prompt=False).notices] == ["cache_prompt"]
