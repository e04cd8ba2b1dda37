"""Whole responses of Ollama."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import Done, ProviderEvent
from ratatoskr.types.part import ImagePart, ReasoningPart, TextPart, TokenLogprob, ToolCall
from ratatoskr.types.usage import Usage
from ratatoskr.wire import ollama
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from unit.wire.ollama.samples import BASE, END, TARGET, anything, call, decode_body, decode_stream, line


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


@pytest.mark.parametrize(
    ("told", "reason"),
    [("stop", "stop"), ("length", "length"), ("load", "unknown"), ("unload", "unknown"), (None, "stop")],
)
def test_reasons_are_converted_and_the_native_one_is_kept(told: Any, reason: str):
    turn = decode_body({**line("a", done=True), "done_reason": told})
    assert (turn.finish_reason, turn.native_finish_reason) == (reason, told)


def test_calls_that_were_cut_by_the_limit_end_with_length():
    assert decode_body({**line(done=True, tool_calls=[call({})]), "done_reason": "length"}).finish_reason == "length"


def test_counts_that_are_missing_are_unknown():
    body = line("a", done=True)
    del body["prompt_eval_count"]
    assert decode_body(body).usage == Usage(None, 3, None, None, None, "provider")
    events, turn = decode_stream({"done": True})
    assert events == [Done("stop")]
    assert turn.usage == Usage()


def test_generate_has_the_same_in_other_fields():
    events, turn = decode_stream(
        {**BASE, "response": "", "thinking": "Hm", "done": False},
        {**BASE, "response": "a", "done": False},
        {**BASE, "response": "", "context": [1, 2], **END},
    )
    assert turn.parts() == (ReasoningPart("Hm"), TextPart("a"))
    assert events[-3] == ProviderEvent("context", b"[1, 2]")
    assert isinstance(events[-1], Done)
    assert decode_body({**BASE, "response": "a", "thinking": "Hm", **END}).parts() == turn.parts()


def test_generate_has_calls_beside_the_text():
    body = {**BASE, "response": "a", "tool_calls": [call({"b": 1}, id="x")], **END}
    for turn in (decode_body(body), decode_stream(body)[1]):
        assert turn.parts() == (TextPart("a"), ToolCall("x", "f", '{"b": 1}'))
        assert turn.finish_reason == "tool_calls"


def test_log_probabilities_belong_to_the_text_and_not_to_the_thinking():
    def token(text: str) -> dict[str, Any]:
        return {"token": text, "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "z", "logprob": -2}]}

    made = TokenLogprob("a", -0.5, (97,), (TokenLogprob("z", -2.0),))
    _, turn = decode_stream(
        {**line(thinking="t"), "logprobs": [token("t")]}, {**line("a"), "logprobs": [token("a")]}, line(done=True)
    )
    assert turn.parts()[1] == TextPart("a", (), (made,))
    again = decode_body({**line("a", done=True, thinking="t"), "logprobs": [token("t"), token("a")]})
    assert again.parts() == turn.parts()


def test_a_generated_image_is_a_part():
    events, turn = decode_stream({**line(images=["iVBORw=="])}, line(done=True))
    assert turn.parts() == (ImagePart(data=b"\x89PNG", media_type="image/png"),)
    assert events[0] == ProviderEvent("image", b'"iVBORw=="')
    assert decode_body({**BASE, "image": "/9j/", "done": True}).parts() == (
        ImagePart(data=b"\xff\xd8\xff", media_type="image/jpeg"),
    )


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"1", b"<html>", b'{"done": false}', b'{"message": 1}', b'{"done": true']
)
def test_an_incomplete_body_is_malformed(body: bytes):
    with pytest.raises(MalformedResponse):
        ollama.decode_response(body, TARGET)


@given(anything)
def test_no_body_breaks_the_decoder(body: bytes):
    with contextlib.suppress(FailureReported, MalformedResponse):
        assert ollama.decode_response(body, TARGET).done
    assert isinstance(ollama.decode_error(body), ReportedFailure)
