"""Maps the HTTP status and the error body of a provider to one of our errors: a 429 becomes `RateLimited` here.

Statuses follow RFC 9110 and the providers' pages (OpenAI "Error codes", Anthropic "Errors", Google "Troubleshooting",
OpenRouter "Errors", all read in November 2026). An error code takes precedence over the status, and the status over
the text of the message, which decides only where a provider sends nothing else.
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
from ratatoskr.types.visible import escape_hidden
from ratatoskr.wire.failure import ReportedFailure

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
    409: ProviderError,
    410: ModelNotAvailable,
    425: ProviderError,
    429: RateLimited,
    **dict.fromkeys(UNAVAILABLE, ServiceUnavailable),
}
"""Every status that is not a success."""

CODES: dict[str, type[RatatoskrError]] = {
    # a quota that is used up
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
    # authentication
    "api_key_invalid": AuthenticationFailed,
    "invalid_api_key": AuthenticationFailed,
    "authentication_error": AuthenticationFailed,
    "permission_error": AuthenticationFailed,
    "permission_denied": AuthenticationFailed,
    "unauthenticated": AuthenticationFailed,
    # content filters
    "content_filter": ContentFiltered,
    "content_policy_violation": ContentFiltered,
    "responsibleaipolicyviolation": ContentFiltered,
    "moderation_blocked": ContentFiltered,
    "bio_policy": ContentFiltered,
    "misalignment_policy_violation": ContentFiltered,
    # the model
    "model_not_found": ModelNotFound,
    "model_not_supported": ModelNotFound,
    "deployment_not_found": ModelNotFound,
    # a parameter
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
"""Error codes and types in lower case. Those that repeat a status decide where there is none, inside a 200."""

_MORE_EXACT = (QuotaExhausted, ContextLengthExceeded, ContentFiltered, ModelNotFound, UnsupportedParameter)
"""Classes for which an error code is more exact than the status."""

_MESSAGES: tuple[tuple[frozenset[int], re.Pattern[str], type[RatatoskrError]], ...] = (
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
    # Anthropic reports an empty account as an invalid request; only the message differs
    (frozenset({400, 403, 429}), re.compile(r"credit balance is too low", re.IGNORECASE), QuotaExhausted),
    (frozenset({403}), re.compile(r"flagged|moderation", re.IGNORECASE), ContentFiltered),
    (frozenset({429}), re.compile(r"exceeded your (current|monthly) quota|depleted", re.IGNORECASE), QuotaExhausted),
)
"""For providers that send only a message: the statuses, the pattern of the message, and the class."""


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
    retry_after = failure.retry_after
    error = _find_class(status, failure)(
        failure.message or default,
        provider=provider,
        model=model,
        status=status,
        provider_code=failure.code or failure.kind,
        retry_after=parse_retry_after(headers, now) if retry_after is None else retry_after,
    )
    if isinstance(error, UnsupportedParameter):
        error.field = failure.param
    if isinstance(error, ModelNotAvailable):
        error.reason = "gone"
    error.retryable = _is_retryable(error, status, headers)
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


def _find_class(status: int | None, failure: ReportedFailure) -> type[RatatoskrError]:
    by_code = [CODES[code.lower()] for code in (failure.code, failure.kind) if code and code.lower() in CODES]
    if status is None:
        return by_code[0] if by_code else ProviderError
    if failure.permanent and status == 429:
        return QuotaExhausted
    if status < 500:
        for cls in by_code:
            if cls in _MORE_EXACT or (cls is AuthenticationFailed and status == 400):
                return cls
        for statuses, pattern, cls in _MESSAGES:
            if cls is QuotaExhausted and failure.retry_after is not None:
                continue  # Google reports every limit with this message, and a delay for those that clear soon
            if status in statuses and pattern.search(failure.message[:MAX_MESSAGE]):
                return cls
    return STATUS.get(status, ProviderError)


def _is_retryable(error: RatatoskrError, status: int | None, headers: Mapping[str, str]) -> bool:
    should_retry = headers.get("x-should-retry")
    if should_retry in ("true", "false"):
        return should_retry == "true"
    if isinstance(error, ProviderError):
        return isinstance(error, ServiceUnavailable) or status in RETRYABLE_CONFLICT
    return error.retryable


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")


def parse_retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Return the seconds to wait that the headers ask for; `None` if they ask for none or cannot be parsed.

    In order: `retry-after-ms`, `retry-after` in seconds or as a date (RFC 9110 §10.2.3; a past one is 0), then the
    longest of OpenAI's `x-ratelimit-reset-*` durations whose `remaining` is 0.
    """
    if (ms := _parse_seconds(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    value = headers.get("retry-after")
    if value is not None:
        if (seconds := _parse_seconds(value)) is not None:
            return seconds
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            date = None
        if date is not None:
            return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now())
    waits = [
        parse_duration(headers[name])
        for name in _RESETS
        if name in headers and headers.get(name.replace("reset", "remaining")) == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


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
    return hours * 3600 + minutes * 60 + seconds + ms / 1000
