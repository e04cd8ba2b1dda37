"""Error bodies."""

import pytest

from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.responses import decode_error


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (
            b'{"error":{"message":"No.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}',
            ReportedFailure("No.", "invalid_request_error", "unsupported_value", "temperature"),
        ),
        (
            b'{"error":{"message":"Out.","type":"insufficient_quota","code":"insufficient_quota","param":null}}',
            ReportedFailure("Out.", "insufficient_quota", "insufficient_quota", permanent=True),
        ),
        (
            b'{"error":{"code":429,"message":"Busy","metadata":{"error_type":"rate_limit_exceeded","provider_code":"x"}}}',
            ReportedFailure("Busy", "rate_limit_exceeded", "x", status=429),
        ),
        (
            (
                b'{"error":{"code":400,"message":"Provider returned error",'
                b'"metadata":{"raw":"{\\"error\\":{\\"message\\":\\"Bad\\"}}"}}}'
            ),
            ReportedFailure("Provider returned error: Bad", status=400),
        ),
        (b'{"error":"just words"}', ReportedFailure("just words")),
        (b'[{"error":{"message":"in a list"}}]', ReportedFailure("in a list")),
        (b'{"message":"flat","code":"c"}', ReportedFailure("flat", code="c")),
        (b'{"detail":"not found"}', ReportedFailure("not found")),
        (b"upstream connect error", ReportedFailure("upstream connect error")),
        (b"<html><head><title>502 Bad\x07 Gateway</title></head></html>", ReportedFailure("502 Bad  Gateway")),
        (b"", ReportedFailure("")),
        (b"null", ReportedFailure()),
        (b"[]", ReportedFailure()),
        (b'{"error":{}}', ReportedFailure()),
        (b'{"error":{"message":5,"code":true,"type":[],"metadata":[]}}', ReportedFailure()),
    ],
)
def test_error_bodies(body, failure):
    assert decode_error(body) == failure


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("in 1.898s.", 1.898),
        ("in 28ms", 0.028),
        ("in 6m0s", 360.0),
        ("in 1h2m3s", 3723.0),
        ("later", None),
        ("in 1.2.3s", None),
    ],
)
def test_retry_after_in_a_message(time, seconds):
    found = decode_error(b'{"error":{"message":"Please try again %s"}}' % time.encode()).retry_after
    assert found == (None if seconds is None else pytest.approx(seconds))
