"""Histories as turns of content blocks; state of other models stays out of them."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message, dump_messages, load_messages
from ratatoskr.types.part import (
    AudioPart,
    Citation,
    FilePart,
    FileRef,
    ImagePart,
    ProviderPart,
    ProviderState,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCall,
    ToolResult,
)
from ratatoskr.wire.anthropic import decode_response
from ratatoskr.wire.dialect import Target
from unit.wire.anthropic.samples import encode_history, encode_turns

CARRIED = {
    "as it is": lambda messages: messages,
    "pickled": lambda messages: pickle.loads(pickle.dumps(messages)),
    "saved": lambda messages: load_messages(dump_messages(messages)),
}


@pytest.mark.parametrize("way", CARRIED)
def test_a_turn_is_sent_back_block_for_block(target, every_block, response_body, way):
    message = Message.assistant(decode_response(response_body(every_block), target).parts())
    asked = Message.user("Weather?")
    found = encode_history(target, *CARRIED[way]([asked, message, Message.user("More")]))
    assert json.loads(msgspec.json.encode(found.body["messages"][1]["content"])) == every_block
    assert found.notices == []


@pytest.mark.parametrize("way", CARRIED)
def test_opaque_values_are_sent_back_byte_for_byte(target, way):
    body = (
        b'{"content":[{"type":"thinking","thinking":"t","signature":"A\\u002f\\/B="},'
        b'{"type":"redacted_thinking","data":"\\u0041 = "},'
        b'{ "type" : "odd", "x": 1.0e5, "y":"\\u00e9", "x2": 10000000000000000000000 },'
        b'{"type":"web_search_tool_result","tool_use_id":"s","content":[ {"encrypted_content":"\\u003d"} ]},'
        b'{"type":"tool_use","id":"t","name":"f","input":{ "b" : 1.50, "a": -0 },"caller":{ "type": "direct" }}]}'
    )
    message = Message.assistant(decode_response(body, target).parts())
    found = msgspec.json.encode(encode_history(target, *CARRIED[way]([message])).body)
    for opaque in (
        b'"signature":"A\\u002f\\/B="',
        b'"data":"\\u0041 = "',
        b'{ "type" : "odd", "x": 1.0e5, "y":"\\u00e9", "x2": 10000000000000000000000 }',
        b'[ {"encrypted_content":"\\u003d"} ]',
        b'{ "b" : 1.50, "a": -0 }',
        b'"caller":{ "type": "direct" }',
    ):
        assert found.count(opaque) == 1


def test_a_streamed_turn_is_sent_like_a_whole_one(target, every_block, response_body, events, read):
    streamed = Message.assistant(read(events(every_block))[0].turn.parts())
    at_once = Message.assistant(decode_response(response_body(every_block), target).parts())
    assert msgspec.json.encode(encode_history(target, streamed).body) == msgspec.json.encode(
        encode_history(target, at_once).body
    )


def test_state_follows_the_model_under_its_other_names(target, every_block, response_body):
    message = Message.assistant(decode_response(response_body(every_block), target).parts())
    for model in ("claude-sonnet-4-5", "claude-sonnet-4-5-latest", "claude-sonnet-4-5@20250929"):
        assert encode_turns(replace(target, model=model), message)[0]["content"] == every_block


@pytest.mark.parametrize(
    "other",
    [
        Target("anthropic", "claude-opus-5", "messages"),
        Target("openrouter", "claude-sonnet-4-5-20250929", "messages"),
    ],
)
def test_state_of_another_model_is_left_out_with_one_notice_a_kind(target, every_block, response_body, other):
    message = Message.assistant(decode_response(response_body(every_block), target).parts())
    found = encode_history(other, message, message, Message.user("Go on"))
    content = json.loads(msgspec.json.encode(found.body["messages"][0]["content"]))
    assert content == [
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "sunny \u2028 \U0001f31e"},
        {"type": "tool_use", "id": "toolu_1", "name": "get", "input": {"z": 1.0, "a": ["é"]}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ]
    assert {notice.code for notice in found.notices} == {"foreign_state_dropped"}
    messages = [notice.message for notice in found.notices]
    assert len(messages) == len(set(messages)) == 5


def test_encoding_for_another_model_does_not_change_the_message(target, every_block, response_body):
    message = Message.assistant(decode_response(response_body(every_block), target).parts())
    encode_history(Target("anthropic", "claude-opus-5", "messages"), message)
    assert encode_turns(target, message)[0]["content"] == every_block


def test_parts_of_another_provider_are_left_out(target):
    foreign = (ProviderState("openai/responses/gpt-5", b'{"id":"rs_1"}'),)
    message = Message.assistant(
        [
            ReasoningPart("thoughts", state=foreign),
            ReasoningPart("unsigned"),
            ServerToolCall("ws_1", "web_search", "{}", state=foreign),
            ServerToolResult("ws_1", "web_search", "{}"),
            ProviderPart("odd", b"{}", "openai/responses/gpt-5"),
            TextPart("Hello", (Citation(data=b'{"type":"url_citation"}'),), state=foreign),
            TextPart(""),
        ]
    )
    found = encode_history(target, message)
    assert found.body["messages"] == [{"role": "assistant", "content": "Hello"}]
    assert len(found.notices) == 4


def test_a_turn_without_blocks_is_not_sent(target):
    body = encode_turns(target, Message.user("a"), Message.assistant(ReasoningPart("thoughts")), Message.user("b"))
    assert [turn["content"] for turn in body] == ["a", "b"]


def test_blank_texts_are_not_sent(target):
    """The provider refuses them: "text content blocks must contain non-whitespace text" (home-assistant#175637)."""
    call = ToolCall("a", "f", "{}")
    alone = Message.assistant([TextPart("\n\n"), TextPart(" ")])
    beside = Message.assistant([TextPart("\n\n"), call])
    results = Message.tool_results(ToolResult("a", (TextPart(" "),)), ToolResult("a", (TextPart(""), TextPart("d"))))
    encoded = encode_history(target, Message.system(["", "s"]), Message.user(["a", " "]), alone, beside, results)
    body = encoded.body["messages"]
    assert encoded.body["system"] == "s"
    assert [turn["role"] for turn in body] == ["user", "assistant", "user"]
    assert body[0]["content"] == "a"
    assert [block["type"] for block in body[1]["content"]] == ["tool_use"]
    assert [block.get("content") for block in body[2]["content"]] == [None, [{"type": "text", "text": "d"}]]
    assert [notice.code for notice in encoded.notices] == ["blank_text_dropped"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_blank_message_of_the_user_is_refused(target, text):
    with pytest.raises(InvalidInput) as refused:
        encode_history(target, Message.user("a"), Message.assistant("b"), Message.user([text, text]))
    assert refused.value.field == "messages[2].content"


def test_results_of_one_turn_are_one_turn_and_come_first(target):
    calls = Message.assistant([ToolCall("a", "f", "{}"), ToolCall("b", "g", '{"x":1}')])
    found = encode_turns(
        target,
        Message.user("Do"),
        calls,
        Message.user("By the way"),
        Message.tool_result("a", "one"),
        Message.tool_results(ToolResult("b", "failed", is_error=True, cache=True), ToolResult("c", ())),
        Message.user(["And", "more"]),
    )
    assert [turn["role"] for turn in found] == ["user", "assistant", "user"]
    assert found[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "one"},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": "failed",
            "is_error": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "tool_result", "tool_use_id": "c"},
        {"type": "text", "text": "By the way"},
        {"type": "text", "text": "And"},
        {"type": "text", "text": "more"},
    ]


