"""Converts Gemini's finish reasons.

Follows `FinishReason` and `BlockedReason` of https://ai.google.dev/api/generate-content (November 2026).
"""

from __future__ import annotations

from ratatoskr.types.event import FinishReason
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.turn import TurnBuilder

FINISH_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "paused",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "ESCALATION",
            "MODEL_ARMOR",
            "JAILBREAK",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ),
        "content_filter",
    ),
}
"""Any other reason is `unknown`."""

ERROR_REASONS = frozenset(
    {
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "PUP_LIMITED_DISABLED",
        "IMAGE_OTHER",
        "NO_IMAGE",
    }
)
"""Reasons that are errors if there was no output before them."""


def set_finish_reason(
    turn: TurnBuilder, native: str, message: str | None, *, has_output: bool, has_calls: bool
) -> None:
    """Set why the answer ended.

    Raises:
        FailureReported: it ended with an error before any output.
    """
    if native in ERROR_REASONS and not has_output:
        raise FailureReported(ReportedFailure(message or f"the model ended with {native}", kind=native))
    reason = FINISH_REASONS.get(native, "unknown")
    turn.finish("tool_calls" if reason == "stop" and has_calls else reason, native)
    if message and reason not in ("stop", "length"):  # with calls, the message only says that there are some
        turn.detail = message


def set_block_reason(turn: TurnBuilder, reason: str, message: str | None) -> None:
    """Set that the prompt was blocked, and why."""
    turn.finish("content_filter", reason)
    turn.detail = message or f"the prompt was blocked: {reason}"
