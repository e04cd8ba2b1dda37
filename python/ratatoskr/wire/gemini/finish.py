"""Why Gemini ended, in our words.

Follows `FinishReason` and `BlockedReason` of https://ai.google.dev/api/generate-content (November 2026).
"""

from __future__ import annotations

from ratatoskr.types.event import FinishReason
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.turn import TurnBuilder

FINISH: dict[str, FinishReason] = {
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
"""A reason that is missing here is `unknown`."""

BROKEN = frozenset(
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
"""Reasons that are errors when nothing was said before them."""


def finish(turn: TurnBuilder, native: str, message: str | None, *, spoken: bool, called: bool) -> None:
    """Note why an answer ended.

    Raises:
        FailureReported: it broke before any output.
    """
    if native in BROKEN and not spoken:
        raise FailureReported(ReportedFailure(message or f"the model ended with {native}", kind=native))
    reason = FINISH.get(native, "unknown")
    turn.finish("tool_calls" if reason == "stop" and called else reason, native)
    if message and reason not in ("stop", "length"):  # with calls it says that there are some
        turn.detail = message


def block(turn: TurnBuilder, reason: str, message: str | None) -> None:
    """Note that the prompt was blocked."""
    turn.finish("content_filter", reason)
    turn.detail = message or f"the prompt was blocked: {reason}"
