"""Histories: calls and results, opaque state that is sent back to its issuer byte for byte, state that is left out."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message, dump_messages, load_messages
from ratatoskr.types.part import (
    AudioPart,
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
from ratatoskr.wire import chat_completions as dialect


def test_string_content_flag_joins_texts(wire):
    parts = Message.user(["a", "b"])
    assert wire.messages(parts)[0]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert wire.at("string_content").messages(parts)[0]["content"] == "a\n\nb"


def test_no_system_flag_moves_instructions_to_the_user(wire):
    wire.at("no_system")
    messages = wire.messages(Message.system("Be brief."), "Hi", Message.assistant("Yes?"), Message.system("Now long."))
    assert messages == [
        {"role": "user", "content": "Be brief.\n\nHi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Now long."},
    ]


def test_names_of_messages(wire):
    assert wire.messages(Message.user("Hi", name="ann"))[0]["name"] == "ann"
    assert "name" not in wire.at("no_name").messages(Message.user("Hi", name="ann"))[0]


FOREIGN = (ProviderState("other/messages/m", b'{"signature":"s"}'),)

PNG = ImagePart.from_bytes(b"\x89PNG", "image/png")


def codes(encoded):
    return [(n.code, n.field) for n in encoded.notices]


def test_calls_and_results(wire):
    messages = wire.messages(
        "Add",
        Message.assistant(["Well,", ToolCall("c1", "add", '{"a": 1,  "b":2.0}'), ToolCall("c2", "now", " ")]),
        Message.tool_results(ToolResult("c1", "3"), ToolResult("c2", "no clock", is_error=True)),
        Message.tool_results(ToolResult("c3", (TextPart("a"), TextPart("b")))),
    )
    assert messages[1:] == [
        {
            "role": "assistant",
            "content": "Well,",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1,  "b":2.0}'}},
                {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: no clock"},
        {"role": "tool", "tool_call_id": "c3", "content": "a\n\nb"},
    ]


def test_calls_without_text_have_no_content(wire):
    messages = wire.messages(Message.assistant(ToolCall("c1", "f", "{}")), Message.assistant(""))
    assert [m["content"] for m in messages] == [None, ""]


def test_images_of_tools_follow_in_a_message_of_the_user_after_all_results(wire):
    messages = wire.messages(
        Message.assistant([ToolCall("c1", "plot", "{}"), ToolCall("c2", "f", "{}")]),
        Message.tool_results(ToolResult("c1", [PNG]), ToolResult("c2", ["two", PNG])),
        "Thanks",
    )
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
    assert messages[1:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "The result is attached to the next message of the user."},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Result of tool plot (c1):"},
                image,
                {"type": "text", "text": "Result of tool f (c2):"},
                image,
            ],
        },
        {"role": "user", "content": "Thanks"},
    ]
    tool = wire.at("tool_media").messages(Message.tool_results(ToolResult("c2", ["two", PNG])))[0]
    assert tool["content"] == [{"type": "text", "text": "two"}, image]


def test_results_inside_a_message_of_the_user_keep_their_place(wire):
    messages = wire.messages(Message.user([ToolResult("c1", "r"), "and now?"]))
    assert messages == [
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
        {"role": "user", "content": "and now?"},
    ]


@pytest.mark.parametrize(
    "message",
    [
        Message.system(PNG),
        Message("tool", (TextPart("x"),)),
        Message.assistant(ToolResult("c1", "r")),
        Message.user(ToolCall("c1", "f", "{}")),
    ],
)
def test_parts_in_the_wrong_message_are_rejected(wire, message):
    with pytest.raises(InvalidInput) as caught:
        wire.request(message)
    assert caught.value.field == "messages[0].content[0]"


def test_mistral_gets_short_ids_and_the_names_of_tools(wire):
    wire.at("mistral")
    _, tool, other = wire.messages(
        Message.assistant([ToolCall("call_0123456789", "f", "{}")]),
        Message.tool_results(ToolResult("call_0123456789", "r"), ToolResult("abcDEF123", "s")),
    )
    assert len(tool["tool_call_id"]) == 9
    assert tool["tool_call_id"].isalnum()
    assert tool["name"] == "f"
    assert other["tool_call_id"] == "abcDEF123"
    call = wire.messages(Message.assistant([ToolCall("call_0123456789", "f", "{}")]))[0]["tool_calls"][0]
    assert call["id"] == tool["tool_call_id"]


@pytest.mark.parametrize(
    ("content", "after"),
    [((TextPart("r"), ImagePart.from_url("https://host/a.png")), []), ((TextPart("r"),), [Message.user("stop")])],
    ids=["a picture in a result", "the user after a result"],
)
def test_mistral_gets_no_message_of_the_user_right_behind_a_result(wire, content, after):
    history = [
        Message.assistant([ToolCall("abcdefghi", "f", "{}")]),
        Message.tool_results(ToolResult("abcdefghi", content)),
        *after,
    ]
    assert [message["role"] for message in wire.messages(*history)] == ["assistant", "tool", "user"]
    wire.at("mistral")
    sent = wire.messages(*history)
    assert [message["role"] for message in sent] == ["assistant", "tool", "assistant", "user"]
    assert sent[2]["content"]
    assert [notice.code for notice in wire.request(*history).notices] == ["message_added"]


def test_mistral_gets_nothing_between_a_result_and_the_assistant(wire):
    call, result = Message.assistant([ToolCall("abcdefghi", "f", "{}")]), Message.tool_result("abcdefghi", "r")
    sent = wire.at("mistral").messages(call, result, Message.assistant("Done."), Message.user("Thanks"))
    assert [message["role"] for message in sent] == ["assistant", "tool", "assistant", "user"]
    assert wire.request(call, result).notices == []


def test_long_ids_are_shortened_for_openai(wire):
    wire.at("openai")
    (tool,) = wire.messages(Message.tool_result("x" * 41, "r"))
    assert len(tool["tool_call_id"]) <= 40
    assert wire.messages(Message.tool_result("x" * 40, "r"))[0]["tool_call_id"] == "x" * 40


DETAILS = [
    b'{"type":"reasoning.summary", "summary":"Hm \\u00e9","format":"openai-responses-v1","index":0}',
    b'{"type":"reasoning.encrypted","data":"gAAA==","id":"rs_1","format":"openai-responses-v1","index":0}',
    b'{"type":"reasoning.text","text":"","signature":"sig","index":1}',
]


def _answer(wire):
    message = b'{"role":"assistant","content":"Yes.","reasoning":"Hm \\u00e9","reasoning_details":[%s]}' % b",".join(
        DETAILS
    )
    choice = b'{"index":0,"finish_reason":"stop","message":%s}' % message
    body = b'{"id":"g","model":"m","choices":[%s]}' % choice
    return Message("assistant", dialect.decode_response(body, wire.target).parts())


@pytest.mark.parametrize(
    "keep",
    [
        lambda m: m,
        lambda m: pickle.loads(pickle.dumps(m)),
        lambda m: load_messages(dump_messages([m]))[0],
    ],
)
def test_reasoning_details_are_sent_back_byte_for_byte_and_in_order(wire, keep):
    wire.at("openrouter", provider="openrouter", model="openai/gpt-5")
    encoded = wire.request("Hi", keep(_answer(wire)), "And?")
    assert encoded.notices == []
    assert b'"reasoning_details":[%s]' % b",".join(DETAILS) in msgspec.json.encode(encoded.body)
    assert encoded.body["messages"][1]["content"] == "Yes."


def test_another_edition_of_the_model_gets_its_state_back(wire):
    wire.at("openrouter", provider="openrouter", model="openai/gpt-5-2025-08-07")
    answer = _answer(wire)
    wire.at("openrouter", provider="openrouter", model="openai/gpt-5")
    assert len(wire.messages(answer)[0]["reasoning_details"]) == 3


@pytest.mark.parametrize(("provider", "model"), [("openrouter", "x-ai/grok-4"), ("other", "openai/gpt-5")])
def test_foreign_state_is_dropped_with_one_notice(wire, provider, model):
    answer = _answer(wire.at("openrouter", provider="openrouter", model="openai/gpt-5"))
    wire.at("openrouter", provider=provider, model=model)
    encoded = wire.request(answer, answer)
    assert encoded.body["messages"] == [{"role": "assistant", "content": "Yes."}] * 2
    assert codes(encoded) == [("foreign_state_dropped", "messages[0].content[0]")]


def test_thinking_without_an_issuer_is_dropped(wire):
    encoded = wire.request(Message.assistant([ReasoningPart("Hm."), "Yes."]))
    assert encoded.body["messages"] == [{"role": "assistant", "content": "Yes."}]
    assert codes(encoded) == [("foreign_state_dropped", "messages[0].content[0]")]


def test_mistrals_thinking_is_sent_back_in_its_place(wire):
    wire.at("mistral", provider="mistral")
    chunks = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True},
        {"type": "text", "text": "Yes."},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "No."},
    ]
    answer = Message("assistant", wire.decode({"content": chunks}).parts())
    assert answer.text == "Yes.No."
    assert wire.messages(answer, "And?")[0] == {"role": "assistant", "content": chunks}
    encoded = wire.at(provider="other").request(answer)
    assert encoded.body["messages"] == [{"role": "assistant", "content": "Yes.No."}]
    assert [n.code for n in encoded.notices] == ["foreign_state_dropped"] * 2


def test_extra_content_of_a_call_is_sent_back_to_its_issuer_only(wire):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    signed = {**call, "extra_content": {"google": {"thought_signature": "abc="}}}
    answer = Message("assistant", wire.decode({"tool_calls": [signed]}, "tool_calls").parts())
    assert wire.messages(answer)[0]["tool_calls"] == [signed]
    encoded = wire.at(provider="elsewhere").request(answer)
    assert encoded.body["messages"][0]["tool_calls"] == [call]
    assert codes(encoded) == [("foreign_state_dropped", "messages[0].content[0]")]


def test_a_custom_call_is_sent_back_as_one(wire):
    custom = {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    answer = Message("assistant", wire.decode({"tool_calls": [custom]}, "tool_calls").parts())
    assert answer.tool_calls[0].arguments == "select 1"
    assert wire.messages(answer)[0]["tool_calls"] == [custom]


def test_audio_is_sent_back_by_its_id_or_as_its_transcript(wire):
    wire.at("openai", provider="openai")
    audio = {"id": "audio_1", "data": "UklGRg==", "transcript": "Hello.", "expires_at": 1}
    answer = Message("assistant", wire.decode({"content": None, "audio": audio}).parts())
    assert answer.text == "Hello."
    assert wire.messages(answer) == [{"role": "assistant", "content": None, "audio": {"id": "audio_1"}}]
    encoded = wire.at(provider="other").request(answer)
    assert encoded.body["messages"] == [{"role": "assistant", "content": "Hello."}]
    assert {n.code for n in encoded.notices} == {"foreign_state_dropped", "media_dropped"}


def test_openrouters_images_and_file_annotations_are_sent_back(wire):
    wire.at("openrouter", provider="openrouter")
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}]
    annotations = [{"type": "file", "file": {"hash": "h", "content": []}}]
    answer = Message("assistant", wire.decode({"content": "See", "images": images, "annotations": annotations}).parts())
    assert wire.messages(answer) == [
        {"role": "assistant", "content": "See", "images": images, "annotations": annotations}
    ]


def test_a_call_of_another_type_is_sent_back_as_one(wire):
    builtin = {"id": "c", "type": "builtin_function", "function": {"name": "$web_search", "arguments": '{"q":1}'}}
    answer = Message("assistant", wire.decode({"tool_calls": [builtin]}, "tool_calls").parts())
    assert wire.messages(answer)[0]["tool_calls"] == [builtin]
    _, turn = wire.deltas({"tool_calls": [{"index": 0, **builtin}]}, finish="tool_calls")
    assert turn.parts() == answer.content


def test_an_undecodable_image_is_sent_back_to_openrouter_unchanged(wire):
    wire.at("openrouter", provider="openrouter")
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,???"}}]
    answer = Message("assistant", wire.decode({"content": "See", "images": images}).parts())
    assert wire.messages(answer) == [{"role": "assistant", "content": "See", "images": images}]


def test_an_image_in_mistrals_chunks_is_sent_back_in_its_place(wire):
    wire.at("mistral", provider="mistral")
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    chunks = [{"type": "text", "text": "See"}, picture, {"type": "text", "text": "that"}]
    answer = Message("assistant", wire.decode({"content": chunks}).parts())
    assert wire.messages(answer)[0]["content"] == chunks


def test_everything_foreign_is_dropped_with_one_notice_a_kind(wire):
    turn = Message.assistant(
        [
            ReasoningPart("Hm.", state=FOREIGN),
            TextPart("Yes.", state=FOREIGN),
            ToolCall("c", "f", "{}", state=FOREIGN),
            ServerToolCall("s", "web_search", "{}", state=FOREIGN),
            ServerToolResult("s", "web_search", "{}", state=FOREIGN),
            ProviderPart("compaction", b"{}", "other/messages/m"),
            AudioPart.from_bytes(b"x", "audio/wav"),
            PNG,
        ]
    )
    encoded = wire.request(turn, turn)
    assert [m["content"] for m in encoded.body["messages"]] == ["Yes.", "Yes."]
    assert codes(encoded) == [
        *[("foreign_state_dropped", f"messages[0].content[{j}]") for j in range(6)],
        *[("media_dropped", f"messages[0].content[{j}]") for j in (6, 7)],
    ]
