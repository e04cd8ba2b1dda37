"""Finish reasons of the hosts, and of the providers behind a router."""

from __future__ import annotations

import re

from ratatoskr.types.event import FinishReason
from ratatoskr.types.part import TextPart
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.turn import TurnBuilder

_REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "end_turn", "eos", "eos_token", "stop_sequence", "end", "complete", "completed"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), "length"),
    "model_context_window_exceeded": "length",
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call"), "tool_calls"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "sensitive", "recitation"), "content_filter"),
    "refusal": "refusal",
    "pause_turn": "paused",
}
"""`finish_reason`, in lower case."""

_NATIVE_REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(("content_filter", "safety", "prohibited_content", "blocklist", "spii"), "content_filter"),
    **dict.fromkeys(("recitation", "image_safety"), "content_filter"),
    "refusal": "refusal",
    "pause_turn": "paused",
}
"""`native_finish_reason` where a router reports `stop` or `content_filter`, in lower case."""

_FAILURES = frozenset(
    {"error", "failed", "abort", "aborted", "cancelled", "network_error", "insufficient_system_resource"}
)
"""Finish reasons that mean a failure (the last two are from Z.ai and DeepSeek)."""

_NATIVE_FAILURE = re.compile(
    r".*(error|malformed|fail|abort|cancel).*|other|internal|unexpected_tool_call|too_many_tool_calls|missing_thought.*"
)
"""Native finish reasons that mean a failure where a router reports `stop` and the response is empty."""


def is_stop(finish: str) -> bool:
    """Return whether a finish reason says no more than that the answer has ended."""
    return _REASONS.get(finish.lower()) == "stop"


def map_finish_reason(
    finish: str | None, native: str | None, turn: TurnBuilder, *, has_calls: bool, is_refusal: bool
) -> FinishReason:
    """Return our finish reason for the host's and for that of the provider behind it.

    Raises:
        FailureReported: the reason means a failure.
    """
    reason, native_reason = (finish or "").lower(), (native or "").lower()
    if reason in _FAILURES:
        raise FailureReported(ReportedFailure("the provider broke the answer off", kind=reason, code=native or finish))
    mapped = _REASONS.get(reason, "unknown")
    if mapped == "stop" and native_reason and _NATIVE_FAILURE.fullmatch(native_reason) and not _has_output(turn):
        native_reason = native_reason[:80]
        raise FailureReported(
            ReportedFailure(f"the provider gave no answer: {native_reason}", kind=native_reason, code=native)
        )
    if mapped in ("stop", "content_filter", "unknown"):
        mapped = _NATIVE_REASONS.get(native_reason, mapped)
    if mapped == "stop" and has_calls:
        return "tool_calls"
    if is_refusal and mapped in ("stop", "content_filter"):
        return "refusal"
    return mapped


def _has_output(turn: TurnBuilder) -> bool:
    return any(
        part.type != "reasoning_part" and not (isinstance(part, TextPart) and not part.text) for part in turn.parts()
    )
