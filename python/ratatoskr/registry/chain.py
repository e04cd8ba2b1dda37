"""Candidates tried in order, with retry and fallback, and the record of every attempt.

`Chain.run` is the one place that repeats anything. It asks `policy` what an error means, `backoff` how long to wait,
and gives every attempt its share of the time that is left. A circuit breaker belongs beside the cool-downs, in
`Chain.order`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from ratatoskr.errors import (
    AllAttemptsFailed,
    GatewayClosed,
    ModelNotAvailable,
    RatatoskrError,
    Timeout,
    UnsupportedParameter,
    summarize,
)
from ratatoskr.registry.backoff import HINT_CAP, MIN_TRY, PATIENCE, Clock, SystemClock, backoff
from ratatoskr.registry.budget import RetryBudget
from ratatoskr.registry.log import is_enabled_for, log_attempt
from ratatoskr.registry.policy import Verdict, maybe_billed, verdict_on
from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt, Decision, ErrorInfo
from ratatoskr.types.frames import forget_locals
from ratatoskr.types.rests import Rests
from ratatoskr.types.timeouts import Deadlines, Timeouts
from ratatoskr.types.usage import Usage

T = TypeVar("T")

MAX_TRIES = 6
"""The most attempts of one call over its whole chain, so that an outage multiplies load by a bounded factor.

