"""Google's error bodies, and those of proxies in between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.gemini import decode_error

TYPE = "type.googleapis.com/google.rpc."


def error_body(code: int, status: str, *details: Any) -> Any:
    return {"error": {"code": code, "message": "Why. ", "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (error_body(503, "UNAVAILABLE"), ReportedFailure("Why.", "UNAVAILABLE", status=503)),
        (
            error_body(400, "INVALID_ARGUMENT", {"@type": TYPE + "ErrorInfo", "reason": "API_KEY_INVALID"}),
            ReportedFailure("Why.", "INVALID_ARGUMENT", "API_KEY_INVALID", status=400),
        ),
        (
            error_body(429, "RESOURCE_EXHAUSTED", {"@type": TYPE + "RetryInfo", "retryDelay": "45.837906927s"}),
            ReportedFailure("Why.", "RESOURCE_EXHAUSTED", status=429, retry_after=45.837906927),
        ),
        (
            error_body(
                429,
                "RESOURCE_EXHAUSTED",
                {"@type": TYPE + "QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerModel"}]},
                {"@type": TYPE + "RetryInfo", "retryDelay": "7s"},
            ),
            ReportedFailure("Why.", "RESOURCE_EXHAUSTED", status=429, retry_after=7.0, permanent=True),
        ),
        (
            error_body(
                429, "RESOURCE_EXHAUSTED", {"@type": TYPE + "QuotaFailure", "violations": [{"quotaId": "PerMinute"}]}
            ),
            ReportedFailure("Why.", "RESOURCE_EXHAUSTED", status=429),
        ),
        (
            error_body(
                400, "INVALID_ARGUMENT", {"@type": TYPE + "BadRequest", "fieldViolations": [{"field": "tools[0]"}]}
            ),
            ReportedFailure("Why.", "INVALID_ARGUMENT", param="tools[0]", status=400),
        ),
        ([error_body(500, "INTERNAL")], ReportedFailure("Why.", "INTERNAL", status=500)),
        ({"error": "plain"}, ReportedFailure("plain")),
        ({"error": {"message": 5, "code": "x", "details": [1, {"@type": 2}]}}, ReportedFailure("")),
        (
            error_body(429, "X", {"@type": TYPE + "RetryInfo", "retryDelay": "-1s"}),
            ReportedFailure("Why.", "X", status=429),
        ),
        (
            error_body(429, "X", {"@type": TYPE + "RetryInfo", "retryDelay": "nans"}),
            ReportedFailure("Why.", "X", status=429),
        ),
        (
            error_body(429, "X", {"@type": TYPE + "RetryInfo", "retryDelay": "soon"}),
            ReportedFailure("Why.", "X", status=429),
        ),
    ],
)
def test_an_error_body_is_read(body: Any, failure: ReportedFailure):
    assert decode_error(json.dumps(body).encode()) == failure
    assert decode_error(json.dumps(body, indent=2).encode()) == failure


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"upstream connect error\r\n\x00", "upstream connect error"),
        (b"<!DOCTYPE html><html><title>502\nBad &amp; Gateway</title>", "502 Bad & Gateway"),
        (b"<html><body>x", "an HTML page without a title"),
        (b"[]", "[]"),
        (b"x" * 999, "x" * 200),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 200),
    ],
)
def test_a_body_in_another_form_gives_its_text(body: bytes, message: str):
    assert decode_error(body) == ReportedFailure(message)
