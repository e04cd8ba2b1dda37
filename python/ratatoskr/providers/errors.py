"""Maps the HTTP status and the error body of a provider to one of our errors: a 429 becomes `RateLimited` here.

Statuses follow RFC 9110 and the providers' pages (OpenAI "Error codes", Anthropic "Errors", Google "Troubleshooting",
OpenRouter "Errors", all read in November 2026). The codes and words that are more exact than a status are in
`error_rows`; then the status decides, and where there is none, inside a 200, the error code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ratatoskr.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    InvalidInput,
    ModelNotAvailable,
    ProviderError,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    RedirectRefused,
    ServiceUnavailable,
    UnsupportedParameter,
)
from ratatoskr.providers.error_rows import ROWS
from ratatoskr.types.visible import escape_hidden
from ratatoskr.wire.failure import ReportedFailure
from ratatoskr.wire.reset import find_reset_in_text

MAX_MESSAGE = 2000
"""The number of characters that are kept of a provider's message."""

MAX_WORD = 200
"""The number of characters that are kept of a provider's code or request id."""

UNAVAILABLE = frozenset({408, 500, 502, 503, 504, *range(520, 525), 529})
RETRYABLE_CONFLICT = frozenset({409, 425})

STATUS: dict[int, type[RatatoskrError]] = {
    **dict.fromkeys(range(300, 400), RedirectRefused),
    **dict.fromkeys(range(400, 500), InvalidInput),
    **dict.fromkeys(range(500, 600), ProviderError),
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    407: ConnectionFailed,  # by a proxy
    409: ProviderError,
    410: ModelNotAvailable,
    425: ProviderError,
    429: RateLimited,
    **dict.fromkeys(UNAVAILABLE, ServiceUnavailable),
}
"""Every status that is not a success."""

CODES: dict[str, type[RatatoskrError]] = {
    # authentication
    "api_key_invalid": AuthenticationFailed,
    "invalid_api_key": AuthenticationFailed,
    "authentication_error": AuthenticationFailed,
    "permission_error": AuthenticationFailed,
    "permission_denied": AuthenticationFailed,
    "unauthenticated": AuthenticationFailed,
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
    "server_is_overloaded": ServiceUnavailable,  # OpenAI's streams, public reports, 2026-05
    "service_unavailable_error": ServiceUnavailable,
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
}
"""Error codes and types in lower case that repeat a status. They decide where there is none, inside a 200."""


def build_error(
    status: int | None,
    failure: ReportedFailure,
    headers: Mapping[str, str],
    *,
    provider: str,
    model: str,
    now: Callable[[], float],
) -> RatatoskrError:
    """Return the error for a failed response, or for a failure that was reported inside a 200.

    Args:
        status: of the response; `None` or 2xx when the body reported the failure.
        failure: what the body said.
        headers: of the response, names in lower case.
        provider: the provider that was asked.
        model: the model that was asked for.
        now: returns the seconds since the epoch, for dates in `retry-after`.
    """
    if status is None or status < 300:
        status = failure.status
    default = f"the provider answered with status {status}" if status is not None else "the provider reported an error"
    codes = tuple(code.lower() for code in (failure.code, failure.kind) if code)
    cls, reason = _find_class(status, failure, codes)
    error = cls(
        failure.message or default,
        provider=provider,
        model=model,
        status=status,
        provider_code=failure.code or failure.kind,
        retry_after=_find_retry_after(failure, headers, now, has_date=issubclass(cls, QuotaExhausted | RateLimited)),
    )
    if isinstance(error, UnsupportedParameter):
        error.field = failure.param
    if isinstance(error, ModelNotAvailable):
        error.reason = reason
    error.retryable = _is_retryable(error, status, headers)
    if isinstance(error, ConnectionFailed):
        # The page of the proxy is not repeated: it may show the password, which is not known here.
        error.args = ("the proxy failed: it asks for another user name or password",)
        error.phase, error.provider_code, error.retryable = "proxy", None, False
    return error


def clean_error(error: RatatoskrError, redact: Callable[[str], str]) -> None:
    """Make the provider's text in an error safe to print and to log: redacted, escaped, on one line, and short."""
    error.args = (escape_hidden(redact(error.message), MAX_MESSAGE), *error.args[1:])
    error.provider_code = clean_word(error.provider_code, redact)
    error.request_id = clean_word(error.request_id, redact)
    error.field = clean_word(error.field, redact)