A change of the key does not count: for each candidate there are fewer of these than keys."""


@dataclass(slots=True)
class _Run(Generic[T]):
    """One call under way: what it does, and what it has tried."""

    attempt: Callable[[Candidate, Deadlines], Awaitable[T]]
    timeouts: Timeouts
    safe_to_repeat: Callable[[RatatoskrError], bool]
    started: float
    attempts: list[Attempt] = field(default_factory=list)
    last_errors: list[RatatoskrError] = field(default_factory=list)
    tries: int = 0
    waited: float = 0.0
    stopped: bool = False


class Chain:
    """Tries candidates in order.

    Args:
        retries: repeats of one candidate; with 0 it is tried once.
        clock: time and chance.
    """

    def __init__(self, *, retries: int = 2, clock: Clock | None = None) -> None:
        self._retries = retries
        self._clock = clock or SystemClock()
        self._budget = RetryBudget()
        self._rests = Rests[tuple[str, str]]()  # of a model at a provider
        self._waits: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def clock(self) -> Clock:
        """Time and chance."""
        return self._clock

    def close(self) -> None:
        """End every wait between two attempts, on any loop, with `GatewayClosed`."""
        self._closed = True
        for wait in list(self._waits):
            with contextlib.suppress(RuntimeError):  # its loop is closed, and the wait gone with it
                wait.get_loop().call_soon_threadsafe(wait.cancel)

    async def run(
        self,
        candidates: Sequence[Candidate],
        attempt: Callable[[Candidate, Deadlines], Awaitable[T]],
        timeouts: Timeouts,
        *,
        safe_to_repeat: Callable[[RatatoskrError], bool] = lambda _: True,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Return the first answer and every attempt.

        Args:
            candidates: in order of preference.
            attempt: asks one candidate once, within its deadlines.
            timeouts: none of them inherited.
            safe_to_repeat: returns whether a request that failed with this error may be sent again anywhere.

        Raises:
            RatatoskrError: the only candidate's error, with `attempts`.
            AllAttemptsFailed: two or more candidates were tried.
        """
        run = _Run(attempt, timeouts, safe_to_repeat, self._clock.now())
        order = self.order(candidates)
        while order:
            candidate = order.pop(0)
            answer = await self._candidate(run, candidate, order)
            if answer is not None:
                return answer[0], tuple(run.attempts)
            if run.stopped:
                break
            order = _after(run.last_errors[-1], order)
        raise _final(run) from None

    def order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates with those that are cooling down at the end; none is left out."""
        if not self._rests:
            return list(candidates)
        now = self._clock.now()
        return sorted(candidates, key=lambda c: self._rests.until((c.provider, c.model)) > now)

    async def _candidate(self, run: _Run[T], candidate: Candidate, behind: Sequence[Candidate]) -> tuple[T] | None:
        """Try one candidate as often as it may be, with each of its keys; its last error is left in the run."""
        paid = 0.0
        retry = 0
        keys_left = math.inf
        while True:
            try:
                answer = await self._try(run, candidate)
            except RatatoskrError as error:
                verdict = self._note(run, candidate, error)
                if error.other_keys:
                    keys_left = min(keys_left, error.other_keys)
                if error.other_keys and keys_left > 0:
                    # Not a retry: with the refused key the provider has not started processing the request.
                    keys_left -= 1
                    run.attempts[-1] = replace(run.attempts[-1], decision="again")
                    run.last_errors.pop()
                    run.tries -= 1
                    log_attempt(run.attempts[-1], len(run.attempts))
                    continue
                has_next = bool(_after(error, behind))
                wait = self._wait(run, error, verdict, retry, has_next=has_next)
                paid = 0.0 if wait is None else self._budget.take(candidate.provider, error)
                if wait is None or not paid:
                    self._decide(run, error, verdict, has_next=has_next, unpaid=wait is not None)
                    following = None if run.stopped else next(iter(_after(error, behind)), None)
                    log_attempt(run.attempts[-1], len(run.attempts), following=following)
                    return None
                run.attempts[-1] = replace(run.attempts[-1], decision="again")
                run.last_errors.pop()
                run.waited = wait
                retry += 1
                log_attempt(run.attempts[-1], len(run.attempts), wait=wait)
                try:
                    await self._sleep(run, wait)
                except BaseException:
                    self._budget.put_back(candidate.provider, paid)  # cancelled while waiting: no retry was made
                    raise
            else:
                self._budget.record_answer(candidate.provider, paid)
                if is_enabled_for(logging.DEBUG):
                    log_attempt(run.attempts[-1], len(run.attempts))
                return (answer,)

    async def _sleep(self, run: _Run[T], seconds: float) -> None:
        caller = asyncio.current_task()
        wait = asyncio.ensure_future(self._clock.sleep(seconds))
        self._waits.add(wait)
        try:
            if self._closed:
                wait.cancel()
            await wait
        except asyncio.CancelledError:
            if not self._closed or (caller is not None and caller.cancelling()):
                raise
            message = "the gateway was closed before the next attempt"
            raise GatewayClosed(message, attempts=tuple(run.attempts)) from None
        finally:
            self._waits.discard(wait)

    async def _try(self, run: _Run[T], candidate: Candidate) -> T:
        began = self._clock.now()
        run.tries += 1
        handled = sys.exception()
        try:
            if self._closed:
                raise GatewayClosed("the gateway is closed")
            answer = await run.attempt(candidate, self._deadlines(run, began))
        except RatatoskrError as error:
            forget_locals(error, handled)
            usage = error.partial.usage if error.partial is not None else None
            run.attempts.append(self._attempt(run, candidate, began, error, usage))
            raise
        run.attempts.append(self._attempt(run, candidate, began, None, getattr(answer, "usage", None)))
        return answer

    def _deadlines(self, run: _Run[T], began: float) -> Deadlines:
        """Return an attempt's share of the time that is left."""
        times = run.timeouts
        left = _finite(times.total, began - run.started)
        attempt = _finite(times.attempt)
        if left is not None and left <= 0:
            raise Timeout(f"timed out after {times.total:g} s (total) before this attempt began", phase="total")
        use_attempt = attempt is not None and (left is None or attempt < left)
        return Deadlines(
            connect=_finite(times.connect),
            first_byte=_finite(times.first_byte),
            idle=_finite(times.idle),
            total=attempt if use_attempt else left,
            total_phase="attempt" if use_attempt else "total",
        )

    def _attempt(
        self, run: _Run[T], candidate: Candidate, began: float, error: RatatoskrError | None, usage: Usage | None
    ) -> Attempt:
        waited, run.waited = run.waited, 0.0
        return Attempt(
            provider=candidate.provider,
            model=candidate.model,
            error=None if error is None else info_of(error),
            phase="done" if error is None else str(getattr(error, "phase", None) or "response"),
            started=began - run.started,
            duration=self._clock.now() - began,
            waited=waited,
            maybe_billed=error is not None and maybe_billed(error),
            usage=usage,
        )

    def _note(self, run: _Run[T], candidate: Candidate, error: RatatoskrError) -> Verdict:
        error.provider = error.provider or candidate.provider
        error.model = error.model or candidate.model
        run.last_errors.append(error)
        verdict = verdict_on(error)
        rest = max(verdict.cooldown, min(error.retry_after or 0.0, 3600.0) if error.status == 429 else 0.0)
        if rest and not error.other_keys:
            now = self._clock.now()
            self._rests.extend((candidate.provider, candidate.model), now + rest, now)
        return verdict

    def _wait(
        self, run: _Run[T], error: RatatoskrError, verdict: Verdict, retry: int, *, has_next: bool
    ) -> float | None:
        """Return the seconds to wait before the next attempt at the same candidate; `None` if there is none."""
        enough = retry >= self._retries or (verdict.once and retry >= 1) or run.tries >= MAX_TRIES
        if not verdict.again or enough or not run.safe_to_repeat(error):
            return None
        if error.retry_after is not None and error.retry_after > HINT_CAP:
            return None
        wait = backoff(error, retry, self._clock)
        if has_next and verdict.next and wait > PATIENCE:
            return None
        left = _finite(run.timeouts.total, self._clock.now() - run.started)
        return wait if left is None or left - wait > MIN_TRY else None

    def _decide(self, run: _Run[T], error: RatatoskrError, verdict: Verdict, *, has_next: bool, unpaid: bool) -> None:
        left = _finite(run.timeouts.total, self._clock.now() - run.started)
        out_of_time = left is not None and left <= MIN_TRY
        skipped = isinstance(error, UnsupportedParameter) and error.status is None
        go_on = has_next and verdict.next and not out_of_time and run.tries < MAX_TRIES and run.safe_to_repeat(error)
        run.stopped = not go_on
        decision: Decision = ("skipped" if skipped else "next") if go_on else "stop"
        if unpaid:
            decision = "retry_budget_exhausted"
        run.attempts[-1] = replace(run.attempts[-1], decision=decision)


def _after(error: RatatoskrError, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that may follow this error: built-in alternatives only where the model is unavailable."""
    return [c for c in candidates if not c.only_if_unavailable or isinstance(error, ModelNotAvailable)]


def _finite(seconds: float | None, used: float = 0.0) -> float | None:
    return None if seconds is None or seconds == math.inf else seconds - used


def info_of(error: RatatoskrError) -> ErrorInfo:
    """Return an error as plain data."""
    return ErrorInfo(error.code, error.message[:200], error.status, error.provider_code, error.retry_after)


def _final(run: _Run[T]) -> RatatoskrError:
    attempts = tuple(run.attempts)
    errors = run.last_errors
    if len(errors) == 1 or isinstance(errors[-1], GatewayClosed):
        errors[-1].attempts = attempts
        return errors[-1]
    return AllAttemptsFailed(f"all {len(errors)} candidates failed: {summarize(errors)}", errors, attempts=attempts)
