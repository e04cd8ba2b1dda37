"""One closed table: HTTP status and what the provider said become one of our errors.

Statuses follow RFC 9110 and the providers' pages (OpenAI "Error codes", Anthropic "Errors", Google "Troubleshooting",
OpenRouter "Errors", all read in November 2026). A structured code is believed before the status, the status before
words; words decide only where a provider sends nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from ratatoskr.errors import (
    AuthenticationFailed,
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
from ratatoskr.wire.failure import ReportedFailure

UNAVAILABLE = frozenset({408, 500, 502, 503, 504, *range(520, 525), 529})
RETRYABLE_CONFLICT = frozenset({409, 425})

STATUS: dict[int, type[RatatoskrError]] = {
    **dict.fromkeys(range(300, 400), RedirectRefused),
    **dict.fromkeys(range(400, 500), InvalidInput),
    **dict.fromkeys(range(500, 600), ProviderError),
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    409: ProviderError,
    410: ModelNotAvailable,
    425: ProviderError,
    429: RateLimited,
    **dict.fromkeys(UNAVAILABLE, ServiceUnavailable),
}
"""Every status that is no success."""

CODES: dict[str, type[RatatoskrError]] = {
    # quota that waiting does not bring back
    "insufficient_quota": QuotaExhausted,
    "billing_hard_limit_reached": QuotaExhausted,
    "billing_not_active": QuotaExhausted,
    "billing_error": QuotaExhausted,
    "enforced_spend_limit_reached": QuotaExhausted,
    "payment_required": QuotaExhausted,
    "insufficient_credits": QuotaExhausted,
    # too long
    "context_length_exceeded": ContextLengthExceeded,
    "exceed_context_size_error": ContextLengthExceeded,
    "model_context_window_exceeded": ContextLengthExceeded,
    # who asks
    "api_key_invalid": AuthenticationFailed,
    "invalid_api_key": AuthenticationFailed,
    "authentication_error": AuthenticationFailed,
    "permission_error": AuthenticationFailed,
    "permission_denied": AuthenticationFailed,
    "unauthenticated": AuthenticationFailed,
    # what may not be said
    "content_filter": ContentFiltered,
    "content_policy_violation": ContentFiltered,
    "responsibleaipolicyviolation": ContentFiltered,
    "moderation_blocked": ContentFiltered,
    "bio_policy": ContentFiltered,
    "misalignment_policy_violation": ContentFiltered,
    # which model
    "model_not_found": ModelNotFound,
    "model_not_supported": ModelNotFound,
    "deployment_not_found": ModelNotFound,
    # which parameter
    "unsupported_parameter": UnsupportedParameter,
    "unsupported_value": UnsupportedParameter,
    # load
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "too_many_requests": RateLimited,
    "resource_exhausted": RateLimited,
    "overloaded_error": ServiceUnavailable,
    "overloaded": ServiceUnavailable,
    "provider_overloaded": ServiceUnavailable,
    "provider_unavailable": ServiceUnavailable,
    "server_overloaded": ServiceUnavailable,
    "engine_overloaded": ServiceUnavailable,
    "api_error": ServiceUnavailable,
    "server_error": ServiceUnavailable,
    "internal_server_error": ServiceUnavailable,
    "internal": ServiceUnavailable,
    "unavailable": ServiceUnavailable,
    "service_unavailable": ServiceUnavailable,
    "timeout_error": ServiceUnavailable,
    "deadline_exceeded": ServiceUnavailable,
    # the request
    "invalid_request_error": InvalidInput,
    "invalid_argument": InvalidInput,
    "failed_precondition": InvalidInput,
    "request_too_large": InvalidInput,
    "invalid_prompt": InvalidInput,
    "billing_limit_exceeded": QuotaExhausted,
}
"""Codes and types in lower case. Those that only repeat a status decide inside a 200, where there is none."""

_FINER = (QuotaExhausted, ContextLengthExceeded, ContentFiltered, ModelNotFound, UnsupportedParameter)
"""Classes that a code may say more exactly than the status does."""

_WORDS: tuple[tuple[frozenset[int], re.Pattern[str], type[RatatoskrError]], ...] = (
    (
        frozenset({400, 413, 422}),
        re.compile(
            r"prompt (is )?too long|context (length|window|size)|maximum context|max context length"
            r"|input token count|too many (input )?tokens|exceeds? the maximum (number of )?(input )?tokens",
            re.IGNORECASE,
        ),
        ContextLengthExceeded,
    ),
    (
        frozenset({400, 404}),
        re.compile(
            r"\bmodels?\b.*(not found|does ?n[o']t exist|unknown)|^model:|no endpoints found for", re.IGNORECASE
        ),
        ModelNotFound,
    ),
    (frozenset({400}), re.compile(r"api key (not valid|expired)|invalid api key", re.IGNORECASE), AuthenticationFailed),
    # Anthropic tells an empty account as an invalid request, by words alone
    (frozenset({400, 403, 429}), re.compile(r"credit balance is too low", re.IGNORECASE), QuotaExhausted),
    (frozenset({403}), re.compile(r"flagged|moderation", re.IGNORECASE), ContentFiltered),
    (frozenset({429}), re.compile(r"exceeded your (current|monthly) quota|depleted", re.IGNORECASE), QuotaExhausted),
)
"""Where a provider sends nothing but words: which statuses, which words, which class."""


def error_of(
    status: int | None,
    failure: ReportedFailure,
    headers: Mapping[str, str],
    *,
    provider: str,
    model: str,
    now: Callable[[], float],
) -> RatatoskrError:
    """Return the error for a failed response, or for one told inside a 200 (`status=None`).

    Args:
        status: of the response; `None` or 2xx when the body told the error.
        failure: what the body said.
        headers: of the response, names in lower case.
        provider: who was asked.
        model: for what.
        now: seconds since the epoch, for dates in `retry-after`.
    """
    if status is None or status < 300:
        status = failure.status
    cls = _class_of(status, failure)
    hint = _first(failure.retry_after, retry_after(headers, now))
    error = cls(
        failure.message or _plain(status),
        provider=provider,
        model=model,
        status=status,
        provider_code=failure.code or failure.kind,
        retry_after=hint,
    )
    if isinstance(error, UnsupportedParameter):
        error.field = failure.param
    if isinstance(error, ModelNotAvailable):
        error.reason = "gone"
    error.retryable = _retryable(error, status, headers)
    return error


def _class_of(status: int | None, failure: ReportedFailure) -> type[RatatoskrError]:
    said = [CODES[word.lower()] for word in (failure.code, failure.kind) if word and word.lower() in CODES]
    if status is None:
        return said[0] if said else ProviderError
    if failure.permanent and status == 429:
        return QuotaExhausted
    if status < 500:
        for cls in said:
            if cls in _FINER or (cls is AuthenticationFailed and status == 400):
                return cls
        for statuses, words, cls in _WORDS:
            if cls is QuotaExhausted and failure.retry_after is not None:
                continue  # Google tells every limit in these words, and when one clears within minutes
            if status in statuses and words.search(failure.message):
                return cls
    return STATUS.get(status, ProviderError)


def _retryable(error: RatatoskrError, status: int | None, headers: Mapping[str, str]) -> bool:
    wish = headers.get("x-should-retry")
    if wish in ("true", "false"):
        return wish == "true"
    if isinstance(error, ProviderError):
        return isinstance(error, ServiceUnavailable) or status in RETRYABLE_CONFLICT
    return error.retryable


def _plain(status: int | None) -> str:
    return f"the provider answered with status {status}" if status is not None else "the provider told an error"


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")


def retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Return the seconds that the headers ask us to wait, in every form that providers use; `None` for none or garbage.

    In order: `retry-after-ms`, `retry-after` in seconds or as a date (RFC 9110 §10.2.3; a past one is 0), then the
    longest of OpenAI's `x-ratelimit-reset-*` durations whose `remaining` is 0.
    """
    if (ms := _seconds(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    value = headers.get("retry-after")
    if value is not None:
        if (seconds := _seconds(value)) is not None:
            return seconds
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            date = None
        if date is not None:
            return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now())
    waits = [
        duration(headers[name])
        for name in _RESETS
        if name in headers and headers.get(name.replace("reset", "remaining")) == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def duration(value: str) -> float | None:
    """Return a duration such as `6m0s` or `45.8s` in seconds; `None` for anything else."""
    found = _DURATION.fullmatch(value.strip())
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds, ms = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + ms / 1000