def test_user_messages_stay_separate_without_results(target):
    assert [turn["content"] for turn in encode_turns(target, Message.user("a"), Message.user("b"))] == ["a", "b"]


def test_a_result_may_hold_images_and_documents(target):
    result = ToolResult("a", (TextPart("see"), ImagePart(data=b"png", media_type="image/png")))
    (turn,) = encode_turns(target, Message.tool_results(result))
    assert turn["content"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}},
    ]


def test_the_name_of_a_toolset_is_sent_with_the_result_too(target):
    state = (ProviderState(target.issuer, b'{"toolset_name":"browser"}'),)
    call = ToolCall("a", "click", "{}", state=state)
    found = encode_turns(target, Message.assistant(call), Message.tool_result("a", "done"))
    assert found[0]["content"][0]["toolset_name"] == found[1]["content"][0]["toolset_name"] == "browser"


def test_ids_of_other_providers_are_converted_to_the_accepted_characters(target):
    ids = ["functions.get:0", "functions get:0", "", "x" * 300]
    calls = Message.assistant([ToolCall(word, "f", "{}") for word in ids])
    found = encode_turns(target, calls, Message.tool_results(*(ToolResult(word, "r") for word in ids)))
    sent = [block["id"] for block in found[0]["content"]]
    assert sent == [block["tool_use_id"] for block in found[1]["content"]]
    assert len(set(sent)) == len(ids)
    assert all(set(word) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for word in sent)