def clean_word(text: str | None, redact: Callable[[str], str]) -> str | None:
    """Return a provider's code or id, redacted, escaped and short."""
    return text and escape_hidden(redact(text), MAX_WORD)


def _find_class(
    status: int | None, failure: ReportedFailure, codes: tuple[str, ...]
) -> tuple[type[RatatoskrError], str]:
    """Return the class, and the reason if it is `ModelNotAvailable`."""
    if failure.permanent and status == 429:
        return QuotaExhausted, ""
    message = failure.message[:MAX_MESSAGE]
    for row in ROWS:
        if row.without_delay and failure.retry_after is not None:
            continue  # Google reports every limit with this message, and a delay for those that clear soon
        if row.matches(status, codes, message):
            return row.error, row.reason
    by_code = next((CODES[code] for code in codes if code in CODES), None)
    if status is None:
        return by_code or ProviderError, ""
    if status == 400 and by_code is AuthenticationFailed:
        return by_code, ""
    return STATUS.get(status, ProviderError), "gone"


def _is_retryable(error: RatatoskrError, status: int | None, headers: Mapping[str, str]) -> bool:
    should_retry = headers.get("x-should-retry")
    if should_retry in ("true", "false"):
        return should_retry == "true"
    if isinstance(error, ProviderError):
        return isinstance(error, ServiceUnavailable) or status in RETRYABLE_CONFLICT
    return error.retryable


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_MAX_WAIT = 1e9
"""The longest wait in seconds that is reported."""
_MIN_EPOCH, _MIN_EPOCH_MS = 1e8, 1e11
"""From here on a number is the time since the epoch, in seconds or in milliseconds."""


def parse_retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Return the seconds to wait that the headers ask for; `None` if they ask for none or cannot be parsed.

    In order: `retry-after-ms`, `retry-after` in seconds or as a date (RFC 9110 §10.2.3; a past one is 0), then the
    longest of the `ratelimit` headers with `reset` in their name whose `remaining` is 0.
    """
    if (ms := _parse_seconds(headers.get("retry-after-ms"))) is not None:
        return _bound(ms / 1000)
    value = headers.get("retry-after")
    if value is not None:
        wait = _parse_seconds(value)
        if wait is None and (wait := _parse_date(value, parsedate_to_datetime)) is not None:
            wait -= now()
        if wait is None:
            wait = parse_duration(value)
        if wait is not None:
            return _bound(wait)
    waits = [
        _parse_reset(value, now)
        for name, value in headers.items()
        if "ratelimit" in name and "reset" in name and headers.get(name.replace("reset", "remaining")) == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _find_retry_after(
    failure: ReportedFailure, headers: Mapping[str, str], now: Callable[[], float], *, has_date: bool
) -> float | None:
    """Return the seconds to wait that the body asks for, or the headers, or else a date in the body that is to come."""
    if failure.retry_after is not None:
        return _bound(failure.retry_after)
    wait = parse_retry_after(headers, now)
    if wait is None and has_date:
        reset = failure.resets_at or find_reset_in_text(failure.message[:MAX_MESSAGE])
        wait = None if reset is None or reset < now() else _bound(reset - now())
    return wait


def _parse_reset(value: str, now: Callable[[], float]) -> float | None:
    """Return the seconds until a reset: a duration, seconds, or a time since the epoch or as an ISO 8601 date.

    A reset in the past asks for no wait.
    """
    wait = parse_duration(value)
    if wait is None and (wait := _parse_seconds(value)) is not None and wait >= _MIN_EPOCH:
        wait = (wait / 1000 if wait >= _MIN_EPOCH_MS else wait) - now()
    if wait is None and (wait := _parse_date(value.strip(), datetime.fromisoformat)) is not None:
        wait -= now()
    return None if wait is None or wait < 0 else _bound(wait)


def _parse_date(value: str, parse: Callable[[str], datetime]) -> float | None:
    try:
        date = parse(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _bound(seconds: float) -> float | None:
    return min(max(0.0, seconds), _MAX_WAIT) if math.isfinite(seconds) else None


def _parse_seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def parse_duration(value: str) -> float | None:
    """Return a duration such as `6m0s` or `45.8s` in seconds; `None` for anything else."""
    found = _DURATION.fullmatch(value.strip())
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds, ms = (float(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds + ms / 1000
    return total if math.isfinite(total) else None
