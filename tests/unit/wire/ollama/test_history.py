"""Histories as messages of Ollama."""

from __future__ import annotations

import json
import pickle
from typing import Any

import msgspec
import pytest

from ratatoskr.errors import InvalidInput
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
from unit.wire.ollama.samples import ELSEWHERE, USER, encode, encode_messages


@pytest.mark.parametrize("how", ["as it is", "pickle", "json"])
def test_a_history_is_sent_with_thinking_calls_and_results(how: str):
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


def test_texts_of_other_models_are_sent_without_their_state():
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
    assert len(encode_messages(USER, only_theirs, USER)) == 2


def test_images_are_sent_by_bytes():
    url = ImagePart.from_url("data:image/png;base64,eA==")
    sent = encode_messages(Message.user(["What", ImagePart(data=b"x", media_type="image/png"), " is it?", url]))
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
def test_parts_that_ollama_cannot_take_are_refused_with_their_path(part: Any):
    with pytest.raises(InvalidInput) as caught:
        encode(Message.user(["a", part]))
    assert caught.value.field == "messages[0].content[1]"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message.tool_result("z", "1"), "messages[1].content[0]"),
        (Message("tool", (TextPart("x"),)), "messages[1].content[0]"),
        (Message.system(ImagePart(data=b"x", media_type="image/png")), "messages[1].content"),
    ],
)
def test_a_history_that_does_not_fit_is_refused_with_its_path(message: Message, field: str):
    with pytest.raises(InvalidInput) as caught:
        encode(USER, message)
    assert caught.value.field == field


def test_text_files_are_sent_as_text():
    file = FilePart(data=b"a,b", media_type="text/csv; charset=utf-8", name="t.csv")
    call = ToolCall("c", "read", "{}")
    sent = encode_messages(
        Message.user([file, " ?"]), Message.assistant([call]), Message.tool_results(call.result([file]))
    )
    assert [message["content"] for message in sent] == [
        '<file name="t.csv">\na,b\n</file> ?',
        "",
        '<file name="t.csv">\na,b\n</file>',
    ]
    with pytest.raises(InvalidInput) as caught:
        encode(Message.user(FilePart(data=b"\xff", media_type="text/plain")))
    assert caught.value.field == "messages[0].content[0]"


@pytest.mark.parametrize(("arguments", "sent"), [("[1]", {"INVALID_JSON": "[1]"}), ("null", {}), (" ", {})])
def test_arguments_that_are_no_object_go_into_one(arguments: str, sent: Any):
    encoded = encode(USER, Message.assistant(ToolCall("a", "f", arguments)))
    call = json.loads(msgspec.json.encode(encoded.body))["messages"][1]["tool_calls"][0]
    assert call["function"]["arguments"] == sent
    assert [notice.code for notice in encoded.notices] == ["arguments_replaced"] * ("INVALID_JSON" in sent)


def test_media_that_another_model_made_are_left_out():
    encoded = encode(USER, Message.assistant(["a", AudioPart(data=b"x", media_type="audio/wav")]), USER)
    assert [message["content"] for message in encoded.body["messages"]] == ["Hi", "a", "Hi"]
    assert [(notice.code, notice.field) for notice in encoded.notices] == [("media_dropped", "messages[1].content[1]")]


def test_a_history_of_nothing_that_can_be_sent_is_refused():
    state = (ProviderState("openai/responses/gpt-5", b"{}"),)
    with pytest.raises(InvalidInput) as caught:
        encode(Message.assistant([ReasoningPart("Hm.", state=state)]))
    assert caught.value.field == "messages"
