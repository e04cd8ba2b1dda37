"""Streams of Gemini."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import ContentDelta, Done, ReasoningDelta, ToolCallDelta, ToolCallEnd, ToolCallStart
from ratatoskr.types.message import Message
from ratatoskr.types.part import ReasoningPart, TextPart, ToolCall
from ratatoskr.wire import gemini
from ratatoskr.wire.failure import FailureReported
from unit.wire.gemini.samples import (
    TARGET,
    anything,
    chunk,
    decode_parts,
    decode_stream,
    mutated_responses,
    signature_state,
)


@given(st.lists(anything, max_size=4))
def test_no_stream_breaks_the_decoder(chunks: list[bytes]):
    decoder = gemini.StreamDecoder(TARGET)
    events: list[Any] = []
    with contextlib.suppress(FailureReported, MalformedResponse):
        for data in chunks:
            events += decoder.feed("", data)
        events += decoder.end()
    done = [event for event in events if isinstance(event, Done)]
    assert done == ([Done(decoder.turn.finish_reason or "unknown")] if decoder.turn.done else [])
    message = Message("assistant", decoder.turn.parts())
    assert Message.from_json(message.to_json().encode()) == message, "no lone surrogate, nothing lost"


@given(st.lists(mutated_responses(), max_size=4))
def test_an_array_and_a_stream_of_the_same_chunks_give_the_same_message(chunks: list[bytes]):
    decoder = gemini.StreamDecoder(TARGET)
    try:
        for data in chunks:
            decoder.feed("", data)
        decoder.end()
        turn = gemini.decode_response(b"[" + b",".join(chunks) + b"]", TARGET)
    except (FailureReported, MalformedResponse):
        return
    assert decoder.turn.done
    assert turn.parts() == decoder.turn.parts()


STREAMED = (
    chunk({"text": "Thin", "thought": True}),
    chunk({"text": "king", "thought": True}, {"text": "An"}),
    chunk({"text": ""}),
    chunk({"text": "swer"}),
    chunk({"text": " signed", "thoughtSignature": "s1"}),
    chunk({"text": " more"}, {"functionCall": {"name": "f", "args": {"b": 1, "a": 2}}, "thoughtSignature": "s2"}),
    chunk({"functionCall": {"name": "f", "args": {}}}),
    chunk({"text": "", "thoughtSignature": "s3"}, finish="STOP"),
)


def test_a_stream_gives_its_events_in_order():
    events, turn = decode_stream(*STREAMED)
    first, second = turn.parts()[4:6]
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert events == [
        ReasoningDelta("Thin", part=0),
        ReasoningDelta("king", part=0),
        ContentDelta("An", part=1),
        ContentDelta("swer", part=1),
        ContentDelta(" signed", part=2),
        ContentDelta(" more", part=3),
        ToolCallStart(0, first.id, "f"),
        ToolCallDelta(0, '{"b": 1, "a": 2}'),
        ToolCallEnd(0, first),
        ToolCallStart(1, second.id, "f"),
        ToolCallDelta(1, "{}"),
        ToolCallEnd(1, second),
        Done("tool_calls"),
    ]
    assert first.id != second.id


def test_a_signature_stays_on_the_part_that_carried_it():
    _, turn = decode_stream(*STREAMED)
    calls = [part for part in turn.parts() if isinstance(part, ToolCall)]
    assert turn.parts() == (
        ReasoningPart("Thinking"),
        TextPart("Answer"),
        TextPart(" signed", state=signature_state("s1")),
        TextPart(" more"),
        ToolCall(calls[0].id, "f", '{"b": 1, "a": 2}', state=signature_state("s2")),
        ToolCall(calls[1].id, "f", "{}"),
        TextPart("", state=signature_state("s3")),
    )


def test_the_same_parts_whole_and_in_a_stream_give_the_same_message():
    _, streamed = decode_stream(*STREAMED)
    parts = [part for one in STREAMED for part in one["candidates"][0]["content"]["parts"]]
    turn = decode_parts(*parts)
    assert turn.parts() == streamed.parts()
    assert turn.finish_reason == streamed.finish_reason == "tool_calls"
    array = gemini.decode_response(json.dumps(STREAMED).encode(), TARGET)
    assert array.parts() == streamed.parts()


def test_a_stream_is_complete_only_with_a_reason_and_a_clean_end():
    decoder = gemini.StreamDecoder(TARGET)
    decoder.feed("", json.dumps(chunk({"text": "a"})).encode())
    assert decoder.end() == []
    assert not decoder.turn.done
    assert decoder.feed("", json.dumps(chunk(finish="STOP")).encode()) == []
    assert decoder.end() == [Done("stop")]
    assert decoder.feed("", json.dumps(chunk({"text": "late"})).encode()) == []
    assert decoder.end() == []
    assert decoder.turn.parts() == (TextPart("a"),)


def test_unknown_chunks_are_ignored():
    events, turn = decode_stream({"novelty": {"x": 1}}, chunk({"text": "a"}, finish="STOP"), {"usageMetadata": {}})
    assert events == [ContentDelta("a"), Done("stop")]
    assert (turn.model, turn.response_id) == ("gemini-3.5-flash-001", "r1")


def test_a_chunk_may_come_in_an_array_and_a_stream_may_end_with_done():
    decoder = gemini.StreamDecoder(TARGET)
    assert decoder.feed("", b" [" + json.dumps(chunk({"text": "a"}, finish="STOP")).encode() + b"]") == [
        ContentDelta("a")
    ]
    assert decoder.feed("", b"[DONE]") == []
    assert decoder.end() == [Done("stop")]


def test_halves_of_a_pair_are_joined_over_chunks_and_a_lone_one_is_replaced():
    events, turn = decode_stream(chunk({"text": "a\ud83d"}), chunk({"text": "\ude00b\ud800"}, finish="STOP"))
    assert turn.parts() == (TextPart("a\U0001f600b\ufffd"),)
    assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "a\U0001f600b\ufffd"
