"""A call that is sent again is one call, and a blank one is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.types.part import TextPart, ToolCall
from ratatoskr.wire.turn import TurnBuilder
from unit.wire.test_minor_members import decode, decode_stream

ARGUMENTS = '{"to":"bob"}'


def tool_use(**content: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": "call_1", "name": "pay", "input": {}} | content
    return {"type": "content_block_start", "index": 1, "content_block": block}


def pieces(*texts: str) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": text}}
        for text in texts
    ]


STOP = {"type": "content_block_stop", "index": 1}
WHOLE = [tool_use(), *pieces(ARGUMENTS), STOP]


def message(*events: Any) -> list[Any]:
    start = {"type": "message_start", "message": {"type": "message", "id": "m"}}
    text = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hi"}}
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    return [start, text, *events, end, {"type": "message_stop"}]


def gem(*calls: Any, finish: str | None = None) -> dict[str, Any]:
    parts = [{"functionCall": call} for call in calls]
    return {"candidates": [{"content": {"parts": parts}, "finishReason": finish}], "responseId": "r"}


def line(*calls: Any, done: bool = False) -> dict[str, Any]:
    end = {"done_reason": "stop"} if done else {}
    return {"message": {"content": "", "tool_calls": list(calls)}, "done": done, **end}


PAY = {"name": "pay", "args": {"to": "bob"}, "id": "call_1"}
OLLAMA_PAY = {"id": "call_1", "function": {"name": "pay", "arguments": {"to": "bob"}}}
ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "pay", "arguments": ARGUMENTS}
NEW_ITEM = {**ITEM, "arguments": ""}
TEXT_ITEM = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi"}]}


def item(kind: str, index: int, value: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{kind}", "output_index": index, "item": value}


def completed(*items: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": list(items)}}


ONE_CALL: dict[str, tuple[str, list[Any]]] = {
    "anthropic: twice": ("anthropic", message(*WHOLE, *WHOLE)),
    "anthropic: three times": ("anthropic", message(*WHOLE, *WHOLE, *WHOLE)),
    "anthropic: begun twice": ("anthropic", message(tool_use(), *WHOLE)),
    "anthropic: in pieces, then whole": (
        "anthropic",
        message(tool_use(), *pieces("", ARGUMENTS[:4], ARGUMENTS[4:]), STOP, tool_use(input={"to": "bob"}), STOP),
    ),
    "anthropic: again while it is open": ("anthropic", message(tool_use(), *pieces(ARGUMENTS), *WHOLE)),
    "anthropic: blank again": ("anthropic", message(*WHOLE, tool_use(), STOP)),
    "anthropic: a blank one beside it": ("anthropic", message(tool_use(id="", name=""), STOP, *WHOLE)),
    "anthropic: a nameless one beside it": (
        "anthropic",
        message(*WHOLE, tool_use(id="x", name=""), *pieces("{}"), STOP),
    ),
    "gemini: twice": ("gemini", [gem(PAY), gem(PAY, finish="STOP")]),
    "gemini: blank ones": (
        "gemini",
        [gem({}, {"name": "", "args": {}}, {"id": "x", "args": None}, PAY, finish="STOP")],
    ),
    "gemini: a blank end": ("gemini", [gem(PAY), gem({}), gem(finish="STOP")]),
    "ollama: twice": ("ollama", [line(OLLAMA_PAY), line(OLLAMA_PAY), line(done=True)]),
    "ollama: blank ones": (
        "ollama",
        [line({"id": "x", "function": {"name": "", "arguments": {}}}, {}, OLLAMA_PAY), line({"id": "y"}, done=True)],
    ),
    "responses: every event twice": (
        "responses",
        [event for one in (item("added", 0, NEW_ITEM), item("done", 0, ITEM)) for event in (one, one)]
        + [completed(ITEM)],
    ),
    "responses: under another index": (
        "responses",
        [item("done", 0, ITEM), item("done", 1, ITEM), completed(ITEM, ITEM)],
    ),
    "responses: only at the end": ("responses", [completed(ITEM, ITEM)]),
    "responses: a blank one": (
        "responses",
        [
            item("added", 0, {"type": "function_call", "id": "fc_0", "name": "", "arguments": ""}),
            item("done", 0, {"type": "function_call", "id": "fc_0", "name": "", "arguments": "{}"}),
            item("done", 1, ITEM),
            completed(),
        ],
    ),
}


def calls(turn: TurnBuilder) -> list[tuple[str, str, Any]]:
    return [(p.id, p.name, json.loads(p.arguments)) for p in turn.parts() if isinstance(p, ToolCall)]


@pytest.mark.parametrize("name", ONE_CALL)
def test_a_repeated_or_blank_call(name: str) -> None:
    dialect, events = ONE_CALL[name]
    turn = decode_stream(dialect, *events)
    assert calls(turn) == [("call_1", "pay", {"to": "bob"})]
    assert turn.finish_reason == "tool_calls"


TWO_CALLS: dict[str, tuple[str, list[Any]]] = {
    "anthropic: the same id with another argument": (
        "anthropic",
        message(*WHOLE, tool_use(), *pieces(ARGUMENTS.replace("bob", "eve")), STOP),
    ),
    "gemini: the same id with another argument": (
        "gemini",
        [gem(PAY), gem({**PAY, "args": {"to": "eve"}}, finish="STOP")],
    ),
    "gemini: no ids": (
        "gemini",
        [gem({"name": "pay", "args": {"to": one}}) for one in ("bob", "bob")] + [gem(finish="STOP")],
    ),
    "ollama: the same id with another argument": (
        "ollama",
        [line(OLLAMA_PAY), line({"id": "call_1", "function": {"name": "pay", "arguments": {"to": "eve"}}}, done=True)],
    ),
    "ollama: no ids": ("ollama", [line({"function": OLLAMA_PAY["function"]})] * 2 + [line(done=True)]),
    "responses: other ids": (
        "responses",
        [completed(ITEM, {**ITEM, "id": "fc_2", "call_id": "call_2", "arguments": '{"to":"eve"}'})],
    ),
}


@pytest.mark.parametrize("name", TWO_CALLS)
def test_two_calls_stay_two(name: str) -> None:
    dialect, events = TWO_CALLS[name]
    first, second = calls(decode_stream(dialect, *events))
    assert first[0] != second[0]
    assert (first[1], second[1]) == ("pay", "pay")


def test_a_nameless_call_with_arguments_is_not_lost() -> None:
    turn = decode_stream("anthropic", *message(tool_use(name=""), *pieces(ARGUMENTS), STOP))
    assert calls(turn) == [("call_1", "", {"to": "bob"})]


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            "anthropic",
            {
                "content": [{"type": "text", "text": "hi"}, tool_use(name="", id="")["content_block"]],
                "stop_reason": "end_turn",
            },
        ),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "hi"}, {"functionCall": {"name": ""}}]}}]}),
        ("ollama", {"message": {"content": "hi", "tool_calls": [{"id": "x", "function": {"name": ""}}]}, "done": True}),
        (
            "responses",
            {"output": [TEXT_ITEM, {"type": "function_call", "id": "f", "call_id": "c", "name": "", "arguments": ""}]},
        ),
        (
            "chat_completions",
            {
                "choices": [
                    {
                        "message": {"content": "hi", "tool_calls": [{"function": {"name": "", "arguments": "{}"}}]},
                        "finish_reason": "stop",
                    }
                ]
            },
        ),
    ],
)
def test_a_blank_call_in_a_whole_answer_is_none(dialect: str, body: Any) -> None:
    turn = decode(dialect, body)
    (part,) = turn.parts()
    assert isinstance(part, TextPart)
    assert part.text == "hi"
    assert turn.finish_reason in ("stop", "unknown")
