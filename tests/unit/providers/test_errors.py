"""The error for every status, for the codes that are more exact, and every form of `retry-after`."""

from __future__ import annotations

import pytest

from ratatoskr.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidInput,
    ModelNotAvailable,
    ModelNotFound,
    ProviderError,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    RedirectRefused,
    ServiceUnavailable,
    UnsupportedParameter,
)
from ratatoskr.providers.errors import build_error, parse_duration, parse_retry_after
from ratatoskr.wire.failure import ReportedFailure

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def error_for(status: int | None, failure: ReportedFailure | None = None, **headers: str) -> RatatoskrError:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return build_error(status, failure or ReportedFailure(), names, provider="p", model="m", now=lambda: NOW)


def expected_for(status: int) -> tuple[type[RatatoskrError], bool]:
    if status < 400:
        return RedirectRefused, False
    named = {
        401: (AuthenticationFailed, False),
        402: (QuotaExhausted, False),
        403: (AuthenticationFailed, False),
        407: (ConnectionFailed, False),
        409: (ProviderError, True),
        410: (ModelNotAvailable, False),
        425: (ProviderError, True),
        429: (RateLimited, True),
    }
    if status in named:
        return named[status]
    if status in {408, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}:
        return ServiceUnavailable, True
    return (InvalidInput, False) if status < 500 else (ProviderError, False)


@pytest.mark.parametrize(
    ("code", "kind"), [("server_is_overloaded", "service_unavailable_error"), (None, "service_unavailable_error")]
)
def test_an_overload_that_only_a_code_of_a_stream_tells_is_retryable(code: str | None, kind: str) -> None:
    error = error_for(None, ReportedFailure("Try again later.", kind=kind, code=code))
    assert (type(error), error.retryable) == (ServiceUnavailable, True)


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_has_its_class_and_only_the_documented_ones_are_retryable(status: int) -> None:
    error = error_for(status)
    assert (type(error), error.retryable) == expected_for(status)
    assert error.status == status
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("status", "failure", "cls"),
    [
        (429, ReportedFailure("You exceeded your current quota", code="insufficient_quota"), QuotaExhausted),
        (429, ReportedFailure("You exceeded your current quota"), QuotaExhausted),
        (429, ReportedFailure("You exceeded your current quota", "RESOURCE_EXHAUSTED", retry_after=48.0), RateLimited),
        (429, ReportedFailure("You exceeded your current quota", retry_after=48.0, permanent=True), QuotaExhausted),
        (429, ReportedFailure("Quota per day", permanent=True), QuotaExhausted),
        (429, ReportedFailure("slow down", code="rate_limit_exceeded"), RateLimited),
        (400, ReportedFailure("too long", code="context_length_exceeded"), ContextLengthExceeded),
        (400, ReportedFailure("prompt is too long: 210000 tokens > 200000 maximum"), ContextLengthExceeded),
        (400, ReportedFailure("The input token count (2000000) exceeds the maximum"), ContextLengthExceeded),
        (400, ReportedFailure("prompt too long; exceeded max context length by 5 tokens"), ContextLengthExceeded),
        (413, ReportedFailure("request_too_large"), InvalidInput),
        (
            400,
            ReportedFailure("API key not valid.", kind="INVALID_ARGUMENT", code="API_KEY_INVALID"),
            AuthenticationFailed,
        ),
        (400, ReportedFailure("not allowed", code="content_policy_violation"), ContentFiltered),
        (403, ReportedFailure("Input was flagged"), ContentFiltered),
        (
            400,
            ReportedFailure("Unsupported parameter", code="unsupported_parameter", param="stop"),
            UnsupportedParameter,
        ),
        (404, ReportedFailure("model: claude-sonet-4-5", kind="not_found_error"), ModelNotFound),
        (404, ReportedFailure("model 'bad_model' not found"), ModelNotFound),
        (
            400,
            ReportedFailure("The requested model 'bad model' does not exist.", code="model_not_found"),
            ModelNotFound,
        ),
        (404, ReportedFailure("models/x is not found for API version v1beta"), ModelNotFound),
        (404, ReportedFailure("Not Found"), InvalidInput),
        (529, ReportedFailure("Overloaded", kind="overloaded_error"), ServiceUnavailable),
        (None, ReportedFailure("Overloaded", kind="overloaded_error"), ServiceUnavailable),
        (None, ReportedFailure("limit", kind="rate_limit_error"), RateLimited),
        (None, ReportedFailure("bad", code="server_error"), ServiceUnavailable),
        (None, ReportedFailure("bad", code="something_new"), ProviderError),
        (None, ReportedFailure("busy", status=503), ServiceUnavailable),
        (200, ReportedFailure("busy", status=429), RateLimited),
    ],
)
def test_the_body_decides_where_it_is_more_exact(
    status: int | None, failure: ReportedFailure, cls: type[RatatoskrError]
) -> None:
    error = error_for(status, failure)
    assert type(error) is cls
    assert error.message == failure.message
    assert error.provider_code == (failure.code or failure.kind)


def test_the_refused_parameter_is_named() -> None:
    assert error_for(400, ReportedFailure("no", code="unsupported_value", param="temperature")).field == "temperature"


def test_a_model_that_is_gone_says_so() -> None:
    error = error_for(410)
    assert isinstance(error, ModelNotAvailable)
    assert error.reason == "gone"


@pytest.mark.parametrize(
    ("status", "should_retry", "retryable"), [(400, "true", True), (503, "false", False), (503, "x", True)]
)
def test_the_provider_may_decide_whether_to_retry(status: int, should_retry: str, retryable: bool) -> None:
    assert error_for(status, x_should_retry=should_retry).retryable is retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "a while"}, None),
        ({"retry-after": "1e9"}, 1e9),
        ({"retry-after": ""}, None),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360.0),
        ({"x-ratelimit-reset-requests": "20ms", "x-ratelimit-remaining-requests": "0"}, 0.02),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "10"}, None),
        ({}, None),
    ],
)
def test_every_form_of_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, lambda: NOW) == seconds


def test_a_delay_in_the_body_is_preferred_to_the_headers() -> None:
    assert error_for(429, ReportedFailure("wait", retry_after=45.8), retry_after="3").retry_after == 45.8


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1.0), ("1h2m3.5s", 3723.5), ("45.837906927s", 45.837906927), ("x", None), ("", None)]
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds
