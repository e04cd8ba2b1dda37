"""Histories as contents of Gemini: signatures, results, state of other providers."""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message, dump_messages, load_messages
from ratatoskr.types.part import (
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
from ratatoskr.wire import gemini
from ratatoskr.wire.dialect import Target
from unit.wire.gemini.samples import GEMINI_2, GEMINI_3, USER, encode_contents, encode_history

ELSEWHERE = (ProviderState("anthropic/messages/claude-opus-5", b'"theirs"'),)
ANSWER = b"""{"candidates": [{"content": {"role": "model", "parts": [
  {"text": "Hmm. ", "thought": true},
  {"text": "", "thought": true, "thoughtSignature": "c2ln\\u002b0"},
  {"text": "Let me see."},
  {"text": "", "thoughtSignature": "c2lnMQ=="},
  {"executableCode": {"language": "PYTHON",  "code": "print(1.50)", "id": "x1"}, "thoughtSignature": "c2lnMg=="},
  {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1.5\\n", "id": "x1"}},
  {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "s1", "args": {"q": 1.0}}},
  {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "s1", "response": {"n": 2}}},
  {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}, "thoughtSignature": "c2lnMw=="},
  {"novelty": {"a": 1e2}},
  {"functionCall": {"name": "add", "args": {"b": 2.50, "a": 1e3}, "id": "c1"}, "thoughtSignature": "c2lnNA=="},
  {"functionCall": {"name": "add", "args": {}}}
]}, "finishReason": "STOP"}], "modelVersion": "gemini-3.5-flash", "responseId": "r1"}"""


def decode_answer() -> Message:
    return Message("assistant", gemini.decode_response(ANSWER, GEMINI_3).parts())


def round_trip(message: Message, how: str) -> Message:
    if how == "pickle":
        return pickle.loads(pickle.dumps(message))
    return load_messages(dump_messages([message]))[0] if how == "json" else message


@pytest.mark.parametrize("how", ["as it is", "pickle", "json"])
def test_an_answer_is_sent_back_in_position_and_byte_for_byte(how: str):
    encoded = encode_history(USER, round_trip(decode_answer(), how))
    sent = msgspec.json.encode(encoded.body)
    parts = json.loads(sent)["contents"][1]["parts"]
    made_up = parts[-1]["functionCall"]["id"]
    assert parts == [
        {"text": "", "thought": True, "thoughtSignature": "c2ln+0"},
        {"text": "Let me see."},
        {"text": "", "thoughtSignature": "c2lnMQ=="},
        {
            "executableCode": {"language": "PYTHON", "code": "print(1.50)", "id": "x1"},
            "thoughtSignature": "c2lnMg==",
        },
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1.5\n", "id": "x1"}},
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "id": "s1", "args": {"q": 1.0}}},
        {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "s1", "response": {"n": 2}}},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}, "thoughtSignature": "c2lnMw=="},
        {"novelty": {"a": 100.0}},
        {"functionCall": {"id": "c1", "name": "add", "args": {"b": 2.5, "a": 1000.0}}, "thoughtSignature": "c2lnNA=="},
        {"functionCall": {"id": made_up, "name": "add", "args": {}}},
    ]
    for kept in (b'"c2ln\\u002b0"', b'"PYTHON",  "code"', b'{"b": 2.50, "a": 1e3}', b'{"a": 1e2}'):
        assert kept in sent
    assert encoded.notices == []


def test_another_version_of_the_same_model_gets_its_state_back_and_another_model_does_not():
    dated = Target("google", "gemini-3.5-flash-latest", "generate_content", GEMINI_3.rules)
    assert encode_contents(USER, decode_answer(), target=dated) == encode_contents(USER, decode_answer())
    other = encode_history(USER, decode_answer(), target=GEMINI_2)
    parts = other.body["contents"][1]["parts"]
    assert [next(iter(part)) for part in parts] == ["text", "inlineData", "functionCall", "functionCall"]
    assert not any("thoughtSignature" in part for part in parts)
    assert {notice.code for notice in other.notices} == {"foreign_state_dropped"}
    assert len(other.notices) == len({notice.message for notice in other.notices}) == 6


def test_texts_of_other_models_are_sent_without_their_state():
    message = Message.assistant(
        [
            ReasoningPart("theirs", state=ELSEWHERE),
            TextPart("Plain.", state=ELSEWHERE),
            ServerToolCall("w", "web_search", "{}", state=ELSEWHERE),
            ProviderPart("item", b"{}", "openai/responses/gpt-5"),
            ToolCall("c", "add", "", state=ELSEWHERE),
            ToolCall("d", "add", "{}", state=ELSEWHERE),
        ]
    )
    encoded = encode_history(USER, message)
    parts = json.loads(msgspec.json.encode(encoded.body))["contents"][1]["parts"]
    assert parts == [
        {"text": "Plain."},
        {
            "functionCall": {"id": "c", "name": "add", "args": {}},
            "thoughtSignature": "skip_thought_signature_validator",
        },
        {"functionCall": {"id": "d", "name": "add", "args": {}}},
    ]
    assert len(encoded.notices) == 5


def test_models_before_gemini_3_get_no_dummy_signature():
    parts = encode_contents(USER, Message.assistant(ToolCall("c", "add", "{}")), target=GEMINI_2)[1]["parts"]
    assert parts == [{"functionCall": {"id": "c", "name": "add", "args": {}}}]


def test_an_answer_of_which_nothing_can_be_sent_is_left_out():
    assert len(encode_contents(USER, Message.assistant(ReasoningPart("x", state=ELSEWHERE)), USER)) == 2


def test_results_of_one_turn_are_one_content_in_the_order_of_the_calls():
    calls = Message.assistant([ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")])
    one, two = Message.tool_result("b", "2"), Message.tool_results(ToolResult("a", "no", is_error=True))
    sent = encode_contents(USER, calls, one, two, Message.user("Go on"))
    assert sent[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "a", "name": "f", "response": {"error": "no"}}},
            {"functionResponse": {"id": "b", "name": "f", "response": {"output": "2"}}},
        ],
    }
    assert sent[3]["parts"] == [{"text": "Go on"}]


def test_a_result_is_text_so_that_references_in_it_are_not_resolved():
    calls = Message.assistant(ToolCall("a", "f", "{}"))
    sent = encode_contents(USER, calls, Message.tool_result("a", {"$ref": "picture.png"}))
    assert sent[2]["parts"][0]["functionResponse"]["response"] == {"output": '{"$ref":"picture.png"}'}


def test_an_image_of_a_tool_stands_in_its_response_or_beside_it():
    calls = Message.assistant(ToolCall("a", "f", "{}"))
    result = Message.tool_result("a", [TextPart("see"), ImagePart(data=b"x", media_type="image/png")])
    picture = {"inlineData": {"mimeType": "image/png", "data": "eA=="}}
    inside = encode_contents(USER, calls, result)[2]["parts"]
    assert inside[0]["functionResponse"]["parts"] == [picture]
    assert encode_contents(USER, calls, result, target=GEMINI_2)[2]["parts"][1:] == [picture]
    moving = Message.tool_result("a", ImagePart(data=b"x", media_type="image/gif"))
    beside = encode_contents(USER, calls, moving)[2]["parts"]
    assert "parts" not in beside[0]["functionResponse"]
    assert beside[1] == {"inlineData": {"mimeType": "image/gif", "data": "eA=="}}


def test_a_result_without_its_call_needs_a_name():
    named = Message.tool_results(ToolResult("z", "1", name="g"))
    assert encode_contents(USER, named)[1]["parts"][0]["functionResponse"]["name"] == "g"
    with pytest.raises(InvalidInput) as caught:
        encode_history(USER, Message.tool_result("z", "1"))
    assert caught.value.field == "messages[1].content[0]"


