"""Requests: options, tools, output formats, cache breakpoints."""

from __future__ import annotations

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.chat import JsonSchema
from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart, ToolCall, ToolResult
from ratatoskr.types.tool import ProviderTool, ToolDefinition
from ratatoskr.wire import chat_completions as dialect

SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "integer"}}}

STRICT = {**SCHEMA, "required": ["a"], "additionalProperties": False}
NO_ARGUMENTS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
ADD = ToolDefinition("add", "Add.", SCHEMA)


def test_a_plain_request_is_model_and_messages_in_this_order(wire):
    encoded = wire.request("Hi")
    assert encoded.path == "/chat/completions"
    assert encoded.notices == []
    assert list(encoded.body) == ["model", "messages"]
    assert encoded.body == {"model": "some-model", "messages": [{"role": "user", "content": "Hi"}]}


def test_all_options(wire):
    body = wire.body(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_tokens=10,
        stop=["\n", "END"],
        seed=3,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        logprobs=2,
        user="u1",
        service_tier="flex",
        metadata={"k": "v"},
    )
    del body["model"], body["messages"]
    assert body == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "max_tokens": 10,
        "stop": ["\n", "END"],
        "seed": 3,
        "frequency_penalty": 0.1,
        "presence_penalty": -0.1,
        "logprobs": True,
        "top_logprobs": 2,
        "user": "u1",
        "service_tier": "flex",
        "metadata": {"k": "v"},
    }


@pytest.mark.parametrize(("logprobs", "members"), [(True, {"logprobs": True}), (False, {}), (0, {"logprobs": True})])
def test_log_probabilities_without_alternatives(wire, logprobs, members):
    body = wire.body(logprobs=logprobs)
    assert {name: value for name, value in body.items() if "logprobs" in name} == members


def test_no_default_limit_is_sent(wire):
    assert "max_tokens" not in wire.at(max_output_tokens=4096).body()


def test_the_rules_name_the_limit_and_the_instructions_role(wire):
    wire.at(max_tokens_field="max_completion_tokens", instructions_role="developer")
    body = wire.body(Message.system("Be brief."), "Hi", max_tokens=5)
    assert body["max_completion_tokens"] == 5
    assert body["messages"][0] == {"role": "developer", "content": "Be brief."}


def test_a_stream_asks_for_usage(wire):
    assert wire.body(stream=True)["stream_options"] == {"include_usage": True}
    assert wire.at("openai").body(stream=True)["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }
    assert "stream_options" not in wire.at("no_stream_options").body(stream=True)
    assert wire.body(stream=True)["stream"] is True


def test_openai_stores_only_with_metadata(wire):
    wire.at("openai")
    assert wire.body(user="u")["safety_identifier"] == "u"
    assert wire.body()["store"] is False
    assert wire.body(metadata={"a": "b"})["store"] is True


def test_mistrals_parameters(wire):
    body = wire.at("mistral").body(Message.user("Hi", name="ann"), seed=1, stream=True)
    assert body["random_seed"] == 1
    assert "stream_options" not in body
    assert body["messages"] == [{"role": "user", "content": "Hi"}]


def test_tools_are_sent_untouched_and_in_their_place(wire):
    search = ProviderTool("host", {"type": "web_search", "max_uses": 1})
    body = wire.body(
        tools=(search, ADD, ToolDefinition("b", "", {}, strict=True)), tool_choice="add", parallel_tool_calls=False
    )
    assert body["tools"] == [
        {"type": "web_search", "max_uses": 1},
        {"type": "function", "function": {"name": "add", "description": "Add.", "parameters": SCHEMA}},
        {"type": "function", "function": {"name": "b", "parameters": NO_ARGUMENTS, "strict": True}},
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_tool_choices(wire, choice):
    assert wire.body(tools=(ADD,), tool_choice=choice)["tool_choice"] == choice


def test_tool_choices_without_tools(wire):
    assert "tool_choice" not in wire.body(tool_choice="auto", parallel_tool_calls=True)
    for choice in ("required", "add"):
        with pytest.raises(InvalidInput) as caught:
            wire.body(tool_choice=choice)
        assert caught.value.field == "tool_choice"


def test_a_custom_tool_can_be_chosen(wire):
    custom = ProviderTool("host", {"type": "custom", "custom": {"name": "sql"}})
    body = wire.body(tools=(custom,), tool_choice="sql")
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "sql"}}


def test_a_tool_of_another_provider_is_dropped_with_a_notice(wire):
    encoded = wire.request(tools=(ProviderTool("other", {"type": "x"}), ADD))
    assert len(encoded.body["tools"]) == 1
    assert [(n.code, n.field) for n in encoded.notices] == [("provider_tool_dropped", "tools[0]")]


@pytest.mark.parametrize("schema", [{"a": "\ud800"}, {"a": object()}])
def test_a_schema_without_a_json_form_is_rejected(wire, schema):
    with pytest.raises(InvalidInput) as caught:
        wire.body(tools=(ToolDefinition("f", "", schema),))
    assert caught.value.field == "tools[0]"


