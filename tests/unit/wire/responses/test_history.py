"""Histories: what the provider sent is sent back byte for byte, to its issuer only."""

import json
import pickle

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types import (
    AudioPart,
    ImagePart,
    Message,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
    dump_messages,
    load_messages,
)
from ratatoskr.wire.dialect import Target
from unit.wire.responses.requests import ALL_ITEMS, body, items, sent


def test_calls_and_results_are_items_of_their_own():
    history = [
        Message.user("a"),
        Message.assistant(
            [TextPart("Let me see. "), TextPart("Yes."), ToolCall("c1", "f", '{"x": 1.0}'), ToolCall("c2", "g", "")]
        ),
        Message.tool_result("c1", "one"),
        Message.tool_results(ToolResult("c2", "broken", is_error=True), ToolResult("c3", ())),
    ]
    assert items(*history)[1:] == [
        {"role": "assistant", "content": "Let me see. Yes."},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x": 1.0}'},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": "Error: broken"},
        {"type": "function_call_output", "call_id": "c3", "output": ""},
    ]


def test_long_ids_are_shortened_in_call_and_result():
    long = "x" * 65
    call, result = items(Message.assistant(ToolCall(long, "f", "{}")), Message.tool_result(long, "r"))
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64


def test_names_of_messages_are_dropped_with_a_notice():
    encoded, notices = body(Message.user("x", name="Ann"), Message.user("y", name="Bob"))
    assert [(n.code, n.field) for n in notices] == [("name_dropped", "messages[0].name")]
    assert encoded["input"][0] == {"role": "user", "content": "x"}


def without_logprobs(item):
    content = [{k: v for k, v in part.items() if k != "logprobs"} for part in item["content"]]
    return {**item, "content": content}


def test_a_turn_is_sent_back_byte_for_byte_and_in_order(wire):
    output = [*wire.output, *ALL_ITEMS]
    items, notices = sent([wire.message(output)], wire.target)
    assert notices == []
    for item, was in zip(items, output, strict=True):
        if was["type"] == "message":
            assert json.loads(item) == without_logprobs(was)
        else:
            assert item == wire.to_json(was)


def test_a_streamed_turn_is_sent_back_like_a_complete_one(wire):
    output = [*wire.output, *ALL_ITEMS]
    _, turn = wire.stream(wire.events_for(output))
    assert sent([Message.assistant(turn.parts())], wire.target) == sent([wire.message(output)], wire.target)


@pytest.mark.parametrize(
    "keep",
    [
        lambda message: message,
        lambda message: pickle.loads(pickle.dumps(message)),
        lambda message: load_messages(dump_messages([message]))[0],
    ],
)
def test_storing_a_history_changes_nothing(wire, keep):
    message = wire.message([*wire.output, *ALL_ITEMS])
    assert sent([keep(message)], wire.target) == sent([message], wire.target)


@pytest.mark.parametrize("model", ["gpt-5.5-2026-04-23", "gpt-5.5-latest"])
def test_state_returns_to_another_edition_of_the_same_model(wire, model):
    items, notices = sent([wire.message(wire.output)], Target("openai", model, "responses"))
    assert items[0] == wire.to_json(wire.output[0])
    assert notices == []


@pytest.mark.parametrize(
    "target",
    [
        Target("openai", "gpt-6", "responses"),
        Target("openrouter", "gpt-5.5", "responses"),
        Target("openai", "gpt-5.5", "x"),
    ],
)
def test_another_model_gets_text_and_calls_and_a_notice_a_kind(wire, target):
    items, notices = sent([wire.message([*wire.output, *ALL_ITEMS[:5]]), Message.user("go")], target)
    assert [json.loads(item) for item in items] == [
        {"role": "assistant", "content": "Hi 🌍No more."},
        {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"b": 2.0, "a":1}'},
        {"role": "user", "content": "go"},
    ]
    assert {n.code for n in notices} == {"foreign_state_dropped"}
    kinds = ["reasoning_part", "server_tool_call", "text_part", "tool_call", "provider_part", "server_tool_result"]
    assert len(notices) == len({n.message for n in notices}) == len([*kinds, "image_part"])


def test_thinking_without_state_is_dropped(wire):
    items, notices = sent([Message.assistant([ReasoningPart("hm"), TextPart("a")])], wire.target)
    assert [json.loads(item) for item in items] == [{"role": "assistant", "content": "a"}]
    assert [n.code for n in notices] == ["foreign_state_dropped"]


def test_a_call_that_the_caller_changed_is_sent_back_changed(wire):
    message = wire.message([wire.output[3]])
    call = message.tool_calls[0]
    mended = ToolCall(call.id, call.name, '{"a":2}', state=call.state)
    items, _ = sent([Message.assistant(mended)], wire.target)
    assert json.loads(items[0]) == {**wire.output[3], "arguments": '{"a":2}'}


def test_a_raw_item_of_the_caller_is_sent_in_its_place(wire):
    approval = b'{"type":"mcp_approval_response","approval_request_id":"mr","approve":true}'
    part = ProviderPart("mcp_approval_response", approval, wire.target.issuer)
    items, _ = sent([wire.message(ALL_ITEMS[13:]), Message.user([part, TextPart("Go.")])], wire.target)
    assert items[1:] == [approval, b'{"role":"user","content":"Go."}']