@pytest.mark.parametrize(
    "part",
    [
        FileRef("anthropic", "file_1"),
        TextPart("\ud800"),
        ImagePart.from_url("data:image/png;base64,*"),
        ImagePart.from_url("data:image/png"),
        ToolCall("a", "f", "{}"),
        ReasoningPart("x"),
    ],
)
def test_parts_a_user_cannot_send_are_refused_with_their_path(part: Any):
    with pytest.raises(InvalidInput) as caught:
        encode_history(Message.user(["a", part]))
    assert caught.value.field == "messages[0].content[1]"


@pytest.mark.parametrize("arguments", ["[1]", "{"])
def test_arguments_that_are_no_object_go_into_one(arguments: str):
    encoded = encode_history(USER, Message.assistant(ToolCall("a", "f", arguments)))
    call = json.loads(msgspec.json.encode(encoded.body))["contents"][1]["parts"][0]["functionCall"]
    assert call["args"] == {"INVALID_JSON": arguments}
    assert [(notice.code, notice.field) for notice in encoded.notices] == [
        ("arguments_replaced", "messages[1].content[0]")
    ]


@pytest.mark.parametrize("arguments", ["", "  ", "null"])
def test_blank_arguments_are_an_empty_object(arguments: str):
    contents = encode_contents(USER, Message.assistant(ToolCall("a", "f", arguments)))
    assert contents[1]["parts"][0]["functionCall"]["args"] == {}


def test_escapes_of_lone_surrogates_in_arguments_are_replaced():
    call = ToolCall("a", "f", '{"a": "\\ud800 \\ud83d\\ude00"}')
    contents = encode_contents(USER, Message.assistant(call))
    assert contents[1]["parts"][0]["functionCall"]["args"] == {"a": "\ufffd \U0001f600"}


def test_instructions_alone_are_sent_as_a_message_of_the_user():
    encoded = encode_history(Message.system("Write a poem."))
    assert encoded.body == {"contents": [{"role": "user", "parts": [{"text": "Write a poem."}]}]}
    assert [notice.code for notice in encoded.notices] == ["system_as_user"]


def test_a_history_of_nothing_that_can_be_sent_is_refused():
    with pytest.raises(InvalidInput) as caught:
        encode_history(Message.assistant([ReasoningPart("Hm.")]), Message.user(()))
    assert caught.value.field == "messages"


def test_empty_texts_beside_others_are_not_sent():
    contents = encode_contents(Message.user(["", "a"]), Message.assistant(["", "b"]), Message.user("c"))
    assert [content["parts"] for content in contents] == [[{"text": "a"}], [{"text": "b"}], [{"text": "c"}]]


def test_thinking_that_nobody_signed_is_named_in_a_notice():
    encoded = encode_history(USER, Message.assistant([ReasoningPart("Hm."), "a"]))
    assert [notice.code for notice in encoded.notices] == ["foreign_state_dropped"]


@pytest.mark.parametrize("arguments", ['{"a": "\ud800"}', "\ud800"])
def test_a_call_with_a_lone_surrogate_is_refused(arguments: str):
    with pytest.raises(InvalidInput) as caught:
        encode_history(USER, Message.assistant(ToolCall("a", "f", arguments)))
    assert caught.value.field == "messages[1].content[0]"


def test_an_answer_that_was_cut_off_continues_by_its_token():
    body = b"""{"candidates": [{"content": {"parts": [{"text": "One"}]}, "finishReason": "CONTINUATION",
        "continuationToken": "dG9r"}]}"""
    turn = gemini.decode_response(body, GEMINI_3)
    assert turn.finish_reason == "paused"
    paused = Message("assistant", turn.parts())
    encoded = encode_history(USER, paused)
    assert json.loads(msgspec.json.encode(encoded.body)) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "continuationToken": "dG9r",
    }
    assert encode_contents(USER, paused, USER)[1]["parts"] == [{"text": "One"}]
