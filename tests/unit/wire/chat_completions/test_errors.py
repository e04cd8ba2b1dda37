"""Error bodies of the hosts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.wire.chat_completions import decode_error
from ratatoskr.wire.failure import ReportedFailure

FORMS = [
    (
        {"error": {"message": "No.", "type": "invalid_request_error", "param": "stop", "code": "unsupported_value"}},
        ReportedFailure("No.", "invalid_request_error", "unsupported_value", "stop"),
    ),
    (
        {"error": {"message": "Pay.", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}},
        ReportedFailure("Pay.", "insufficient_quota", "insufficient_quota", permanent=True),
    ),
    (
        {"error": {"code": 429, "message": "Slow.", "metadata": {"error_type": "rate_limit_exceeded"}}, "user_id": "u"},
        ReportedFailure("Slow.", "rate_limit_exceeded", status=429),
    ),
    (
        {
            "error": {
                "code": 400,
                "message": "Provider returned error",
                "metadata": {"raw": '{"error":{"message":"bad"}}'},
            }
        },
        ReportedFailure("Provider returned error: bad", status=400),
    ),
    (
        {"error": {"code": 502, "message": "x", "metadata": {"provider_code": "overloaded", "retry_after": 2}}},
        ReportedFailure("x", code="overloaded", status=502, retry_after=2.0),
    ),
    ({"error": "Loading", "estimated_time": 20.5}, ReportedFailure("Loading", retry_after=20.5)),
    ({"error": "Bad", "error_type": "template_error"}, ReportedFailure("Bad", "template_error")),
    ({"error": ["a", "b"]}, ReportedFailure("a; b")),
    ({"error": {"message": "x", "http_status_code": 422}}, ReportedFailure("x", status=422)),
    (
        {"object": "error", "message": "x", "type": "T", "param": None, "code": 404},
        ReportedFailure("x", "T", status=404),
    ),
    (
        {"result": None, "success": False, "errors": [{"code": 7003, "message": "Could not route"}], "messages": []},
        ReportedFailure("Could not route", code="7003"),
    ),
    ({"error": None, "errors": ["a", "b"]}, ReportedFailure("a; b")),
    ({"code": "denied", "error": "No access"}, ReportedFailure("No access", code="denied")),
    ({"detail": [{"loc": ["body"], "msg": "extra", "type": "extra_forbidden"}]}, ReportedFailure("extra")),
    ({"detail": "Unauthorized"}, ReportedFailure("Unauthorized")),
    ({"message": "Unauthorized", "request_id": "r"}, ReportedFailure("Unauthorized")),
    (
        [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}],
        ReportedFailure("m", "INVALID_ARGUMENT", status=400),
    ),
    ({"error": {"message": "x", "code": "429"}}, ReportedFailure("x", status=429)),
    ({"error": {"message": "x", "code": 1113}}, ReportedFailure("x", code="1113")),
    ({}, ReportedFailure("")),
    ({"error": None}, ReportedFailure("")),
    (None, ReportedFailure("")),
    ("just text", ReportedFailure("just text")),
]


@pytest.mark.parametrize(("body", "failure"), FORMS)
def test_error_bodies(body, failure):
    assert decode_error(json.dumps(body).encode()) == failure


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"upstream connect\r\nerror\x00\x1b[31m", "upstream connect error [31m"),
        (
            b"<html><head><title>502 Bad\n Gateway &amp; more</title></head><body>x</body></html>",
            "502 Bad Gateway & more",
        ),
        (b"<html><style>p{}</style><body><p>Gone</p></body></html>", "Gone"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error":', '{"error":'),
        (b"[" * 100, "[" * 100),
    ],
)
def test_bodies_that_are_not_json(body, message):
    assert decode_error(body).message == message


def test_long_messages_are_truncated():
    assert len(decode_error(b"x" * 100_000).message) == 200
    assert len(decode_error(b"<title>" + b"x" * 100_000).message) <= 200
    assert len(decode_error(json.dumps({"error": {"message": "x" * 9999}}).encode()).message) <= 2000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "metadata", "detail", "raw", "status", "retry_after"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
@settings(deadline=None)
def test_no_body_raises(body):
    failure = decode_error(body)
    failure.message.encode()
