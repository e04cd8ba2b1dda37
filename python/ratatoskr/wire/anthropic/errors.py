"""Reads errors, in a body of their own or inside a response with status 200."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.error_body import extract_error_text
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.json import decode, replace_surrogates
from ratatoskr.wire.reset import find_reset, find_wait

_STATUSES: dict[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status of each type of error, for one inside a 200 (docs.anthropic.com/en/api/errors, November 2026)."""

_PERMANENT = frozenset(
    {
        "billing_error",
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
        "organization_on_hold",
    }
)
"""Types and codes of errors that do not go away by waiting (types of the official Python SDK 2.12)."""

_MAX_WORD = 200
_MAX_MESSAGE = 2000
_NO_MESSAGE = "the error has no message"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def decode_error(body: bytes) -> ReportedFailure:
    """Return what an error body reports; never raises."""
    try:
        value = decode(Any, body)
    except MalformedResponse:
        return ReportedFailure(_to_line(extract_error_text(body), _MAX_WORD) or "an empty body")
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return ReportedFailure(_to_line(value, _MAX_WORD))
    if not isinstance(value, dict):
        return ReportedFailure(_NO_MESSAGE)
    error = value.get("error")
    if isinstance(error, str):
        return ReportedFailure(_to_line(error, _MAX_MESSAGE), code=_to_word(value.get("code")))
    if not isinstance(error, dict):
        error = value
    message = next((text for name in ("message", "detail", "error") if isinstance(text := error.get(name), str)), "")
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    kind, code = _to_word(error.get("type")), _to_word(code) or _to_word(error.get("code"))
    return ReportedFailure(
        _to_line(message, _MAX_MESSAGE) or kind or code or _NO_MESSAGE,
        kind=kind,
        code=code,
        param=_to_word(error.get("param")),
        permanent=bool({kind, code} & _PERMANENT),
        retry_after=find_wait(error, details),
        resets_at=find_reset(error, details),
    )


def read_error(error: Raw) -> FailureReported:
    """Return the error of a field `error` inside a 200, with the status that its type stands for."""
    return read_error_event(b'{"error":%b}' % bytes(error))


def read_error_event(data: bytes) -> FailureReported:
    """Return the error of an `error` event, which may be plain text, with the status that its type stands for."""
    failure = decode_error(data)
    return FailureReported(replace(failure, status=_STATUSES.get(failure.kind or "", 500)))


def _to_word(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return None
    return _to_line(str(value), _MAX_WORD)


def _to_line(text: str, length: int) -> str:
    return replace_surrogates(" ".join(_CONTROL.sub(" ", text[: 4 * length]).split())[:length])
