"""Google's error bodies: an object, an array of objects, under whatever content type.

Follows https://cloud.google.com/apis/design/errors and google/rpc/error_details.proto (November 2026).
"""

from __future__ import annotations

import json
import math
from typing import Any

from ratatoskr.wire.error_body import extract_error_text
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.json import replace_surrogates


def decode_error(body: bytes) -> ReportedFailure:
    """Return what an error body says; never raises."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ReportedFailure(extract_error_text(body))
    return failure_of(value) or ReportedFailure(extract_error_text(body))


def failure_of(value: Any) -> ReportedFailure | None:
    """Return what a JSON value says about an error, if it says anything."""
    if isinstance(value, list):
        return next((failure for item in value if (failure := failure_of(item)) is not None), None)
    if not isinstance(value, dict):
        return None
    error = value.get("error", value)
    if isinstance(error, str):
        return ReportedFailure(replace_surrogates(error), kind=_text(value, "status"), code=_text(value, "code"))
    if not isinstance(error, dict) or not {"message", "status", "code", "details"} & error.keys():
        return None
    details = [detail for detail in _items(error, "details") if isinstance(detail, dict)]
    status = error.get("code")
    return ReportedFailure(
        (_text(error, "message") or "").strip(),
        kind=_text(error, "status"),
        code=_first(details, "ErrorInfo", "reason"),
        param=_field(details),
        status=status if type(status) is int and 100 <= status <= 599 else None,
        retry_after=_seconds(_first(details, "RetryInfo", "retryDelay")),
        permanent=any("PerDay" in quota for quota in _quotas(details)),
    )


def _text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    return replace_surrogates(found) if isinstance(found, str) and found else None


def _items(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _of_type(details: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [detail for detail in details if str(detail.get("@type", "")).endswith("google.rpc." + name)]


def _first(details: list[dict[str, Any]], type_name: str, field: str) -> str | None:
    return next((text for detail in _of_type(details, type_name) if (text := _text(detail, field))), None)


def _field(details: list[dict[str, Any]]) -> str | None:
    violations = [v for detail in _of_type(details, "BadRequest") for v in _items(detail, "fieldViolations")]
    return next((name for v in violations if isinstance(v, dict) and (name := _text(v, "field"))), None)


def _quotas(details: list[dict[str, Any]]) -> list[str]:
    violations = [v for detail in _of_type(details, "QuotaFailure") for v in _items(detail, "violations")]
    return [_text(v, "quotaId") or "" for v in violations if isinstance(v, dict)]


def _seconds(duration: str | None) -> float | None:
    """Read a protobuf duration such as `45.837906927s`."""
    if duration is None or not duration.endswith("s"):
        return None
    try:
        seconds = float(duration[:-1])
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
