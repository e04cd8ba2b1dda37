"""Streams, line by line."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import (
    ContentDelta,
    Done,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.types.message import Message
from ratatoskr.types.part import ReasoningPart, TextPart, ToolCall
from ratatoskr.types.usage import Usage
from ratatoskr.wire import ollama
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from unit.wire.ollama.samples import TARGET, anything, call, decode_body, decode_stream, line


def test_a_stream_gives_its_events_in_order_and_the_message_of_the_whole_response():
    calls = [call({"b": 1, "a": 2}, id="x"), call({"c": 1.50})]
    events, turn = decode_stream(
        line(thinking="Hm"),
        line("An", thinking="."),
        {"novelty": 1, "done": False},
        line("swer"),
        line(tool_calls=calls[:1]),
        line(tool_calls=calls[1:]),
        line(done=True),
        line("late"),
    )
    thought, text, first, second = turn.parts()
    assert isinstance(second, ToolCall)
    assert (thought, text, first) == (
        ReasoningPart("Hm."),
        TextPart("Answer"),
        ToolCall("x", "f", '{"b": 1, "a": 2}'),
    )
    assert second.arguments == '{"c": 1.5}'
    usage = Usage.of_provider(input_tokens=7, output_tokens=3)
    assert events == [
        ReasoningDelta("Hm", part=0),
        ReasoningDelta(".", part=0),
        ContentDelta("An", part=1),
        ContentDelta("swer", part=1),
        ToolCallStart(0, "x", "f"),
        ToolCallDelta(0, '{"b": 1, "a": 2}'),
        ToolCallEnd(0, first),
        ToolCallStart(1, second.id, "f"),
        ToolCallDelta(1, '{"c": 1.5}'),
        ToolCallEnd(1, second),
        UsageEvent(usage),
        Done("tool_calls"),
    ]
    again = decode_body(line("Answer", done=True, thinking="Hm.", tool_calls=calls))
    assert again.parts() == turn.parts()
    assert (again.model, again.usage, again.native_finish_reason) == ("qwen3:8b", usage, "stop")


def test_a_stream_without_its_end_is_not_done():
    events, turn = decode_stream(line("a"))
    assert events == [ContentDelta("a")]
    assert not turn.done


def test_halves_of_a_pair_are_joined_over_lines():
    _, turn = decode_stream(line("a\ud83d"), line("\ude00"), line("\ud800"), line(done=True))
    assert turn.parts() == (TextPart("a\U0001f600\ufffd"),)


def test_an_error_line_is_raised():
    with pytest.raises(FailureReported) as caught:
        decode_stream(line("a"), {"error": "model runner has stopped", "status_code": 500})
    assert caught.value.failure == ReportedFailure("model runner has stopped", status=500)
    with pytest.raises(FailureReported):
        decode_body({"error": "x"})


@given(st.lists(anything, max_size=5))
def test_no_stream_breaks_the_decoder(lines: list[bytes]):
    decoder = ollama.StreamDecoder(TARGET)
    events: list[Any] = []
    with contextlib.suppress(FailureReported, MalformedResponse):
        for data in lines:
            events += decoder.feed("", data)
        events += decoder.end()
    assert sum(isinstance(event, Done) for event in events) == decoder.turn.done
    message = Message("assistant", decoder.turn.parts())
    assert Message.from_json(message.to_json().encode()) == message