def test_arguments_that_are_no_object_go_into_one(target):
    encoded = encode_history(target, Message.user("a"), Message.assistant(["b", ToolCall("a", "f", '{"x":')]))
    block = encoded.body["messages"][1]["content"][1]
    assert json.loads(msgspec.json.encode(block["input"])) == {"INVALID_JSON": '{"x":'}
    assert [(notice.code, notice.field) for notice in encoded.notices] == [
        ("arguments_replaced", "messages[1].content[1]")
    ]


@pytest.mark.parametrize("arguments", ["", " ", "null"])
def test_empty_arguments_are_an_empty_object(target, arguments):
    assert encode_turns(target, Message.assistant(ToolCall("a", "f", arguments)))[0]["content"][0]["input"] == {}


@pytest.mark.parametrize("part", [ImagePart.from_bytes(b"a", "image/png"), AudioPart.from_bytes(b"a", "audio/wav")])
def test_media_that_another_model_made_are_left_out(target, part):
    encoded = encode_history(target, Message.user("a"), Message.assistant(["b", part]), Message.user("c"))
    assert [turn["content"] for turn in encoded.body["messages"]] == ["a", "b", "c"]
    assert [(notice.code, notice.field) for notice in encoded.notices] == [("media_dropped", "messages[1].content[1]")]


def test_instructions_alone_are_sent_as_a_message_of_the_user(target):
    encoded = encode_history(target, Message.system("Write a poem."), Message.assistant([ReasoningPart("Hm.")]))
    assert encoded.body["messages"] == [{"role": "user", "content": "Write a poem."}]
    assert "system" not in encoded.body
    assert [notice.code for notice in encoded.notices] == ["foreign_state_dropped", "system_as_user"]
    with pytest.raises(InvalidInput) as refused:
        encode_history(target, Message.assistant([ReasoningPart("Hm.")]))
    assert refused.value.field == "messages"


def test_the_last_turn_ends_as_the_provider_continues_it(target):
    signed = ReasoningPart("Hm.", state=(ProviderState(target.issuer, b'{"signature":"s"}'),))
    encoded = encode_history(target, Message.user("a"), Message.assistant(["b \n", signed]))
    assert encoded.body["messages"][1]["content"] == "b"
    assert [notice.code for notice in encoded.notices] == ["reasoning_dropped", "text_trimmed"]
    alone = encode_history(target, Message.user("a"), Message.assistant([signed]))
    assert [turn["role"] for turn in alone.body["messages"]] == ["user"]
    earlier = encode_history(target, Message.user("a"), Message.assistant([signed]), Message.user("c"))
    assert [turn["role"] for turn in earlier.body["messages"]] == ["user", "assistant", "user"]
    assert earlier.notices == []


def test_a_call_of_the_providers_tool_that_was_cut_off_is_left_out_once_the_user_goes_on(target):
    state = (ProviderState(target.issuer, b'{"type":"server_tool_use"}'),)
    paused = Message.assistant(["a", ServerToolCall("srvtoolu_1", "web_search", "{}", state=state)])
    assert len(encode_turns(target, Message.user("q"), paused)[1]["content"]) == 2
    encoded = encode_history(target, Message.user("q"), paused, Message.user("go on"))
    assert encoded.body["messages"][1]["content"] == "a"
    assert [notice.code for notice in encoded.notices] == ["server_call_dropped"]
    with_own = Message.assistant([*paused.content, ToolCall("a", "f", "{}")])
    waiting = encode_turns(target, Message.user("q"), with_own, Message.tool_result("a", "r"))
    assert len(waiting[1]["content"]) == 3


