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
    StreamInterrupted,
    Timeout,
    TlsError,
    UnsupportedParameter,
)
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.tool import ProviderTool


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
        return error.phase != "connect"
    return isinstance(error, (MalformedResponse, StreamInterrupted))


def safe_to_repeat(request: ChatRequest) -> Callable[[RatatoskrError], bool]:
    """Return the test for whether a request may be sent again; one with server-side tools only if it did not run."""
    return _did_not_run if any(isinstance(tool, ProviderTool) for tool in request.tools) else _always


def _did_not_run(error: RatatoskrError) -> bool:
    if isinstance(error, ConnectionFailed):
        return not error.sent
    return isinstance(error, RateLimited) or (isinstance(error, InvalidInput) and error.status is None)


def _always(_: RatatoskrError) -> bool:
    return True
