"""Requests: options, tools, output formats, cache breakpoints."""

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types import (
    JsonSchema,
    Message,
    ProviderTool,
    TextPart,
    ToolDefinition,
    ToolResult,
)
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.dialect import Target
from unit.wire.responses.requests import PLAIN, body, items

CACHING = Target("openai", "gpt-5.6-sol", "responses")

ADD = ToolDefinition("add", "Adds.", {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "z": 1, "b": 2})


def test_a_plain_request_is_small_and_stores_nothing():
    encoded, notices = body(Message.user("Hello"))
    assert encoded == {"model": "gpt-4.1", "input": [{"role": "user", "content": "Hello"}], "store": False}
    assert notices == []
    assert body(Message.user("Hello"), stream=True)[0]["stream"] is True


def test_leading_system_messages_are_instructions_and_later_ones_are_items():
    encoded, _ = body(
        Message.system("Be brief."), Message.system("Be kind."), Message.user("Hi"), Message.system("Now")
    )
    assert encoded["instructions"] == "Be brief.\n\nBe kind."
    assert encoded["input"] == [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Now"}]


def test_the_rules_name_the_instructions_role():
    target = Target("openai", "gpt-5", "responses", ModelRules(instructions_role="developer"))
    encoded, _ = body(Message.user("Hi"), Message.system("Now"), target=target)
    assert encoded["input"][1] == {"role": "developer", "content": "Now"}


def test_a_system_message_alone_is_input():
    assert items(Message.system("Speak.")) == [{"role": "system", "content": "Speak."}]


def test_all_options():
    encoded, _ = body(
        Message.user("Hi"),
        temperature=0.5,
        top_p=0.9,
        max_tokens=99,
        user="u1",
        service_tier="flex",
        metadata={"k": "v"},
        logprobs=3,
    )
    del encoded["model"], encoded["input"], encoded["store"]
    assert encoded == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 99,
        "service_tier": "flex",
        "safety_identifier": "u1",
        "metadata": {"k": "v"},
        "top_logprobs": 3,
        "include": ["message.output_text.logprobs"],
    }


def test_log_probabilities_without_alternatives():
    encoded, _ = body(Message.user("Hi"), logprobs=True)
    assert encoded["include"] == ["message.output_text.logprobs"]
    assert "top_logprobs" not in encoded
    assert "include" not in body(Message.user("Hi"), logprobs=False)[0]


NO_MEMBERS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
"""What strict mode asks for of an object without members."""


def test_tools_are_flat_and_their_schemas_untouched():
    search = ProviderTool("openai", {"type": "web_search", "filters": {"x": 1}})
    foreign = ProviderTool("anthropic", {"type": "web_search_20250305"})
    strict = ToolDefinition("sub", "", {"type": "object"}, strict=True)
    encoded, notices = body(Message.user("Hi"), tools=(search, ADD, foreign, strict))
    assert encoded["tools"] == [
        {"type": "web_search", "filters": {"x": 1}},
        {
            "type": "function",
            "name": "add",
            "description": "Adds.",
            "parameters": dict(ADD.parameters),
            "strict": False,
        },
        {"type": "function", "name": "sub", "parameters": NO_MEMBERS, "strict": True},
    ]
    assert list(encoded["tools"][1]["parameters"]) == ["type", "properties", "z", "b"]
    assert [(n.code, n.field) for n in notices] == [("provider_tool_dropped", "tools[2]")]


@pytest.mark.parametrize(
    ("choice", "encoded"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("add", {"type": "function", "name": "add"}),
        ("web_search", {"type": "web_search"}),
        ("math", {"type": "custom", "name": "math"}),
        ("deep", {"type": "mcp", "server_label": "deep"}),
    ],
)
def test_a_tool_choice_names_any_kind_of_tool(choice, encoded):
    own = [{"type": "web_search"}, {"type": "custom", "name": "math"}, {"type": "mcp", "server_label": "deep"}]
    tools = (ADD, *(ProviderTool("openai", definition) for definition in own))
    assert body(Message.user("Hi"), tools=tools, tool_choice=choice)[0]["tool_choice"] == encoded


def test_a_name_inside_a_namespace_may_be_chosen():
    tools = (ProviderTool("openai", {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}),)
    encoded, _ = body(Message.user("Hi"), tools=tools, tool_choice="f", parallel_tool_calls=False)
    assert (encoded["tool_choice"], encoded["parallel_tool_calls"]) == ({"type": "function", "name": "f"}, False)


