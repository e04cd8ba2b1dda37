"""Finish reasons."""

from __future__ import annotations

import pytest

from ratatoskr.errors import MalformedResponse
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


@pytest.mark.parametrize(("finish", "native", "reason"), REASONS)
def test_finish_reasons(wire, finish, native, reason):
    _, turn = wire.stream(
        wire.chunk({"content": "Hi"}), wire.chunk({}, finish, choice={"native_finish_reason": native})
    )
    assert (turn.finish_reason, turn.native_finish_reason) == (reason, native or finish)
    complete = wire.decode({"content": "Hi"}, finish, choice={"native_finish_reason": native})
    assert (complete.finish_reason, complete.native_finish_reason) == (reason, native or finish)


def test_null_as_a_text_is_no_finish_reason(wire):
    chunks = [wire.chunk({"content": text}, "null") for text in ("a", "b")]
    _, turn = wire.stream(*chunks, wire.chunk({}, "length"))
    assert (turn.parts()[0].text, turn.finish_reason, turn.native_finish_reason) == ("ab", "length", "length")
    assert wire.decode({"content": "Hi"}, "null").native_finish_reason is None
    with pytest.raises(MalformedResponse, match="without a finish reason"):
        wire.stream(*chunks)


def test_a_response_without_a_finish_reason_is_unknown(wire):
    assert wire.decode({"content": "Hi"}, None).finish_reason == "unknown"


@pytest.mark.parametrize(
    ("finish", "native"),
    [
        ("error", None),
        ("error", "MALFORMED_FUNCTION_CALL"),
        ("insufficient_system_resource", None),
        ("stop", "error"),
        ("stop", "MALFORMED_FUNCTION_CALL"),
        ("stop", "OTHER"),
    ],
)
def test_finish_reasons_that_are_failures(wire, finish, native):
    last = {"native_finish_reason": native}
    with pytest.raises(FailureReported) as caught:
        wire.decode({"content": "", "reasoning": "Hm."}, finish, choice=last)
    assert caught.value.failure.code == (native or finish)
    with pytest.raises(FailureReported):
        wire.stream(wire.chunk({"content": ""}), wire.chunk({"content": ""}, finish, choice=last))


def test_an_empty_stop_is_an_empty_message(wire):
    assert wire.decode({"content": ""}).parts() == ()
    events, _ = wire.deltas({"content": ""})
    assert events == [Done("stop")]
