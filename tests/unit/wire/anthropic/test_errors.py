"""Error bodies of Anthropic, and of proxies in between."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.wire.anthropic import decode_error
from ratatoskr.wire.failure import ReportedFailure


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (
            b'{"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"r"}',
            ReportedFailure("model: x", kind="not_found_error"),
        ),
        (
            b'{"error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}',
            ReportedFailure("m", kind="rate_limit_error", code="enforced_spend_limit_reached", permanent=True),
        ),
        (
            b'{"error":{"type":"billing_error","message":"Your credit balance is too low"}}',
            ReportedFailure("Your credit balance is too low", kind="billing_error", permanent=True),
        ),
        (b'{"error":{"type":"api_error"}}', ReportedFailure("api_error", kind="api_error")),
        (b'{"error":{"message":"m","code":429,"param":"p"}}', ReportedFailure("m", code="429", param="p")),
        (b'{"error":"text"}', ReportedFailure("text")),
        (b'[{"error":{"message":"first"}}]', ReportedFailure("first")),
        (b'{"detail":"Not Found"}', ReportedFailure("Not Found")),
        (b'{"message":"m","code":"c"}', ReportedFailure("m", code="c")),
        (b'"text"', ReportedFailure("text")),
        (b"upstream\r\nfailed\x00 \x1b[31m", ReportedFailure("upstream failed [31m")),
        (b"<html><head><TITLE>502\n Bad Gateway</TITLE>", ReportedFailure("502 Bad Gateway")),
        (b"<!DOCTYPE html><p>no title", ReportedFailure("an HTML page without a title")),
        (b"", ReportedFailure("an empty body")),
        (b"[]", ReportedFailure("the error has no message")),
        (b"null", ReportedFailure("the error has no message")),
        (b"{}", ReportedFailure("the error has no message")),
    ],
)
def test_an_error_body_of_any_form_is_read(body, failure):
    assert decode_error(body) == failure


def test_text_is_cut():
    assert len(decode_error(b"x" * 100_000).message) == 200
    assert len(decode_error(b"<title>" + b"x" * 10_000 + b"</title>").message) == 200
    assert len(decode_error(b"<html><title>" + b"x" * 10_000 + b"</title>").message) == 200


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_every_body_gives_a_failure(body):
    failure = decode_error(body)
    assert failure.message
    assert not any(unicodedata.category(letter) == "Cc" for letter in failure.message)
    failure.message.encode()
