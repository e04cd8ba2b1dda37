"""Finish reasons, and responses that ended without an answer."""

from __future__ import annotations

from ratatoskr.types.event import FinishReason
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.json import replace_surrogates
from ratatoskr.wire.responses.errors import decode_error
from ratatoskr.wire.responses.shapes import Response, raw_or_none

_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def raise_for_failure(response: Response, status: str | None = None) -> None:
    """Raise `FailureReported` if the response failed; `status` is that of the event, for responses without one."""
    error = raw_or_none(response.error)
    if error is not None:
        raise FailureReported(decode_error(error))
    status = response.status or status
    if status in {"failed", "cancelled", "queued", "in_progress"}:
        raise FailureReported(ReportedFailure(f"the response ended as {status}", kind=status))


def map_finish_reason(
    response: Response, status: str | None, *, has_calls: bool, is_refusal: bool
) -> tuple[FinishReason, str | None]:
    """Return our finish reason, and the API's status or reason for an incomplete response."""
    reason = response.incomplete_details and response.incomplete_details.reason
    if status == "incomplete" or reason:
        return _INCOMPLETE.get(reason or "", "unknown"), replace_surrogates(reason or "incomplete")
    if status not in {None, "completed"}:
        return "unknown", replace_surrogates(status or "")
    if has_calls:
        return "tool_calls", status
    return ("refusal" if is_refusal else "stop"), status
