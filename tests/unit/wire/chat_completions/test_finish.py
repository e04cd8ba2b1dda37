"""Finish reasons."""

from __future__ import annotations

import pytest

from ratatoskr.types.event import Done
from ratatoskr.wire.failure import FailureReported

REASONS = [
    ("stop", None, "stop"),
    ("STOP", None, "stop"),
    ("eos_token", None, "stop"),
    ("length", None, "length"),
    ("model_length", None, "length"),
    ("content_filter", None, "content_filter"),
    ("content_filter", "refusal", "refusal"),
    ("stop", "PROHIBITED_CONTENT", "content_filter"),
    ("stop", "pause_turn", "paused"),
    ("stop", "MALFORMED_FUNCTION_CALL", "stop"),
    ("something_new", None, "unknown"),
]


@pytest.mark.parametrize(("word", "native", "reason"), REASONS)
def test_finish_reasons(wire, word, native, reason):
    _, turn = wire.stream(wire.chunk({"content": "Hi"}), wire.chunk({}, word, choice={"native_finish_reason": native}))
    assert (turn.finish_reason, turn.native_finish_reason) == (reason, native or word)
    whole = wire.whole({"content": "Hi"}, word, choice={"native_finish_reason": native})
    assert (whole.finish_reason, whole.native_finish_reason) == (reason, native or word)


def test_a_whole_answer_without_a_finish_reason_is_unknown(wire):
    assert wire.whole({"content": "Hi"}, None).finish_reason == "unknown"


@pytest.mark.parametrize(
    ("word", "native"),
    [
        ("error", None),
        ("error", "MALFORMED_FUNCTION_CALL"),
        ("insufficient_system_resource", None),
        ("stop", "error"),
        ("stop", "MALFORMED_FUNCTION_CALL"),
        ("stop", "OTHER"),
    ],
)
def test_ends_that_are_failures(wire, word, native):
    last = {"native_finish_reason": native}
    with pytest.raises(FailureReported) as caught:
        wire.whole({"content": "", "reasoning": "Hm."}, word, choice=last)
    assert caught.value.failure.code == (native or word)
    with pytest.raises(FailureReported):
        wire.stream(wire.chunk({"content": ""}), wire.chunk({"content": ""}, word, choice=last))


def test_an_empty_stop_is_an_empty_answer(wire):
    assert wire.whole({"content": ""}).parts() == ()
    events, _ = wire.deltas({"content": ""})
    assert events == [Done("stop")]
