"""Finish reasons, and responses that ended without an answer."""

import pytest

from ratatoskr.wire.failure import FailureReported


@pytest.mark.parametrize(
    ("fields", "reason", "native"),
    [
        ({}, "stop", "completed"),
        ({"status": None}, "stop", None),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "unknown", "steered"),
        ({"status": "incomplete"}, "unknown", "incomplete"),
        ({"status": "novel"}, "unknown", "novel"),
    ],
)
def test_the_status_gives_the_finish_reason(wire, fields, reason, native):
    text = {**wire.output[2], "content": wire.output[2]["content"][:1]}
    turn = wire.decode([text], **fields)
    assert (turn.finish_reason, turn.native_finish_reason, turn.done) == (reason, native, True)


def test_finish_reasons_of_calls_and_refusals(wire):
    assert wire.decode(wire.output).finish_reason == "tool_calls"
    turn = wire.decode([wire.output[2]])
    assert (turn.finish_reason, turn.detail) == ("refusal", "No more.")


@pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "in_progress"])
def test_a_response_without_output_is_a_failure(wire, status):
    with pytest.raises(FailureReported) as caught:
        wire.decode([], status=status)
    assert caught.value.failure.kind == status
