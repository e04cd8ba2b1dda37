"""Reads what an error says, in a body of its own or inside a 200."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from msgspec import Raw

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.json import decode, replace_surrogates

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
"""What an error told inside a 200 would have had as its status (docs.anthropic.com/en/api/errors, November 2026)."""
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
"""Types and codes that waiting does not cure (types of the official Python SDK 2.12)."""

_LONGEST_TEXT = 200
_LONGEST_MESSAGE = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)


def decode_error(body: bytes) -> ReportedFailure:
    """Return what an error body says; one that is not of the dialect gives its text, cut. Never raises."""
    try:
        value = decode(Any, body)
    except MalformedResponse:
        return ReportedFailure(_plain(body))
    return _failure(value)


def told(error: Raw) -> FailureReported:
    """Return an error that stood inside a 200, with the status it stands for."""
    return told_by(b'{"error":%b}' % bytes(error))


def told_by(body: bytes) -> FailureReported:
    """Return the error that an error event's data tells, JSON or plain words."""
    failure = decode_error(body)
    return FailureReported(replace(failure, status=_STATUSES.get(failure.kind or "", 500)))


def _failure(value: Any) -> ReportedFailure:
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return ReportedFailure(_line(value, _LONGEST_TEXT))
    if not isinstance(value, dict):
        return ReportedFailure("an error without words")
    error = value.get("error")
    if isinstance(error, str):
        return ReportedFailure(_line(error, _LONGEST_MESSAGE), code=_word(value.get("code")))
    if not isinstance(error, dict):
        error = value
    message = next((m for name in ("message", "detail", "error") if isinstance(m := error.get(name), str)), "")
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    kind, code = _word(error.get("type")), _word(code) or _word(error.get("code"))
    return ReportedFailure(
        _line(message, _LONGEST_MESSAGE) or kind or code or "an error without words",
        kind=kind,
        code=code,
        param=_word(error.get("param")),
        permanent=bool({kind, code} & _PERMANENT),
    )


def _word(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return None
    return _line(str(value), _LONGEST_TEXT)


def _plain(body: bytes) -> str:
    """Return the title of an HTML page, or the beginning of any other text."""
    text = body[:65536].decode("utf-8", "replace")
    if _MARKUP.match(text):
        title = _TITLE.search(text)
        return _line(title[1], _LONGEST_TEXT) if title else "an HTML page"
    return _line(text, _LONGEST_TEXT) or "an empty body"


def _line(text: str, longest: int) -> str:
    return replace_surrogates(" ".join(_CONTROL.sub(" ", text[: 4 * longest]).split())[:longest])
