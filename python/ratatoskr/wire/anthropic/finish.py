"""Converts the stop reasons of Anthropic Messages."""

from __future__ import annotations

from ratatoskr.types.event import FinishReason
from ratatoskr.wire.anthropic.shapes import StopDetails
from ratatoskr.wire.turn import TurnBuilder

FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "paused",
    "compaction": "paused",
}
"""Any other reason is `unknown`."""


def set_finish_reason(turn: TurnBuilder, native: str | None, details: StopDetails | None) -> None:
    """Set why the answer ended, if the reason is there."""
    if native is not None:
        turn.finish(FINISH_REASONS.get(native, "unknown"), native)
    if details is not None:
        turn.detail = details.explanation or details.category
