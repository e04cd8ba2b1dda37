"""What Ollama is asked."""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgspec
import pytest

from ratatoskr.errors import InvalidInput, UnsupportedParameter
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.message import Message, dump_messages, load_messages
from ratatoskr.types.part import (
    AudioPart,
    FilePart,
    FileRef,
    ImagePart,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    ServerToolCall,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool, ToolDefinition
from ratatoskr.wire import ollama
from ratatoskr.wire.dialect import Encoded, Target

SWITCH = ModelRules(thinking="switch", off="disabled")
WORDS = ModelRules(thinking="switch", off="disabled", efforts={"low": "low", "high": "high"})
SCHEMA = {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
ADD = ToolDefinition("add", "Add.", {"type": "object", "$defs": {}})
ELSEWHERE = (ProviderState("google/generate_content/gemini-3.5-flash", b'"theirs"'),)
USER = Message.user("Hi")
PLAIN = {"model": "qwen3:8b", "truncate": False, "shift": False}


def encode(*messages: Message, rules: ModelRules = SWITCH, **fields: Any) -> Encoded:
    target = Target("ollama", "qwen3:8b", "ollama", rules, fields.pop("flags", frozenset()))
    stream = fields.pop("stream", False)
    kept = {name: fields.pop(name) for name in ("tools", "tool_choice") if name in fields}
    request = ChatRequest(messages or (USER,), options=ChatOptions(**fields), **kept)
    return ollama.encode_request(request, target, stream=stream)


def body(*messages: Message, **fields: Any) -> Any:
    return json.loads(msgspec.json.encode(encode(*messages, **fields).body))


def said(*messages: Message, **fields: Any) -> Any:
    return body(*messages, **fields)["messages"]


def test_one_user_message_and_no_silent_truncation():
    messages = [{"role": "user", "content": "Hi"}]
    assert body() == {**PLAIN, "messages": messages, "stream": False}
    assert encode().path == "/api/chat"
    assert body(stream=True)["stream"] is True
    assert ollama.FRAMING == "ndjson"


def test_parameters_live_in_options():
    sent = body(
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
    assert "top_logprobs" not in body(logprobs=True)


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
def test_thinking_is_a_switch_or_a_word(rules: ModelRules, reasoning: ReasoningConfig, think: Any):
    assert body(rules=rules, reasoning=reasoning)["think"] == think


def test_thinking_is_left_to_the_model_where_nothing_is_asked():
    assert "think" not in body()
    assert "think" not in body(reasoning=ReasoningConfig(include=False))


def test_a_format_is_json_or_the_schema_itself():
    assert body(response_format="json")["format"] == "json"
    assert body(response_format=JsonSchema("n", SCHEMA))["format"] == SCHEMA


@pytest.mark.parametrize(("how", "form"), [("json_mode", "json"), ("instructions", None)])
def test_a_schema_that_cannot_be_sent_stands_in_the_instructions(how: Any, form: Any):
    rules = ModelRules(schema=how)
    encoded = encode(rules=rules, response_format=JsonSchema("n", SCHEMA))
    assert encoded.body.get("format") == form
    assert encoded.body["messages"][0]["role"] == "system"
    assert json.dumps(SCHEMA, separators=(",", ":")) in encoded.body["messages"][0]["content"]
    assert [notice.code for notice in encoded.notices] == ["output_emulated"]
    added = said(Message.system("Be brief."), USER, rules=rules, response_format=JsonSchema("n", SCHEMA))
    assert len(added) == 2
    assert added[0]["content"].startswith("Be brief.\n\n")


def test_tools_are_functions_and_none_sends_none():
    own = ProviderTool("ollama", {"type": "web_search"})
    function = {"name": "add", "description": "Add.", "parameters": {"type": "object", "$defs": {}}}
    assert body(tools=(ADD, own))["tools"] == [{"type": "function", "function": function}, {"type": "web_search"}]
    assert "tools" not in body(tools=(ADD,), tool_choice="none")
    assert "tools" in body(tools=(ADD,), tool_choice="auto")


@pytest.mark.parametrize("choice", ["required", "add"])
def test_ollama_cannot_be_told_which_tool_to_call(choice: str):
    assert "tool_choice" not in ollama.PARAMETERS
    with pytest.raises(UnsupportedParameter) as caught:
        encode(tools=(ADD,), tool_choice=choice)
    assert caught.value.field == "tool_choice"


@pytest.mark.parametrize("how", ["as it is", "pickle", "json"])
def test_a_history_goes_back_with_thinking_calls_and_results(how: str):
    answer = Message.assistant(
        [
            ReasoningPart("Hm. "),
            TextPart("Let me "),
            ReasoningPart("So."),
            TextPart("see."),
            ToolCall("c1", "add", '{"b": 2.50, "a": 1e3}'),
            ToolCall("c2", "mul", ""),
        ]
    )
    if how != "as it is":
        saved = pickle.loads(pickle.dumps([answer])) if how == "pickle" else load_messages(dump_messages([answer]))
        answer = saved[0]
    picture = ImagePart(data=b"x", media_type="image/png")
    results = Message.tool_results(ToolResult("c1", "5"), ToolResult("c2", (TextPart("no"), picture), is_error=True))
    encoded = encode(Message.system("Be brief."), USER, answer, results)
    sent = msgspec.json.encode(encoded.body)
    assert b'"arguments":{"b": 2.50, "a": 1e3}' in sent
    assert json.loads(sent)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "thinking": "Hm. So.",
            "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "add", "arguments": {"b": 2.5, "a": 1000.0}}},
                {"id": "c2", "function": {"index": 1, "name": "mul", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "5", "tool_name": "add", "tool_call_id": "c1"},
        {"role": "tool", "content": "Error: no", "images": ["eA=="], "tool_name": "mul", "tool_call_id": "c2"},
    ]
    assert encoded.notices == []


def test_what_others_have_signed_is_said_plainly_without_their_state():
    answer = Message.assistant(
        [
            ReasoningPart("theirs", state=ELSEWHERE),
            TextPart("Plain.", state=ELSEWHERE),
            ServerToolCall("w", "web_search", "{}", state=ELSEWHERE),
            ProviderPart("item", b"{}", "openai/responses/gpt-5"),
            ToolCall("c", "add", "{}", state=ELSEWHERE),
        ]
    )
    encoded = encode(USER, answer)
    assert {"thinking"}.isdisjoint(encoded.body["messages"][1])
    assert encoded.body["messages"][1]["content"] == "Plain."
    assert [notice.code for notice in encoded.notices] == ["foreign_state_dropped"] * 4
    only_theirs = Message.assistant(ReasoningPart("theirs", state=ELSEWHERE))
    assert len(said(USER, only_theirs, USER)) == 2


def test_images_are_sent_by_bytes():
    url = ImagePart.from_url("data:image/png;base64,eA==")
    sent = said(Message.user(["What", ImagePart(data=b"x", media_type="image/png"), " is it?", url]))
    assert sent == [{"role": "user", "content": "What is it?", "images": ["eA==", "eA=="]}]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart.from_url("https://x/a.png"),
        ImagePart.from_url("data:image/png;base64,*"),
        AudioPart(data=b"x", media_type="audio/wav"),
        FilePart(data=b"x", media_type="application/pdf"),
        FileRef("ollama", "f"),
        TextPart("\ud800"),
        ToolCall("c", "f", "{}"),
    ],
)
def test_what_ollama_cannot_carry_is_refused_with_its_place(part: Any):
    with pytest.raises(InvalidInput) as caught:
        encode(Message.user(["a", part]))
    assert caught.value.field == "messages[0].content[1]"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message.tool_result("z", "1"), "messages[1].content[0]"),
        (Message("tool", (TextPart("x"),)), "messages[1].content[0]"),
        (Message.assistant(ToolCall("a", "f", "[1]")), "messages[1].content[0]"),
        (Message.system(ImagePart(data=b"x", media_type="image/png")), "messages[1].content"),
    ],
)
def test_a_history_that_does_not_fit_is_refused_with_its_place(message: Message, field: str):
    with pytest.raises(InvalidInput) as caught:
        encode(USER, message)
    assert caught.value.field == field


@pytest.mark.parametrize("fields", [{"stop": "\ud800"}, {"tools": (ToolDefinition("a", "", {"x": object()}),)}])
def test_what_json_cannot_carry_is_refused(fields: Any):
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
