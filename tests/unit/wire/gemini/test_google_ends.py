"""How Gemini ends, errs and counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import (
    Done,
    UsageEvent,
)
from ratatoskr.types.usage import Usage
from ratatoskr.wire import gemini
from ratatoskr.wire.failure import FailureReported
from unit.wire.gemini.answers import TARGET, chunk, stream, whole


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
def test_reasons_are_ours_and_the_native_one_is_kept(native: str, reason: str):
    turn = whole({"text": "a"}, finish=native)
    assert (turn.finish_reason, turn.native_finish_reason) == (reason, native)


@pytest.mark.parametrize("native", ["OTHER", "MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE"])
def test_a_reason_that_is_an_error_is_raised_before_any_output(native: str):
    thought = {"text": "hmm", "thought": True}
    for parts in ((), (thought,)):
        with pytest.raises(FailureReported) as caught:
            whole(*parts, finish=native, candidate={"finishMessage": "why"})
        assert (caught.value.failure.kind, caught.value.failure.message) == (native, "why")
    with pytest.raises(FailureReported):
        stream(chunk(thought), chunk(finish=native))


def test_a_blocked_prompt_is_filtered():
    blocked = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}, "responseId": "r"}
    turn = gemini.decode_response(json.dumps(blocked).encode(), TARGET)
    assert (turn.finish_reason, turn.native_finish_reason, turn.detail, turn.parts()) == (
        "content_filter",
        "SAFETY",
        "no",
        (),
    )
    events, turn = stream(blocked)
    assert events == [Done("content_filter")]
    assert turn.done


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"1", b"null", b"<html>", b'{"candidates": [{}]}', b'{"candidates": 1}']
)
def test_what_is_no_answer_is_malformed(body: bytes):
    with pytest.raises(MalformedResponse):
        gemini.decode_response(body, TARGET)


def test_an_error_inside_a_200_is_told():
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    for told in (error, [error]):
        with pytest.raises(FailureReported) as caught:
            gemini.decode_response(json.dumps(told).encode(), TARGET)
        assert (caught.value.failure.kind, caught.value.failure.status) == ("UNAVAILABLE", 503)
        with pytest.raises(FailureReported):
            stream(chunk({"text": "a"}), told)


def test_usage_is_disjoint_and_a_dropped_count_keeps_its_value():
    snapshots = [
        {"promptTokenCount": 100, "cachedContentTokenCount": 40, "totalTokenCount": 100},
        {"promptTokenCount": 100, "toolUsePromptTokenCount": 7, "thoughtsTokenCount": 5, "totalTokenCount": 112},
        {"candidatesTokenCount": 9, "totalTokenCount": 121},
    ]
    events, turn = stream(*[chunk({"text": "a"}, usageMetadata=one) for one in snapshots], chunk(finish="STOP"))
    usage = Usage(67, 40, None, 9, 5, "provider")
    assert turn.usage == usage
    assert events[-2:] == [UsageEvent(usage), Done("stop")]
    assert usage.total_tokens == 121


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 9, "thoughtsTokenCount": 5, "totalTokenCount": 19},
            Usage(10, None, None, 4, 5, "provider"),
        ),
        (
            {"promptTokenCount": 10, "thoughtsTokenCount": 5, "totalTokenCount": 15},
            Usage(10, None, None, None, 5, "provider"),
        ),
        ({"candidatesTokenCount": 1}, Usage(None, None, None, 1, None, "provider")),
        ({"promptTokenCount": -4}, Usage()),
        ({}, Usage()),
    ],
)
def test_counts_of_odd_back_ends(counts: Any, usage: Usage):
    assert whole({"text": "a"}, usageMetadata=counts).usage == usage
