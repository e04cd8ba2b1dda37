"""What Ollama answers, whole and line by line, and whatever else may come."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import (
    ContentDelta,
    Done,
    ProviderEvent,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.types.message import Message
from ratatoskr.types.part import ImagePart, ReasoningPart, TextPart, TokenLogprob, ToolCall
from ratatoskr.types.usage import Usage
from ratatoskr.wire import ollama
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.turn import TurnBuilder

TARGET = Target("ollama", "qwen3:8b", "ollama")
BASE = {"model": "qwen3:8b", "created_at": "2026-11-01T12:00:00Z"}
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3, "total_duration": 5}


def line(content: str = "", *, done: bool = False, **message: Any) -> dict[str, Any]:
    said = {**BASE, "message": {"role": "assistant", "content": content, **message}, "done": False}
    return {**said, **END} if done else said


def call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"function": {"index": 0, "name": "f", "arguments": arguments}, **more}


def stream(*lines: Any) -> tuple[list[Any], TurnBuilder]:
    decoder = ollama.StreamDecoder(TARGET)
    events = [event for one in lines for event in decoder.feed("", json.dumps(one).encode())]
    return events + decoder.end(), decoder.turn


def whole(body: Any) -> TurnBuilder:
    return ollama.decode_response(json.dumps(body).encode(), TARGET)


def test_a_stream_gives_its_events_in_order_and_the_message_of_the_whole_answer():
    calls = [call({"b": 1, "a": 2}, id="x"), call({"c": 1.50})]
    events, turn = stream(
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
    usage = Usage.of(prompt=7, completion=3)
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
    again = whole(line("Answer", done=True, thinking="Hm.", tool_calls=calls))
    assert again.parts() == turn.parts()
    assert (again.model, again.usage, again.native_finish_reason) == ("qwen3:8b", usage, "stop")


def test_calls_keep_the_bytes_of_their_arguments_and_never_share_an_id():
    body = b"""{"message": {"tool_calls": [
        {"id": "x", "function": {"name": "f", "arguments": {"b": 2.50,  "a": 1e3}}},
        {"id": "x", "function": {"name": "f", "arguments": "{\\"a\\": 1}"}},
        {"id": "", "function": {"name": "f", "arguments": null}},
        {"function": {"name": "f"}}]}, "done": true}"""
    turn = ollama.decode_response(body, TARGET)
    calls = [part for part in turn.parts() if isinstance(part, ToolCall)]
    assert [one.arguments for one in calls] == ['{"b": 2.50,  "a": 1e3}', '{"a": 1}', "{}", "{}"]
    assert calls[0].id == "x"
    assert len({one.id for one in calls}) == 4
    assert turn.finish_reason == "tool_calls"


def test_a_stream_without_its_end_is_not_done():
    events, turn = stream(line("a"))
    assert events == [ContentDelta("a")]
    assert not turn.done


@pytest.mark.parametrize(
    ("told", "reason"),
    [("stop", "stop"), ("length", "length"), ("load", "unknown"), ("unload", "unknown"), (None, "stop")],
)
def test_reasons_are_ours_and_the_native_one_is_kept(told: Any, reason: str):
    turn = whole({**line("a", done=True), "done_reason": told})
    assert (turn.finish_reason, turn.native_finish_reason) == (reason, told)


def test_calls_that_were_cut_by_the_limit_stay_length():
    assert whole({**line(done=True, tool_calls=[call({})]), "done_reason": "length"}).finish_reason == "length"


def test_counts_that_are_not_told_are_unknown():
    body = line("a", done=True)
    del body["prompt_eval_count"]
    assert whole(body).usage == Usage(None, None, None, 3, None, "provider")
    events, turn = stream({"done": True})
    assert events == [Done("stop")]
    assert turn.usage == Usage()


def test_generate_says_the_same_in_other_fields():
    events, turn = stream(
        {**BASE, "response": "", "thinking": "Hm", "done": False},
        {**BASE, "response": "a", "done": False},
        {**BASE, "response": "", "context": [1, 2], **END},
    )
    assert turn.parts() == (ReasoningPart("Hm"), TextPart("a"))
    assert events[-3] == ProviderEvent("context", b"[1, 2]")
    assert isinstance(events[-1], Done)
    assert whole({**BASE, "response": "a", "thinking": "Hm", **END}).parts() == turn.parts()


def test_generate_tells_of_calls_beside_the_text():
    body = {**BASE, "response": "a", "tool_calls": [call({"b": 1}, id="x")], **END}
    for turn in (whole(body), stream(body)[1]):
        assert turn.parts() == (TextPart("a"), ToolCall("x", "f", '{"b": 1}'))
        assert turn.finish_reason == "tool_calls"


def test_log_probabilities_hang_on_the_text_and_not_on_the_thinking():
    def token(text: str) -> dict[str, Any]:
        return {"token": text, "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "z", "logprob": -2}]}

    made = TokenLogprob("a", -0.5, (97,), (TokenLogprob("z", -2.0),))
    _, turn = stream(
        {**line(thinking="t"), "logprobs": [token("t")]}, {**line("a"), "logprobs": [token("a")]}, line(done=True)
    )
    assert turn.parts()[1] == TextPart("a", (), (made,))
    again = whole({**line("a", done=True, thinking="t"), "logprobs": [token("t"), token("a")]})
    assert again.parts() == turn.parts()


def test_a_generated_picture_is_a_part():
    events, turn = stream({**line(images=["iVBORw=="])}, line(done=True))
    assert turn.parts() == (ImagePart(data=b"\x89PNG", media_type="image/png"),)
    assert events[0] == ProviderEvent("image", b'"iVBORw=="')
    assert whole({**BASE, "image": "/9j/", "done": True}).parts() == (
        ImagePart(data=b"\xff\xd8\xff", media_type="image/jpeg"),
    )


def test_halves_of_a_pair_are_joined_over_lines():
    _, turn = stream(line("a\ud83d"), line("\ude00"), line("\ud800"), line(done=True))
    assert turn.parts() == (TextPart("a\U0001f600\ufffd"),)


def test_an_error_line_is_told():
    with pytest.raises(FailureReported) as caught:
        stream(line("a"), {"error": "model runner has stopped", "status_code": 500})
    assert caught.value.failure == ReportedFailure("model runner has stopped", status=500)
    with pytest.raises(FailureReported):
        whole({"error": "x"})


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"1", b"<html>", b'{"done": false}', b'{"message": 1}', b'{"done": true']
)
def test_what_is_no_whole_answer_is_malformed(body: bytes):
    with pytest.raises(MalformedResponse):
        ollama.decode_response(body, TARGET)


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b'{"error": "model \'x\' not found"}', ReportedFailure("model 'x' not found")),
        (b'{"error": "unauthorized", "signin_url": "https://x"}', ReportedFailure("unauthorized")),
        (b'{"error": {"message": "m", "type": "t", "param": null, "code": null}}', ReportedFailure("m", "t")),
        (b'{"error": 5}', ReportedFailure('{"error": 5}')),
        (b"404 page not found", ReportedFailure("404 page not found")),
        (b"<html><title>502</title>", ReportedFailure("502")),
        (b"[" * 100_000, ReportedFailure("[" * 200)),
    ],
)
def test_an_error_body_is_read(body: bytes, failure: ReportedFailure):
    assert ollama.decode_error(body) == failure


words = st.text(st.characters() | st.sampled_from("\ud83d\ude00\ud800"), max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    tools = [call({"a": "\ud83d\ude00"}, id="x"), call({})]
    value = draw(
        st.sampled_from(
            [
                line("a", thinking="t", tool_calls=tools, images=["eA=="]),
                {**line("b"), "logprobs": [{"token": "b", "logprob": 1, "bytes": [1], "top_logprobs": []}]},
                line(done=True),
                {**BASE, "response": "c", "thinking": "d", "image": "eA==", **END},
                {"error": "x", "status": 500},
            ]
        )
    )
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(0, 2))):
        place = value
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and place[key] and draw(st.integers(0, 4)):
                place = place[key]
                continue
            place[key] = draw(values)
            break
    return json.dumps(value).encode()


anything = mutated() | st.binary(max_size=40) | values.map(lambda v: json.dumps(v).encode())


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


@given(anything)
def test_no_body_breaks_the_decoder(body: bytes):
    with contextlib.suppress(FailureReported, MalformedResponse):
        assert ollama.decode_response(body, TARGET).done
    assert isinstance(ollama.decode_error(body), ReportedFailure)