def test_the_next_turn_continues_in_the_container(target, response_body):
    first = decode_response(
        response_body([{"type": "text", "text": "a"}], container={"id": "c1", "expires_at": "x"}), target
    )
    second = decode_response(response_body([{"type": "text", "text": "b"}], container={"id": "c2"}), target)
    history = [Message.assistant(first.parts()), Message.user("?"), Message.assistant(second.parts())]
    found = encode_history(target, *history)
    assert [turn["content"] for turn in found.body["messages"]] == ["a", "?", "b"]
    assert bytes(found.body["container"]) == b'"c2"'
    other = encode_history(Target("anthropic", "claude-opus-5", "messages"), *history)
    assert "container" not in other.body
    assert [notice.code for notice in other.notices] == ["foreign_state_dropped"]


def test_system_messages_become_the_system_parameter(target):
    found = encode_history(target, Message.system("one"), Message.system(["two", "three"]), Message.user("Hi")).body
    assert [block["text"] for block in found["system"]] == ["one", "two", "three"]


def test_a_later_system_message_keeps_its_place_where_it_is_accepted():
    history = [Message.user("a"), Message.assistant("b"), Message.system("now in French"), Message.user("c")]
    for model in ("claude-opus-5", "claude-opus-5-5-20261001", "claude-opus-4-8", "claude-mythos-5-1"):
        found = encode_turns(Target("anthropic", model, "messages"), *history)
        assert found[2] == {"role": "system", "content": "now in French"}
    for model in ("claude-sonnet-5", "claude-opus-4-5", "claude-opus-51"):
        with pytest.raises(InvalidInput) as refused:
            encode_turns(Target("anthropic", model, "messages"), *history)
        assert refused.value.field == "messages[2]"


def test_names_of_participants_are_left_out_with_a_notice(target):
    found = encode_history(target, Message.user("a", name="Ann"), Message.user("b", name="Bob"))
    assert [notice.code for notice in found.notices] == ["name_dropped"]


def test_a_provider_part_is_sent_as_it_is(target):
    part = ProviderPart("container_upload", b'{"type":"container_upload","file_id":"f"}', target.issuer)
    cached = replace(part, cache=True)
    content = encode_turns(target, Message.user([part, cached]))[0]["content"]
    assert content[0] == {"type": "container_upload", "file_id": "f"}
    assert content[1] == {**content[0], "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    "message",
    [
        Message.user(AudioPart.from_bytes(b"a", "audio/wav")),
        Message.user(ImagePart.from_bytes(b"a", "image/tiff")),
        Message.user(ImagePart.from_bytes(b"a" * 3_932_161, "image/png")),
        Message.user(FilePart.from_bytes(b"a", "application/zip")),
        Message.user(FilePart.from_bytes(b"\xff", "text/plain")),
        Message.user(FilePart.from_url("https://e.example/a.txt", "text/plain")),
        Message.user(FileRef("openai", "file_1")),
        Message.user(ToolCall("a", "f", "{}")),
        Message.system(ImagePart.from_bytes(b"a", "image/png")),
        Message.assistant(ToolResult("a", "b")),
        Message.assistant(
            ReasoningPart("a", cache=True, state=(ProviderState("anthropic/messages/m", b'{"signature":"s"}'),))
        ),
        Message.tool_result("a", (AudioPart.from_bytes(b"a", "audio/wav"),)),
        Message.assistant(ReasoningPart("a", state=(ProviderState("anthropic/messages/m", b"damaged"),))),
        Message.assistant(ProviderPart("odd", b"damaged", "anthropic/messages/m")),
    ],
)
def test_parts_that_cannot_be_sent_are_refused_with_their_path(message):
    with pytest.raises(InvalidInput) as refused:
        encode_history(Target("anthropic", "m", "messages"), message)
    assert refused.value.field == "messages[0].content[0]"
