"""A history goes back as it came, and what is not this model's stays out of it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from ratatoskr.errors import InvalidInput, InvalidToolArguments
from ratatoskr.types.chat import ChatOptions, ChatRequest
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
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.anthropic import decode_response, encode_request
from ratatoskr.wire.dialect import Encoded, Target


def encoded(target: Target, *messages: Message, **options: Any) -> Encoded:
    return encode_request(ChatRequest(messages, options=ChatOptions(**options)), target, stream=False)


def turns(target: Target, *messages: Message) -> Any:
    return json.loads(msgspec.json.encode(encoded(target, *messages).body["messages"]))


CARRIED = {
    "as it is": lambda messages: messages,
    "pickled": lambda messages: pickle.loads(pickle.dumps(messages)),
    "saved": lambda messages: load_messages(dump_messages(messages)),
}


@pytest.mark.parametrize("way", CARRIED)
def test_a_turn_goes_back_block_for_block(target, every_block, whole, way):
    message = Message.assistant(decode_response(whole(every_block), target).parts())
    asked = Message.user("Weather?")
    found = encoded(target, *CARRIED[way]([asked, message, Message.user("More")]))
    assert json.loads(msgspec.json.encode(found.body["messages"][1]["content"])) == every_block
    assert found.notices == []


@pytest.mark.parametrize("way", CARRIED)
def test_opaque_values_go_back_byte_for_byte(target, way):
    body = (
        b'{"content":[{"type":"thinking","thinking":"t","signature":"A\\u002f\\/B="},'
        b'{"type":"redacted_thinking","data":"\\u0041 = "},'
        b'{ "type" : "odd", "x": 1.0e5, "y":"\\u00e9", "x2": 10000000000000000000000 },'
        b'{"type":"web_search_tool_result","tool_use_id":"s","content":[ {"encrypted_content":"\\u003d"} ]},'
        b'{"type":"tool_use","id":"t","name":"f","input":{ "b" : 1.50, "a": -0 },"caller":{ "type": "direct" }}]}'
    )
    message = Message.assistant(decode_response(body, target).parts())
    found = msgspec.json.encode(encoded(target, *CARRIED[way]([message])).body)
    for opaque in (
        b'"signature":"A\\u002f\\/B="',
        b'"data":"\\u0041 = "',
        b'{ "type" : "odd", "x": 1.0e5, "y":"\\u00e9", "x2": 10000000000000000000000 }',
        b'[ {"encrypted_content":"\\u003d"} ]',
        b'{ "b" : 1.50, "a": -0 }',
        b'"caller":{ "type": "direct" }',
    ):
        assert found.count(opaque) == 1


def test_a_streamed_turn_goes_back_like_a_whole_one(target, every_block, whole, events, read):
    streamed = Message.assistant(read(events(every_block))[0].turn.parts())
    at_once = Message.assistant(decode_response(whole(every_block), target).parts())
    assert msgspec.json.encode(encoded(target, streamed).body) == msgspec.json.encode(encoded(target, at_once).body)


def test_state_follows_the_model_under_its_other_names(target, every_block, whole):
    message = Message.assistant(decode_response(whole(every_block), target).parts())
    for model in ("claude-sonnet-4-5", "claude-sonnet-4-5-latest", "claude-sonnet-4-5@20250929"):
        assert turns(replace(target, model=model), message)[0]["content"] == every_block


@pytest.mark.parametrize(
    "other",
    [
        Target("anthropic", "claude-opus-5", "messages"),
        Target("openrouter", "claude-sonnet-4-5-20250929", "messages"),
    ],
)
def test_another_models_state_is_left_out_and_told_once_a_kind(target, every_block, whole, other):
    message = Message.assistant(decode_response(whole(every_block), target).parts())
    found = encoded(other, message, message, Message.user("Go on"))
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


def test_the_original_is_kept_for_the_way_back(target, every_block, whole):
    message = Message.assistant(decode_response(whole(every_block), target).parts())
    encoded(Target("anthropic", "claude-opus-5", "messages"), message)
    assert turns(target, message)[0]["content"] == every_block


def test_what_another_provider_left_is_no_speech_of_this_one(target):
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
    found = encoded(target, message)
    assert found.body["messages"] == [{"role": "assistant", "content": "Hello"}]
    assert len(found.notices) == 4


def test_a_turn_of_which_nothing_is_left_is_not_sent(target):
    body = turns(target, Message.user("a"), Message.assistant(ReasoningPart("thoughts")), Message.user("b"))
    assert [turn["content"] for turn in body] == ["a", "b"]


def test_a_turn_without_a_word_is_not_sent_and_blanks_beside_others_are(target):
    call = ToolCall("a", "f", "{}")
    alone = Message.assistant([TextPart("\n\n"), TextPart(" ")])
    beside = Message.assistant([TextPart("\n\n"), call])
    body = turns(target, Message.user("a"), alone, Message.user("b"), beside, Message.tool_results(call.result("c")))
    assert [turn["role"] for turn in body] == ["user", "user", "assistant", "user"]
    assert body[2]["content"][0] == {"type": "text", "text": "\n\n"}


def test_results_of_one_turn_are_one_turn_and_come_first(target):
    calls = Message.assistant([ToolCall("a", "f", "{}"), ToolCall("b", "g", '{"x":1}')])
    found = turns(
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


def test_messages_of_the_user_stay_apart_without_results(target):
    assert [turn["content"] for turn in turns(target, Message.user("a"), Message.user("b"))] == ["a", "b"]


def test_a_result_may_hold_pictures_and_documents(target):
    result = ToolResult("a", (TextPart("see"), ImagePart(data=b"png", media_type="image/png")))
    (turn,) = turns(target, Message.tool_results(result))
    assert turn["content"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}},
    ]


def test_a_toolsets_name_goes_back_with_the_result_too(target):
    state = (ProviderState(target.issuer, b'{"toolset_name":"browser"}'),)
    call = ToolCall("a", "click", "{}", state=state)
    found = turns(target, Message.assistant(call), Message.tool_result("a", "done"))
    assert found[0]["content"][0]["toolset_name"] == found[1]["content"][0]["toolset_name"] == "browser"


def test_ids_of_other_providers_are_put_into_the_letters_taken_here(target):
    ids = ["functions.get:0", "functions get:0", "", "x" * 300]
    calls = Message.assistant([ToolCall(word, "f", "{}") for word in ids])
    found = turns(target, calls, Message.tool_results(*(ToolResult(word, "r") for word in ids)))
    sent = [block["id"] for block in found[0]["content"]]
    assert sent == [block["tool_use_id"] for block in found[1]["content"]]
    assert len(set(sent)) == len(ids)
    assert all(set(word) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for word in sent)


def test_calls_with_broken_arguments_cannot_be_carried(target):
    with pytest.raises(InvalidToolArguments) as refused:
        encoded(target, Message.user("a"), Message.assistant(["b", ToolCall("a", "f", '{"x":')]))
    assert refused.value.field == "messages[1].content[1]"


def test_empty_arguments_are_an_empty_object(target):
    assert turns(target, Message.assistant(ToolCall("a", "f", "")))[0]["content"][0]["input"] == {}


def test_the_container_is_gone_on_in(target, whole):
    first = decode_response(whole([{"type": "text", "text": "a"}], container={"id": "c1", "expires_at": "x"}), target)
    second = decode_response(whole([{"type": "text", "text": "b"}], container={"id": "c2"}), target)
    history = [Message.assistant(first.parts()), Message.user("?"), Message.assistant(second.parts())]
    found = encoded(target, *history)
    assert [turn["content"] for turn in found.body["messages"]] == ["a", "?", "b"]
    assert bytes(found.body["container"]) == b'"c2"'
    other = encoded(Target("anthropic", "claude-opus-5", "messages"), *history)
    assert "container" not in other.body
    assert [notice.code for notice in other.notices] == ["foreign_state_dropped"]


def test_system_messages_stand_on_top(target):
    found = encoded(target, Message.system("one"), Message.system(["two", "three"]), Message.user("Hi")).body
    assert [block["text"] for block in found["system"]] == ["one", "two", "three"]


def test_a_later_system_message_stays_in_place_where_it_is_taken():
    history = [Message.user("a"), Message.assistant("b"), Message.system("now in French"), Message.user("c")]
    for model in ("claude-opus-5", "claude-opus-5-5-20261001", "claude-opus-4-8", "claude-mythos-5-1"):
        found = turns(Target("anthropic", model, "messages"), *history)
        assert found[2] == {"role": "system", "content": "now in French"}
    for model in ("claude-sonnet-5", "claude-opus-4-5", "claude-opus-51"):
        with pytest.raises(InvalidInput) as refused:
            turns(Target("anthropic", model, "messages"), *history)
        assert refused.value.field == "messages[2]"


def test_names_of_speakers_are_left_out_and_told(target):
    found = encoded(target, Message.user("a", name="Ann"), Message.user("b", name="Bob"))
    assert [notice.code for notice in found.notices] == ["name_dropped"]


def test_pictures_and_documents(target):
    found = turns(
        target,
        Message.user(
            [
                ImagePart.from_bytes(b"\xff\xd8", "image/jpeg"),
                ImagePart.from_url("https://e.example/a.png"),
                FilePart.from_bytes(b"%PDF", "application/pdf", "a.pdf"),
                FilePart.from_url("https://e.example/a.pdf"),
                FilePart.from_bytes("é".encode(), "text/csv; charset=utf-8"),
                FilePart.from_bytes(b"gif", "image/gif"),
            ]
        ),
    )
    assert found[0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9g="}},
        {"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "Z2lm"}},
    ]


def test_an_uploaded_file_asks_for_its_beta(target):
    found = encoded(target, Message.user(["see", FileRef("anthropic", "file_1")]))
    assert found.body["messages"][0]["content"][1] == {
        "type": "document",
        "source": {"type": "file", "file_id": "file_1"},
    }
    assert ("anthropic-beta", "files-api-2025-04-14") in found.headers


def test_a_part_in_the_providers_own_words_is_sent_as_it_is(target):
    part = ProviderPart("container_upload", b'{"type":"container_upload","file_id":"f"}', target.issuer)
    cached = replace(part, cache=True)
    content = turns(target, Message.user([part, cached]))[0]["content"]
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
        Message.assistant(ImagePart.from_bytes(b"a", "image/png")),
        Message.assistant(ToolResult("a", "b")),
        Message.assistant(
            ReasoningPart("a", cache=True, state=(ProviderState("anthropic/messages/m", b'{"signature":"s"}'),))
        ),
        Message.tool_result("a", (AudioPart.from_bytes(b"a", "audio/wav"),)),
        Message.assistant(ReasoningPart("a", state=(ProviderState("anthropic/messages/m", b"damaged"),))),
        Message.assistant(ProviderPart("odd", b"damaged", "anthropic/messages/m")),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(message):
    with pytest.raises(InvalidInput) as refused:
        encoded(Target("anthropic", "m", "messages"), message)
    assert refused.value.field == "messages[0].content[0]"


def test_the_largest_picture_is_taken(target):
    assert turns(target, Message.user(ImagePart.from_bytes(b"a" * 3_932_160, "image/png")))


def _round(*first: Any) -> list[Message]:
    return [
        Message.user("go"),
        Message.assistant([*first, ToolCall("a", "f", "{}")]),
        Message.tool_result("a", "1"),
        Message.assistant(ToolCall("b", "f", "{}")),
        Message.tool_result("b", "2"),
    ]


def test_with_a_budget_a_round_that_began_without_thinking_goes_on_without():
    target = Target("anthropic", "m", "messages", ModelRules(thinking="budget"))
    found = encoded(target, *_round(ReasoningPart("of another model")), reasoning="low")
    assert "thinking" not in found.body
    assert "parameter_dropped" in [notice.code for notice in found.notices]
    signed = ProviderState("anthropic/messages/m", b'{"signature":"s"}')
    redacted = ProviderState("anthropic/messages/m", b'{"type":"redacted_thinking","data":"d"}')
    for state in (signed, redacted):
        found = encoded(target, *_round(ReasoningPart("", state=(state,))), reasoning="low")
        assert found.body["thinking"]["type"] == "enabled"
    for history in ([*_round(), Message.assistant("done"), Message.user("next")], [Message.user("go")]):
        assert encoded(target, *history, reasoning="low").body["thinking"]["type"] == "enabled"