def test_native_structured_output(wire):
    schema, strict = JsonSchema("answer", SCHEMA, strict=False), JsonSchema("answer", STRICT)
    assert wire.body(response_format=schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": False},
    }
    assert wire.body(response_format=strict)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": STRICT, "strict": True},
    }
    assert wire.at("json_object_value").body(response_format=schema)["response_format"] == {
        "type": "json_object",
        "value": SCHEMA,
    }
    assert wire.body(response_format="json")["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("how", ["json_mode", "instructions"])
def test_emulated_structured_output(wire, how):
    encoded = wire.at(schema=how).request(Message.system("Be brief."), "Hi", response_format=JsonSchema("a", SCHEMA))
    assert [n.code for n in encoded.notices] == ["output_emulated"]
    instructions = encoded.body["messages"][0]["content"]
    assert instructions.startswith("Be brief.\n\n")
    assert '"$ref":"#/$defs/x"' in instructions
    assert ("response_format" in encoded.body) == (how == "json_mode")


def test_emulated_structured_output_without_instructions(wire):
    messages = wire.at(schema="instructions").messages("Hi", response_format="json")
    assert [m["role"] for m in messages] == ["system", "user"]


def test_a_lone_surrogate_is_rejected_everywhere(wire):
    with pytest.raises(InvalidInput) as caught:
        wire.request("a\ud83d")
    assert caught.value.field == "messages[0].content[0]"
    for name, value in {"user": "\ud800", "stop": ["\ud800"], "metadata": {"a": "\ud800"}}.items():
        with pytest.raises(InvalidInput) as caught:
            wire.request(**{name: value})
        assert caught.value.field == name


def test_parameters_are_options():
    from ratatoskr.types.chat import PARAM_SET

    assert {*PARAM_SET, "tool_choice"} - {"raw_provider_options"} == dialect.PARAMETERS
    assert dialect.FRAMING == "sse"


EPHEMERAL = {"cache_control": {"type": "ephemeral"}}

HISTORY = (
    Message.system(TextPart("Long.", cache=True)),
    Message.user(["a", TextPart("b", cache=True)]),
    Message.assistant((TextPart("x", cache=True), ToolCall("1", "f", "{}", cache=True))),
    Message("tool", (ToolResult("1", "r", cache=True),)),
)

TOOL = ToolDefinition("f", "", {}, cache=True)


def test_openrouter_marks_parts_calls_results_and_tools(wire):
    body = wire.at("openrouter", model="google/gemini-3-pro").body(*HISTORY, tools=(TOOL,))
    system, user, assistant, tool = body["messages"]
    assert system["content"] == [{"type": "text", "text": "Long.", **EPHEMERAL}]
    assert user["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **EPHEMERAL}]
    assert assistant["content"] == [{"type": "text", "text": "x", **EPHEMERAL}]
    assert assistant["tool_calls"][0]["cache_control"] == {"type": "ephemeral"}
    assert tool["content"] == [{"type": "text", "text": "r", **EPHEMERAL}]
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}


def test_json_mode_is_told_to_the_model_where_no_message_mentions_it(wire):
    instruction = "Answer with one JSON object alone, without any other words or a code fence."
    encoded = wire.request("a", response_format="json")
    assert [notice.code for notice in encoded.notices] == ["instruction_added"]
    system, user = wire.messages("a", response_format="json")
    assert (system["role"], system["content"], user["content"]) == ("system", instruction, "a")
    assert wire.messages(Message.system("S"), "a", response_format="json")[0]["content"] == f"S\n\n{instruction}"
    assert wire.messages("Give me Json.", response_format="json") == [{"role": "user", "content": "Give me Json."}]
    assert wire.request("Give me Json.", response_format="json").notices == []


def test_anthropic_refuses_a_fifth_breakpoint_behind_openrouter_too(wire):
    wire.at("openrouter", model="anthropic/claude-opus-5")
    parts = [TextPart(str(number), cache=True) for number in range(5)]
    (message,) = wire.messages(Message.user(parts[:4]))
    assert message["content"] == [{"type": "text", "text": str(number), **EPHEMERAL} for number in range(4)]
    with pytest.raises(InvalidInput, match="more than 4 cache breakpoints") as refused:
        wire.messages(Message.user(parts))
    assert refused.value.field == "messages"
    with pytest.raises(InvalidInput, match="more than 4 cache breakpoints"):
        wire.body(Message.user(parts[:4]), tools=(TOOL,))


def test_other_models_cache_by_themselves(wire):
    body = wire.at("openrouter", model="openai/gpt-5").body(*HISTORY, tools=(TOOL,), cache_prompt=True)
    assert "cache_control" not in str(body)


def test_openais_breakpoints(wire):
    (message,) = wire.at("openai", "cache_breakpoints").messages(Message.user([TextPart("a", cache=True)]))
    assert message["content"] == [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    assert wire.body(cache_prompt=False)["prompt_cache_options"] == {"mode": "explicit"}
    assert "prompt_cache" not in str(wire.body(cache_prompt=True))


def test_cache_prompt_marks_the_instructions_and_the_end_of_the_prompt(wire):
    wire.at("cache_control")
    messages = wire.messages(
        Message.system("S"), "one", Message.assistant("two"), Message.user(["3", "4"]), cache_prompt=True
    )
    assert messages == [
        {"role": "system", "content": [{"type": "text", "text": "S", **EPHEMERAL}]},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "3"}, {"type": "text", "text": "4", **EPHEMERAL}]},
    ]


def test_the_callers_breakpoints_take_precedence(wire):
    wire.at("cache_control")
    messages = wire.messages(Message.user(TextPart("a", cache=True)), Message.user("b"), cache_prompt=True)
    assert messages[1] == {"role": "user", "content": "b"}
    assert "cache_control" not in str(wire.messages("a", cache_prompt=False))