def test_an_unknown_content_part_is_sent_back_inside_its_message(wire):
    message = {**wire.output[2], "content": [{"type": "hologram", "n": 1.0}, wire.output[2]["content"][1]]}
    items, _ = sent([wire.message([message])], wire.target)
    assert [json.loads(item) for item in items] == [message]
    items, notices = sent([wire.message([message])], Target("x", "y", "responses"))
    assert items == [b'{"role":"assistant","content":"No more."}']
    assert len(notices) == 2


def test_two_messages_of_one_turn_stay_two(wire):
    first = {**wire.output[2], "id": "msg_0", "phase": "commentary"}
    items, _ = sent([wire.message([first, wire.output[2]])], wire.target)
    assert [json.loads(item)["id"] for item in items] == ["msg_0", "msg_1"]


@pytest.mark.parametrize(
    "part",
    [
        TextPart("a", state=(ProviderState("openai/responses/gpt-5.5", b"broken"),)),
        ToolCall("c", "f", "{}", state=(ProviderState("openai/responses/gpt-5.5", b"broken"),)),
    ],
)
def test_an_unsupported_assistant_message_is_rejected(wire, part):
    with pytest.raises(InvalidInput) as refused:
        sent([Message.assistant(part)], wire.target)
    assert refused.value.field.startswith("messages[0].content")


THOUGHT = '{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"RU5D"}'


def _thought(target):
    return ReasoningPart("", state=(ProviderState(target.issuer, THOUGHT.encode()),))


def _kinds(*messages, target):
    return [item.get("type") or item["role"] for item in items(*messages, target=target)]


def test_reasoning_with_no_item_of_the_assistant_behind_it_is_left_out():
    target = Target("openai", "gpt-5.4", "responses")
    thought, call = _thought(target), ToolCall("c1", "f", "{}")
    user, alone = Message.user("a"), Message.assistant([thought])
    assert _kinds(user, alone, user, target=target) == ["user", "user"]
    assert _kinds(user, alone, target=target) == ["user"]
    assert _kinds(user, Message.assistant([TextPart("x"), thought]), user, target=target) == [
        "user",
        "assistant",
        "user",
    ]
    assert _kinds(user, Message.assistant([call, thought]), Message.tool_result("c1", "r"), target=target) == [
        "user",
        "function_call",
        "function_call_output",
    ]


def test_reasoning_with_an_item_behind_it_is_sent_back():
    target = Target("openai", "gpt-5.4", "responses")
    thought, user = _thought(target), Message.user("a")
    for behind, kind in ((TextPart("x"), "assistant"), (ToolCall("c1", "f", "{}"), "function_call")):
        assert _kinds(user, Message.assistant([thought, behind]), user, target=target) == [
            "user",
            "reasoning",
            kind,
            "user",
        ]
        split = [Message.assistant([thought]), Message.assistant([behind])]
        assert _kinds(user, *split, target=target) == ["user", "reasoning", kind]


def test_empty_instructions_are_not_sent():
    assert items(Message.user("a"), Message.system(""), Message.user("b")) == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
    ]


def test_reasoning_at_the_end_is_left_out_with_a_notice():
    target = Target("openai", "gpt-5.4", "responses")
    _, notices = sent([Message.user("a"), Message.assistant([_thought(target)])], target)
    assert [n.code for n in notices] == ["reasoning_dropped"]
    with pytest.raises(InvalidInput) as refused:
        sent([Message.assistant([_thought(target)])], target)
    assert refused.value.field == "messages"


@pytest.mark.parametrize("arguments", ["", " \n", "null"])
def test_blank_arguments_are_an_empty_object(arguments):
    assert items(Message.assistant(ToolCall("c1", "f", arguments)))[0]["arguments"] == "{}"


@pytest.mark.parametrize("own", [False, True])
def test_arguments_that_are_no_object_go_into_one(own):
    target = Target("openai", "gpt-5.4", "responses")
    item = (
        '{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\\"a\\": ","status":"incomplete"}'
    )
    state = (ProviderState(target.issuer, item.encode()),) if own else ()
    found, notices = sent([Message.user("a"), Message.assistant(ToolCall("c1", "f", '{"a": ', state=state))], target)
    call = json.loads(found[1])
    assert json.loads(call["arguments"]) == {"INVALID_JSON": '{"a": '}
    assert call.get("id") == ("fc_1" if own else None)
    assert [(n.code, n.field) for n in notices] == [("arguments_replaced", "messages[1].content[0]")]


def test_media_that_another_model_made_are_left_out(wire):
    answer = Message.assistant(["a", ImagePart(data=b"x", media_type="image/png")])
    found, notices = sent([Message.user("q"), answer], wire.target)
    assert json.loads(found[1]) == {"role": "assistant", "content": "a"}
    assert [(n.code, n.field) for n in notices] == [("media_dropped", "messages[1].content[1]")]


def test_audio_of_a_tool_follows_in_a_message_of_the_user():
    wav = AudioPart(data=b"RIFF", media_type="audio/wav")
    calls = [ToolCall("c1", "speak", "{}"), ToolCall("c2", "f", "{}")]
    results = [calls[0].result([wav]), calls[1].result(["said", wav])]
    found = items(Message.user("q"), Message.assistant(calls), Message.tool_results(*results))
    assert [item.get("type", item.get("role")) for item in found[3:]] == [
        "function_call_output",
        "function_call_output",
        "user",
    ]
    assert found[4]["output"] == "said"
    assert [part["type"] for part in found[5]["content"]] == ["input_text", "input_audio"] * 2
