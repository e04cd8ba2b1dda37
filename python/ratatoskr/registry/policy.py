"""What follows a failed attempt, as a table: retry, next candidate or stop, and the cool-down of the candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ratatoskr.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    ConnectionFailed,
    ContentFiltered,
    GatewayClosed,
    InvalidInput,
    MalformedResponse,
    ModelNotAvailable,
    ModelNotFound,
    ProviderError,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    RedirectRefused,
    ServiceUnavailable,
    StreamInterrupted,
    Timeout,
    TlsError,
    UnsupportedParameter,
)
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.timeouts import Deadlines, Timeouts
from ratatoskr.types.tool import ProviderTool

ENOUGH_TIME = 5.0
"""Seconds that a provider must have had for a timeout to be its failure, where the gateway's own timeout is longer."""
_NEARLY = 0.98
"""The share of it that is enough: a call has used some of its time when its first try begins."""
_NOT_IMPLEMENTED = frozenset({501, 505})
"""Statuses that say nothing about the state of a provider."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may follow an error.

    Attributes:
        again: the same candidate may be retried (within the number of retries).
        next: the next candidate may be tried.
        cooldown: seconds for which other candidates come first.
        once: at most one retry.
    """

    again: bool = False
    next: bool = True
    cooldown: float = 0.0
    once: bool = False


MAX_REST = 3600.0
MAX_QUOTA_REST = 86_400.0
"""The longest cool-downs in seconds, so that a wrong hint does not retire a candidate; of quotas the longer one."""

_STOP = Verdict(next=False)
_NEXT = Verdict()
_AGAIN = Verdict(again=True)

RULES: tuple[tuple[type[RatatoskrError], Verdict], ...] = (
    (GatewayClosed, _STOP),
    (StreamInterrupted, _STOP),
    (UnsupportedParameter, _NEXT),
    (InvalidInput, _STOP),
    (ContentFiltered, _STOP),
    (AuthenticationFailed, Verdict(cooldown=30.0)),
    (BudgetExceeded, _STOP),
    (QuotaExhausted, Verdict(cooldown=300.0)),
    (RateLimited, _AGAIN),
    (ModelNotFound, _NEXT),
    (ModelNotAvailable, _NEXT),
    (Timeout, _NEXT),
    (TlsError, _NEXT),
    (ConnectionFailed, _AGAIN),
    (MalformedResponse, Verdict(again=True, once=True)),
    (ProviderError, _AGAIN),
    (RedirectRefused, _NEXT),
)
"""The first match decides. `again` applies only if the error itself is retryable."""


def verdict_on(error: RatatoskrError) -> Verdict:
    """Return what may follow this error.

    A deadline that passed before the request was sent may be retried; after that the attempt may be billed.
    """
    if isinstance(error, Timeout) and error.phase == "connect":
        return _AGAIN
    if isinstance(error, Timeout) and error.phase == "total":
        return _STOP
    found = next((verdict for cls, verdict in RULES if isinstance(error, cls)), _STOP)
    if isinstance(error, Timeout) or error.retryable == found.again:
        return found
    return replace(found, again=error.retryable)


def maybe_billed(error: RatatoskrError) -> bool:
    """Return whether the provider may charge for an attempt that failed with this error."""
    if isinstance(error, ConnectionFailed):
        return error.sent
    if isinstance(error, Timeout):
        return error.phase != "connect" and not error.queued
    return isinstance(error, (MalformedResponse, StreamInterrupted))


def is_failure_of_provider(error: RatatoskrError, limits: Deadlines | Timeouts, usual: Timeouts) -> bool:
    """Return whether an error counts for the circuit breaker.

    Args:
        error: what a try has failed with, or a stream after its first event.
        limits: of this try, or of the stream.
        usual: those in force where a call sets none.
    """
    if isinstance(error, Timeout):
        phase = error.phase or "total"
        limit: float | None = getattr(limits, "total" if phase == "attempt" else phase, None)
        # No phase has more time than the whole call; `first_byte` may be just that.
        usual_limits = (getattr(usual, phase, None) or ENOUGH_TIME, usual.total or ENOUGH_TIME)
        enough = _NEARLY * min(ENOUGH_TIME, *usual_limits)
        return phase != "stream_life" and not error.queued and (limit is None or limit >= enough)
    if isinstance(error, ProviderError):
        status = error.status or 0
        by_status = status == 425 or (status >= 500 and status not in _NOT_IMPLEMENTED)
        return by_status or isinstance(error, ServiceUnavailable)
    return isinstance(error, ConnectionFailed | MalformedResponse)


def cooldown_after(error: RatatoskrError) -> float:
    """Return the seconds for which other candidates come first: the table's, or longer if the provider says so."""
    hint = error.retry_after or 0.0
    if isinstance(error, QuotaExhausted):
        return max(verdict_on(error).cooldown, min(hint, MAX_QUOTA_REST))
    return max(verdict_on(error).cooldown, min(hint, MAX_REST) if error.status == 429 else 0.0)


def safe_to_repeat(request: ChatRequest) -> Callable[[RatatoskrError], bool]:
    """Return the test for whether a request may be sent again; one with server-side tools only if it did not run."""
    return _did_not_run if request.tools and any(isinstance(tool, ProviderTool) for tool in request.tools) else _always


def _did_not_run(error: RatatoskrError) -> bool:
    if isinstance(error, ConnectionFailed):
        return not error.sent
    return isinstance(error, RateLimited) or (isinstance(error, InvalidInput) and error.status is None)


def _always(_: RatatoskrError) -> bool:
    return True
