"""Finish reasons, and errors in place of an answer."""

from __future__ import annotations

import json

import pytest

from ratatoskr.types.event import Done
from ratatoskr.wire import gemini
from ratatoskr.wire.failure import FailureReported
from unit.wire.gemini.samples import TARGET, chunk, decode_parts, decode_stream


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("CONTINUATION", "paused"),
        ("OTHER", "unknown"),
        ("MALFORMED_FUNCTION_CALL", "unknown"),
        ("A_NEW_WORD", "unknown"),
    ],
)
def test_reasons_are_converted_and_the_native_one_is_kept(native: str, reason: str):
    turn = decode_parts({"text": "a"}, finish=native)
    assert (turn.finish_reason, turn.native_finish_reason) == (reason, native)


@pytest.mark.parametrize("native", ["OTHER", "MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE"])
def test_a_reason_that_is_an_error_is_raised_before_any_output(native: str):
    thought = {"text": "hmm", "thought": True}
    for parts in ((), (thought,)):
        with pytest.raises(FailureReported) as caught:
            decode_parts(*parts, finish=native, candidate={"finishMessage": "why"})
        assert (caught.value.failure.kind, caught.value.failure.message) == (native, "why")
    with pytest.raises(FailureReported):
        decode_stream(chunk(thought), chunk(finish=native))


def test_a_blocked_prompt_is_filtered():
    blocked = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}, "responseId": "r"}
    turn = gemini.decode_response(json.dumps(blocked).encode(), TARGET)
    assert (turn.finish_reason, turn.native_finish_reason, turn.detail, turn.parts()) == (
        "content_filter",
        "SAFETY",
        "no",
        (),
    )
    events, turn = decode_stream(blocked)
    assert events == [Done("content_filter")]
    assert turn.done


def test_an_error_inside_a_200_is_raised():
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    for told in (error, [error]):
        with pytest.raises(FailureReported) as caught:
            gemini.decode_response(json.dumps(told).encode(), TARGET)
        assert (caught.value.failure.kind, caught.value.failure.status) == ("UNAVAILABLE", 503)
        with pytest.raises(FailureReported):
            decode_stream(chunk({"text": "a"}), told)
