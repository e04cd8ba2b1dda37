"""Google's error bodies: an object, or an array of objects, under any content type.

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
    """Return what an error body reports; never raises."""
    try:
        failure = _parse_error(json.loads(body))
    except (ValueError, RecursionError):
        failure = None
    return failure or ReportedFailure(extract_error_text(body))


def _parse_error(value: Any) -> ReportedFailure | None:
    """Return the error in a JSON value, or `None` if there is none."""
    if isinstance(value, list):
        return next((failure for item in value if (failure := _parse_error(item)) is not None), None)
    if not isinstance(value, dict):
        return None
    error = value.get("error", value)
    if isinstance(error, str):
        return ReportedFailure(
            replace_surrogates(error), kind=_get_text(value, "status"), code=_get_text(value, "code")
        )
    if not isinstance(error, dict) or not {"message", "status", "code", "details"} & error.keys():
        return None
    details = _get_dicts(error, "details")
    reasons = [_get_text(info, "reason") for info in _details_of_type(details, "ErrorInfo")]
    delays = [_get_text(info, "retryDelay") for info in _details_of_type(details, "RetryInfo")]
    requests, quotas = _details_of_type(details, "BadRequest"), _details_of_type(details, "QuotaFailure")
    fields = [_get_text(item, "field") for request in requests for item in _get_dicts(request, "fieldViolations")]
    quota_ids = [_get_text(item, "quotaId") for quota in quotas for item in _get_dicts(quota, "violations")]
    status = error.get("code")
    return ReportedFailure(
        (_get_text(error, "message") or "").strip(),
        kind=_get_text(error, "status"),
        code=next(filter(None, reasons), None),
        param=next(filter(None, fields), None),
        status=status if type(status) is int and 100 <= status <= 599 else None,
        retry_after=_parse_duration(next(filter(None, delays), None)),
        permanent=any("PerDay" in quota_id for quota_id in quota_ids if quota_id),
    )


def _get_text(value: dict[str, Any], name: str) -> str | None:
    text = value.get(name)
    return replace_surrogates(text) if isinstance(text, str) and text else None


def _get_dicts(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = value.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _details_of_type(details: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [detail for detail in details if str(detail.get("@type", "")).endswith("google.rpc." + name)]


def _parse_duration(duration: str | None) -> float | None:
    """Return the seconds of a protobuf duration such as `45.837906927s`."""
    if duration is None or not duration.endswith("s"):
        return None
    try:
        seconds = float(duration[:-1])
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
