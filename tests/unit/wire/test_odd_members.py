"""Every member of an answer in every odd form: what is not the answer itself never costs the answer."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import ReasoningPart, TextPart, ToolCall
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.turn import TurnBuilder
from unit.wire.full_answers import FULL_ANSWERS
from unit.wire.test_minor_members import DIALECTS, decode, decode_stream

ODD = [[], {}, "odd", 1.5, -1, True, False, None, [7], {"a": 1}, 2**70]
Path = tuple[str | int, ...]

STRICT = {
    "anthropic": r"content(\.\d+(\.(type|thinking|text|name|input))?)?|stop_reason",
    "chat_completions": r"choices(\.0(\.(message|message\.(content|reasoning)|finish_reason"
    r"|message\.tool_calls(\.0(\.function(\.\w+)?)?)?))?)?",
    "gemini": r"candidates(\.0(\.(content(\.parts(\.\d+(\.\w+(\.(name|args))?)?)?)?|finishReason))?)?",
    "ollama": r"message(\.(content|thinking|tool_calls(\.0(\.function(\.(name|arguments))?)?)?))?|done|done_reason",
    "responses": r"status|incomplete_details|output(\.\d+(\.(type|summary.*|content(\.0(\.(type|text))?)?"
    r"|name|arguments|action.*|results.*|environment.*))?)?",
}
"""The members that are the answer: text, reasoning, calls and how it ended. Another form of them may be an error."""


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def replace(value: Any, path: Path, odd: Any) -> Any:
    out = copy.deepcopy(value)
    inner = out
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = odd
    return out


def streamed(name: str, whole: Any) -> list[Any]:
    """Return the events of a stream of an answer, each with as much of it as its dialect allows."""
    match name:
        case "anthropic":
            delta = {"stop_reason": whole.get("stop_reason"), "stop_details": whole.get("stop_details")}
            content = whole.get("content")
            blocks = [
                event
                for index, block in enumerate(content if isinstance(content, list) else [])
                for event in (
                    {"type": "content_block_start", "index": index, "content_block": block},
                    {"type": "content_block_stop", "index": index},
                )
            ]
            start = {**whole, "content": [], "stop_reason": None, "stop_details": None}
            return [
                {"type": "message_start", "message": start},
                *blocks,
                {"type": "message_delta", "delta": delta, "usage": whole.get("usage")},
                {"type": "message_stop"},
            ]
        case "chat_completions":
            return [whole, b"[DONE]"]
        case "responses":
            output = whole.get("output")
            items = [
                {"type": f"response.output_item.{kind}", "output_index": index, "item": item}
                for index, item in enumerate(output if isinstance(output, list) else [])
                for kind in ("added", "done")
            ]
            created = {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}
            return [created, *items, {"type": "response.completed", "response": whole}]
    return [whole]


def essence(turn: TurnBuilder) -> Any:
    parts = [part for part in turn.parts() if isinstance(part, (TextPart, ReasoningPart, ToolCall))]
    texts = [(p.name, p.arguments) if isinstance(p, ToolCall) else (p.type, p.text) for p in parts]
    return texts, turn.finish_reason, turn.done


@pytest.mark.parametrize("how", ["whole", "streamed"])
@pytest.mark.parametrize("name", FULL_ANSWERS)
def test_a_minor_member_in_any_form(name: str, how: str) -> None:
    def read(body: Any) -> TurnBuilder:
        return decode(name, body) if how == "whole" else decode_stream(name, *streamed(name, body))

    full: Any = FULL_ANSWERS[name]
    whole = read(full)
    assert whole.notices == []
    assert {part.type for part in whole.parts()} >= {"text_part", "reasoning_part", "tool_call"}
    tried = 0
    for path in paths(full):
        if re.fullmatch(STRICT[name], ".".join(map(str, path))):
            continue
        for odd in ODD:
            if path[-1] == "refusal" and odd == "odd":
                continue
            turn = read(replace(full, path, odd))
            assert essence(turn) == essence(whole), (path, odd)
            tried += 1
    assert tried > 150


@pytest.mark.parametrize("name", FULL_ANSWERS)
def test_the_answer_itself_in_any_form_is_an_answer_or_a_typed_error(name: str) -> None:
    full: Any = FULL_ANSWERS[name]
    refused = 0
    for path in paths(full):
        for odd in ODD:
            body = replace(full, path, odd)
            for read in (lambda one: decode(name, one), lambda one: decode_stream(name, *streamed(name, one))):
                try:
                    read(body)
                except MalformedResponse:
                    refused += 1
    assert refused > 50


@pytest.mark.parametrize("deep", [100, 100_000])
@pytest.mark.parametrize("name", FULL_ANSWERS)
def test_deep_nesting_is_refused_wherever_it_is(name: str, deep: int) -> None:
    nested = b"[" * deep + b"]" * deep
    full = json.dumps(FULL_ANSWERS[name]).encode()
    for data in (nested, b'{"usage":' + nested + b"," + full[1:], b'{"a":' * deep + full + b"}" * deep):
        with pytest.raises(MalformedResponse):
            DIALECTS[name].decode_response(data, Target("host", "m", name))
        with pytest.raises(MalformedResponse):
            decode_stream(name, data)


UNKNOWN = {
    "anthropic": [("stop_reason",), ("usage", "service_tier"), ("role",)],
    "chat_completions": [
        ("choices", 0, "finish_reason"),
        ("object",),
        ("service_tier",),
        ("choices", 0, "message", "role"),
    ],
    "gemini": [
        ("candidates", 0, "finishReason"),
        ("candidates", 0, "content", "role"),
        ("candidates", 0, "content", "parts", 3, "codeExecutionResult", "outcome"),
        ("candidates", 0, "content", "parts", 4, "toolCall", "toolType"),
        ("candidates", 0, "safetyRatings", 0, "category"),
    ],
    "ollama": [("done_reason",), ("message", "role")],
    "responses": [
        ("status",),
        ("service_tier",),
        ("output", 1, "status"),
        ("output", 1, "phase"),
        ("output", 2, "status"),
    ],
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_words_cost_nothing(name: str) -> None:
    full: Any = FULL_ANSWERS[name]
    texts, finish, _ = essence(decode(name, full))
    for path in UNKNOWN[name]:
        turn = decode(name, replace(full, path, "brand_new"))
        ends = path[-1] in ("finish_reason", "finishReason", "stop_reason", "done_reason") or path == ("status",)
        assert essence(turn) == (texts, "unknown" if ends else finish, True), path
        if ends:
            assert turn.native_finish_reason in ("brand_new", "tool_calls")
