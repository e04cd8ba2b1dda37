"""Every row of the tables of errors by its example, and messages that no row may match."""

from __future__ import annotations

import json
import time

import pytest

from ratatoskr.errors import (
    ContentFiltered,
    InvalidInput,
    ModelNotAvailable,
    ModelNotFound,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
)
from ratatoskr.providers.error_rows import ROWS
from ratatoskr.providers.error_rows.row import Row
from ratatoskr.providers.errors import build_error, parse_retry_after
from ratatoskr.registry.policy import verdict_on
from ratatoskr.wire.chat_completions.errors import decode_error
from ratatoskr.wire.failure import ReportedFailure

NOW = 1_700_000_000.0


def error_for(status: int | None, body: object) -> RatatoskrError:
    failure = decode_error(json.dumps(body).encode())
    return build_error(status, failure, {}, provider="house", model="m", now=lambda: NOW)


def body_of(message: str, code: str | None = None) -> object:
    return {"error": {"message": message, "code": code, "type": "invalid_request_error"}}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code or row.example[:40])
def test_the_example_of_a_row_has_its_class_under_every_status_of_the_row(row: Row) -> None:
    for status in row.statuses:
        assert type(error_for(status, body_of(row.example, row.code))) is row.error, status


def test_the_table_is_complete() -> None:
    assert len(ROWS) >= 80
    assert all(row.source.endswith("2026-11") and (row.code or row.pattern) for row in ROWS)
    assert all(row.example for row in ROWS if row.pattern)
    assert all(row.code is None or row.code == row.code.lower() for row in ROWS)
    assert len(set(ROWS)) == len(ROWS)


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value for temperature",
        "Tool 'lookup' not found in tools",
        "The model returned a tool call that does not validate",
        "Invalid model parameter: top_k",
        "The tool `find_model` has a parameter that does not exist",
        "models support at most 4 stop sequences",
        "context must be an object",
        "context_window must be a positive number",
        "max_tokens must be at least 1",
        "The image is too large",
        "messages: at least one message is required",
        "moderation must be a boolean",
        "the flagged field is unknown",
        "requests per day must be a number",
        "credits is not a known field",
        "unknown parameter: model_kwargs",
        "Field content_filter is not allowed",
        "",
    ],
)
def test_another_bad_request_stays_one(message: str) -> None:
    error = error_for(400, body_of(message))
    assert (type(error), error.retryable) == (InvalidInput, False)


@pytest.mark.parametrize(
    ("status", "body", "cls", "moves_on"),
    [
        (403, {"code": "forbidden", "error": "Content violates usage guidelines."}, ContentFiltered, False),
        (
            400,
            {
                "error": {
                    "code": 400,
                    "message": "Provider returned error",
                    "metadata": {
                        "raw": '{"error":{"message":"Azure\'s content management policy","code":"content_filter"}}'
                    },
                }
            },
            ContentFiltered,
            False,
        ),
        (404, body_of("No endpoints found that support image input"), ModelNotAvailable, True),
        (404, body_of("No endpoints found matching your data policy"), ModelNotAvailable, True),
        (404, body_of("This is not a chat model"), ModelNotFound, True),
        (429, body_of("Rate limit reached on requests per day (RPD): Limit 200"), QuotaExhausted, True),
        (429, body_of("Rate limit reached on requests per min (RPM): Limit 3"), RateLimited, True),
        (None, body_of("the request exceeds the available context size"), InvalidInput, False),
        (None, {"error": "The server is overloaded"}, ServiceUnavailable, True),
    ],
)
def test_what_may_follow(status: int | None, body: object, cls: type[RatatoskrError], moves_on: bool) -> None:
    error = error_for(status, body)
    assert isinstance(error, cls)
    assert verdict_on(error).next is moves_on


def test_a_limit_of_the_day_is_not_retried() -> None:
    error = error_for(429, body_of("Rate limit exceeded: free-models-per-day"))
    assert not error.retryable
    assert not verdict_on(error).again


def test_no_pattern_takes_long_on_a_long_message() -> None:
    began = time.process_time()
    for piece in ("model ", "exceed ", "context size ", "account ", "credits ", "depleted ", "a/", "1"):
        for row in ROWS:
            row.matches(400, (), (piece * 2000)[:2000])
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("6m0s", 360.0),
        ("1.5s", 1.5),
        ("33011.5", 33011.5),
        ("1700000060", 60.0),
        ("1700000060000", 60.0),
        ("2023-11-14T22:14:20Z", 60.0),
        ("1600000000", None),
        ("9" * 400, None),
        ("9" * 400 + "s", None),
        ("1e300", 1e9),
        ("nan", None),
        ("-4", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_time_of_a_reset_in_every_unit(value: str, seconds: float | None) -> None:
    headers = {"x-ratelimit-reset": value, "x-ratelimit-remaining": "0"}
    assert parse_retry_after(headers, lambda: NOW) == seconds


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("retry-after", "Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("retry-after", "Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
        ("retry-after", "1 2 3 4 5 6 7 8", None),
        ("retry-after", "1e300", 1e9),
        ("retry-after", "30s", 30.0),
        ("retry-after-ms", "1e308", 1e9),
        ("retry-after-ms", "nan", None),
    ],
)
def test_a_hint_out_of_range_is_bounded(name: str, value: str, seconds: float | None) -> None:
    assert parse_retry_after({name: value}, lambda: NOW) == seconds


@pytest.mark.parametrize(("seconds", "expected"), [(float("nan"), None), (-1.0, 0.0), (1e300, 1e9), (3.0, 3.0)])
def test_a_hint_in_the_body_is_bounded(seconds: float, expected: float | None) -> None:
    failure = ReportedFailure("wait", retry_after=seconds)
    assert build_error(429, failure, {}, provider="p", model="m", now=lambda: NOW).retry_after == expected