@pytest.mark.parametrize(("choice", "tools"), [("required", ()), ("sub", (ADD,)), ("sub", ())])
def test_a_choice_that_names_no_tool_is_rejected(choice, tools):
    with pytest.raises(InvalidInput) as refused:
        body(Message.user("Hi"), tools=tools, tool_choice=choice)
    assert refused.value.field == "tool_choice"


def test_tool_choice_none_is_not_sent_without_tools():
    assert "tool_choice" not in body(Message.user("Hi"), tool_choice="none")[0]


def test_native_structured_output():
    schema = JsonSchema("out", {"type": "object", "properties": {}}, True)
    assert body(Message.user("Hi"), response_format=schema)[0]["text"] == {
        "format": {"type": "json_schema", "name": "out", "schema": NO_MEMBERS, "strict": True}
    }


@pytest.mark.parametrize(
    ("means", "form"), [("json_mode", {"format": {"type": "json_object"}}), ("instructions", None)]
)
def test_emulated_structured_output(means, form):
    target = Target("x", "m", "responses", ModelRules(schema=means))
    schema = JsonSchema("out", {"type": "object"})
    encoded, notices = body(Message.system("S"), Message.user("Hi"), target=target, response_format=schema)
    assert encoded.get("text") == form
    instructions = encoded.get("instructions") or " ".join(
        i["content"] for i in encoded["input"] if i["role"] == "system"
    )
    assert instructions.startswith("S")
    assert '{"type":"object"}' in instructions
    assert [n.code for n in notices] == ["output_emulated"]


def test_json_mode_has_the_word_json_in_the_input():
    encoded, _ = body(Message.system("Reply in JSON"), Message.user("Hi"), response_format="json")
    assert encoded["text"] == {"format": {"type": "json_object"}}
    assert encoded["input"] == [{"role": "system", "content": "Reply in JSON"}, {"role": "user", "content": "Hi"}]
    encoded, _ = body(Message.user("Hi"), response_format="json")
    assert encoded["input"] == [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("messages", "options", "tools", "field"),
    [
        ([Message.system("\udc00"), Message.user("x")], {}, (), "messages[0].content"),
        ([Message.user("x")], {"user": "\ud800"}, (), "user"),
        ([Message.user("x")], {}, (ToolDefinition("f", "\ud800", {}),), "tools[0]"),
        ([Message.user("x")], {}, (ToolDefinition("f", "", {"d": "\ud800"}),), "tools[0].parameters"),
        ([], {}, (), "messages"),
        ([Message("tool", (TextPart("x"),))], {}, (), "messages[0].content[0]"),
    ],
)
def test_invalid_requests_are_rejected(messages, options, tools, field):
    with pytest.raises(InvalidInput) as refused:
        body(*messages, tools=tools, **options)
    assert refused.value.field == field


def test_cache_breakpoints_are_set_where_the_model_supports_them():
    marked = Message.user([TextPart("a", cache=True), TextPart("b")])
    mark = {"mode": "explicit"}
    assert items(marked, target=CACHING)[0]["content"] == [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": mark},
        {"type": "input_text", "text": "b"},
    ]
    assert "prompt_cache_breakpoint" not in items(marked, target=PLAIN)[0]["content"][0]
    encoded, _ = body(Message.system(TextPart("s", cache=True)), Message.user("x"), target=CACHING)
    assert "instructions" not in encoded
    assert encoded["input"][0]["content"][0]["prompt_cache_breakpoint"] == mark
    result = ToolResult("c", "r", cache=True)
    assert items(Message.tool_results(result), target=CACHING)[0]["output"][0]["prompt_cache_breakpoint"] == mark


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("gpt-5.6", True),
        ("openai/gpt-6-luna", True),
        ("gpt-5.10-x", True),
        ("gpt-5.5", False),
        ("gpt-4o", False),
        ("o3", False),
    ],
)
def test_caching_is_switched_off_where_it_can_be(model, takes):
    encoded, _ = body(Message.user("x"), target=Target("openai", model, "responses"), cache_prompt=False)
    assert encoded.get("prompt_cache_options") == ({"mode": "explicit"} if takes else None)
