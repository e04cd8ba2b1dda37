"""Log records of a chain: a retry, a fallback, each attempt, a circuit breaker that opens or closes."""

from __future__ import annotations

import logging

from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt, Decision

_logger = logging.getLogger("ratatoskr.chain")
is_enabled_for = _logger.isEnabledFor

_RECORDS: dict[Decision, tuple[int, str]] = {
    "answered": (logging.DEBUG, "answered"),
    "again": (logging.INFO, "failed, trying again"),
    "next": (logging.WARNING, "failed, trying the next candidate"),
    "skipped": (logging.WARNING, "skipped, trying the next candidate"),
    "retry_budget_exhausted": (logging.WARNING, "failed, and has failed too often lately to be tried again"),
    "stop": (logging.INFO, "failed"),
}
"""Level and message by what follows an attempt."""


def log_attempt(
    attempt: Attempt, number: int, *, wait: float | None = None, following: Candidate | None = None
) -> None:
    """Log an attempt.

    Args:
        attempt: with the decision about it.
        number: of the attempt in its call, from 1.
        wait: seconds before the next attempt at the same candidate.
        following: the next candidate.
    """
    level, message = _RECORDS[attempt.decision]
    if not _logger.isEnabledFor(level):
        return
    error = attempt.error
    fields = {
        "provider": attempt.provider,
        "model": attempt.model,
        "attempt": number,
        "code": error and error.code,
        "status": error and error.status,
        "provider_code": error and error.provider_code,
        "phase": attempt.phase,
        "seconds": attempt.duration,
        "wait": wait,
        "next": following and f"{following.provider}:{following.model}",
    }
    _logger.log(level, message, extra=fields)


def log_breaker(circuit: str, seconds: float | None) -> None:
    """Log that the breaker of a provider's model has opened for some seconds, or closed (`None`)."""
    provider, _, model = circuit.partition(":")
    fields = {"provider": provider, "model": model, "seconds": seconds}
    if seconds is None:
        _logger.info("answers again, the circuit breaker is closed", extra=fields)
    else:
        _logger.warning("fails too often, the circuit breaker is open", extra=fields)
