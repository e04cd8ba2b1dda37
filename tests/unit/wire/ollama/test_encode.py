"""Requests to Ollama: options, tools, thinking, structured output."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.types.chat import JsonSchema, ReasoningConfig
from ratatoskr.types.message import Message
from ratatoskr.types.part import ImagePart
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool, ToolDefinition
from ratatoskr.wire import ollama
from unit.wire.ollama.samples import ADD, PLAIN, SCHEMA, SWITCH, USER, encode, encode_body, encode_messages

WORDS = ModelRules(thinking="switch", off="disabled", efforts={"low": "low", "high": "high"})


def test_one_user_message_and_no_silent_truncation():
    messages = [{"role": "user", "content": "Hi"}]
    assert encode_body() == {**PLAIN, "messages": messages, "stream": False}
    assert encode().path == "/api/chat"
    assert encode_body(stream=True)["stream"] is True
    assert ollama.FRAMING == "ndjson"


def test_parameters_live_in_options():
    sent = encode_body(
        temperature=0.0,
        top_p=0.9,
        top_k=3,
        max_tokens=20,
        stop="END",
        seed=7,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logprobs=2,
    )
    assert sent["options"] == {
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 3,
        "num_predict": 20,
        "seed": 7,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.1,
        "stop": ["END"],
    }
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 2)
    assert "top_logprobs" not in encode_body(logprobs=True)


@pytest.mark.parametrize(
    ("rules", "reasoning", "think"),
    [
        (SWITCH, ReasoningConfig(budget_tokens=99), True),
        (SWITCH, ReasoningConfig("xhigh"), True),
        (SWITCH, ReasoningConfig("none"), False),
        (SWITCH, ReasoningConfig(budget_tokens=0), False),
        (WORDS, ReasoningConfig("high"), "high"),
        (WORDS, ReasoningConfig("minimal"), "low"),
        (WORDS, ReasoningConfig("xhigh"), "max"),
        (ModelRules(thinking="switch", efforts={"low": "true"}), ReasoningConfig("low"), True),
    ],
)
def test_thinking_is_a_boolean_or_a_level(rules: ModelRules, reasoning: ReasoningConfig, think: Any):
    assert encode_body(rules=rules, reasoning=reasoning)["think"] == think


def test_thinking_is_left_to_the_model_by_default():
    assert "think" not in encode_body()
    assert "think" not in encode_body(reasoning=ReasoningConfig(include=False))


def test_a_format_is_json_or_the_schema_itself():
    assert encode_body(response_format="json")["format"] == "json"
    assert encode_body(response_format=JsonSchema("n", SCHEMA))["format"] == SCHEMA


@pytest.mark.parametrize(("how", "form"), [("json_mode", "json"), ("instructions", None)])
def test_a_schema_that_cannot_be_sent_becomes_instructions(how: Any, form: Any):
    rules = ModelRules(schema=how)
    encoded = encode(rules=rules, response_format=JsonSchema("n", SCHEMA))
    assert encoded.body.get("format") == form
    assert encoded.body["messages"][0]["role"] == "system"
    assert json.dumps(SCHEMA, separators=(",", ":")) in encoded.body["messages"][0]["content"]
    assert [notice.code for notice in encoded.notices] == ["output_emulated"]
    added = encode_messages(Message.system("Be brief."), USER, rules=rules, response_format=JsonSchema("n", SCHEMA))
    assert len(added) == 2
    assert added[0]["content"].startswith("Be brief.\n\n")


def test_tools_are_functions_and_none_sends_none():
    own = ProviderTool("ollama", {"type": "web_search"})
    function = {"name": "add", "description": "Add.", "parameters": {"type": "object", "$defs": {}}}
    assert encode_body(tools=(ADD, own))["tools"] == [
        {"type": "function", "function": function},
        {"type": "web_search"},
    ]
    assert "tools" not in encode_body(tools=(ADD,), tool_choice="none")
    assert "tools" in encode_body(tools=(ADD,), tool_choice="auto")


@pytest.mark.parametrize("choice", ["required", "add"])
def test_a_choice_of_one_tool_is_not_supported(choice: str):
    assert "tool_choice" not in ollama.PARAMETERS
    with pytest.raises(UnsupportedParameter) as caught:
        encode(tools=(ADD,), tool_choice=choice)
    assert caught.value.field == "tool_choice"


@pytest.mark.parametrize("fields", [{"stop": "\ud800"}, {"tools": (ToolDefinition("a", "", {"x": object()}),)}])
def test_values_that_json_cannot_hold_are_refused(fields: Any):
    with pytest.raises(InvalidInput):
        encode(**fields)


def test_a_flag_sends_one_prompt_to_generate():
    flags = frozenset({"generate"})
    picture = ImagePart(data=b"x", media_type="image/png")
    messages = (Message.system("Be brief."), Message.user(["Hi", picture]))
    encoded = encode(*messages, flags=flags, stream=True, response_format="json")
    assert encoded.path == "/api/generate"
    assert encoded.body == {
        **PLAIN,
        "prompt": "Hi",
        "system": "Be brief.",
        "images": ["eA=="],
        "stream": True,
        "format": "json",
    }
    assert encode(USER, Message.assistant("Yes?"), USER, flags=flags).path == "/api/chat"
    assert encode(USER, flags=flags, tools=(ADD,)).path == "/api/chat"
