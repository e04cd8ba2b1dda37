"""Messages in the form of OpenAI's Chat Completions."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ratatoskr import (
    AudioPart,
    Citation,
    FilePart,
    FileRef,
    ImagePart,
    InvalidInput,
    Message,
    ProviderState,
    ReasoningPart,
    ServerToolCall,
    TextPart,
    ToolCall,
    ToolResult,
)

PNG = base64.b64encode(b"\x89PNG").decode()
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}

SAME: dict[str, tuple[dict[str, Any], Message]] = {
    "system": ({"role": "system", "content": "Be brief."}, Message.system("Be brief.")),
    "user": ({"role": "user", "content": "Hi", "name": "ann"}, Message.user("Hi", name="ann")),
    "empty parts": ({"role": "user", "content": []}, Message.user([])),
    "parts": (
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
                {"type": "input_audio", "input_audio": {"data": PNG, "format": "mp3"}},
                {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "a.pdf"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        },
        Message.user(
            [
                "See",
                ImagePart.from_bytes(b"\x89PNG", "image/png"),
                ImagePart(url="https://example.org/a.png", detail="low"),
                AudioPart.from_bytes(b"\x89PNG", "audio/wav"),
                AudioPart.from_bytes(b"\x89PNG", "audio/mpeg"),
                FilePart.from_bytes(b"\x89PNG", "application/pdf", "a.pdf"),
                FileRef("openai", "file-1"),
            ]
        ),
    ),
    "cached": (
        {"role": "user", "content": [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}]},
        Message.user(TextPart("long", cache=True)),
    ),
    "calls": (
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        Message.assistant(ToolCall("c", "f", '{"a": 1}')),
    ),
    "text, reasoning and calls": (
        {"role": "assistant", "content": "So:", "reasoning_content": "hm", "tool_calls": [CALL]},
        Message.assistant([ReasoningPart("hm"), TextPart("So:"), ToolCall("c", "f", '{"a": 1}')]),
    ),
    "result": (
        {"role": "tool", "tool_call_id": "c", "content": "42"},
        Message.tool_results(ToolResult("c", (TextPart("42"),))),
    ),
    "result of parts": (
        {
            "role": "tool",
            "tool_call_id": "c",
            "content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}],
        },
        Message.tool_results(ToolResult("c", (TextPart("4"), TextPart("2")))),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_dicts_and_messages_say_the_same(name: str) -> None:
    data, message = SAME[name]
    assert Message.from_openai(data) == message
    assert message.to_openai() == data


def test_members_of_a_dumped_answer_that_hold_nothing_are_absent() -> None:
    data = {"role": "assistant", "content": "Hi", "refusal": None, "annotations": [], "audio": None, "tool_calls": None}
    assert Message.from_openai({**data, "function_call": None}) == Message.assistant("Hi")


def test_developer_is_system_and_a_refusal_is_text() -> None:
    assert Message.from_openai({"role": "developer", "content": "x"}) == Message.system("x")
    assert Message.from_openai({"role": "assistant", "content": None, "refusal": "No."}).text == "No."


USER = {"role": "user"}
WRONG: dict[str, tuple[Any, str, str]] = {
    "no role": ({"content": "x"}, "message.role", "must be one of system, developer, user, assistant, tool, not None"),
    "old role": ({"role": "function", "content": "x"}, "message.role", "not 'function'"),
    "role of a wrong type": ({"role": ["user"]}, "message.role", "not ['user']"),
    "unknown key": ({**USER, "content": "x", "tool_cals": [1]}, "message.tool_cals", "the members are role, content"),
    "calls of a user": ({**USER, "content": "x", "tool_calls": [CALL]}, "message.tool_calls", "not a member here"),
    "content of a wrong type": ({**USER, "content": 5}, "message.content", "must be text or a list of parts, not int"),
    "part of a wrong type": ({**USER, "content": [5]}, "message.content[0]", "must be an object with a type, not int"),
    "unknown part": ({**USER, "content": [{"type": "video"}]}, "message.content[0].type", "not 'video'"),
    "unknown key of a part": (
        {**USER, "content": [{"type": "text", "text": "x", "txet": "y"}]},
        "message.content[0].txet",
        "the members are type, text, cache_control",
    ),
    "text of a wrong type": ({**USER, "content": [{"type": "text", "text": 5}]}, "message.content[0].text", "not 5"),
    "detail": (
        {**USER, "content": [{"type": "image_url", "image_url": {"url": "https://x", "detail": "highest"}}]},
        "message.content[0].image_url.detail",
        "auto, low, high, original, not 'highest'",
    ),
    "image without a url": (
        {**USER, "content": [{"type": "image_url", "image_url": "https://x"}]},
        "message.content[0].image_url",
        "must be an object",
    ),
    "bad base64": (
        {**USER, "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,??"}}]},
        "message.content[0].image_url.url",
        "is not base64",
    ),
    "file of this machine": (
        {**USER, "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]},
        "url",
        "not a URL that a provider can fetch",
    ),
    "call without a function": (
        {"role": "assistant", "tool_calls": [{"id": "c"}]},
        "message.tool_calls[0].function",
        "must be an object, not None",
    ),
    "arguments as an object": (
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]},
        "message.tool_calls[0].function.arguments",
        "must be text, not {}",
    ),
    "calls that are text": ({"role": "assistant", "tool_calls": "x"}, "message.tool_calls", "must be a list, not str"),
    "result without a call": ({"role": "tool", "content": "x"}, "message.tool_call_id", "must be text, not None"),
    "no dict": ("x", "message", "must be a dict, not str"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    data, field, text = WRONG[name]
    with pytest.raises(InvalidInput) as caught:
        Message.from_openai(data)
    assert caught.value.field == field
    assert text in str(caught.value)


LOST: dict[str, tuple[Message, str, dict[str, Any]]] = {
    "metadata": (Message.user("x", metadata={"a": 1}), "metadata", {"role": "user", "content": "x"}),
    "state": (
        Message.assistant(TextPart("x", state=(ProviderState("a/b/c", b"{}"),))),
        "state of text_part",
        {"role": "assistant", "content": "x"},
    ),
    "citations": (
        Message.assistant(TextPart("x", (Citation("https://x"),))),
        "citations",
        {"role": "assistant", "content": "x"},
    ),
    "server tools": (
        Message.assistant([ServerToolCall("1", "search"), TextPart("x")]),
        "server_tool_call",
        {"role": "assistant", "content": "x"},
    ),
    "audio by url": (
        Message.user([AudioPart.from_url("https://x/a.wav"), "x"]),
        "audio_part",
        {"role": "user", "content": "x"},
    ),
    "file of another provider": (
        Message.user([FileRef("anthropic", "f"), "x"]),
        "file_ref of anthropic",
        {"role": "user", "content": "x"},
    ),
    "a failed tool": (
        Message.tool_result("c", "boom", is_error=True),
        "is_error",
        {"role": "tool", "tool_call_id": "c", "content": "boom"},
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_what_the_form_cannot_say_is_named_or_left_out_on_request(name: str) -> None:
    message, what, without = LOST[name]
    with pytest.raises(InvalidInput, match=f"cannot say {what}; drop=True leaves it out"):
        message.to_openai()
    assert message.to_openai(drop=True) == without


def test_several_results_take_several_dicts() -> None:
    with pytest.raises(InvalidInput, match="a message of 2 tool results takes 2 dicts"):
        Message.tool_results(ToolResult("a", ()), ToolResult("b", ())).to_openai()
