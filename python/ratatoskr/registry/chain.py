"""Candidates tried in order, with retry and fallback, and the record of every attempt.

`Chain.run` is the one place that repeats anything. It asks `policy` what an error means, `backoff` how long to wait,
`readiness` whom to ask, and gives every attempt its share of the time that is left.
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
    BudgetExceeded,
    GatewayClosed,
    ModelNotAvailable,
    ModelNotFound,
    RatatoskrError,
    Timeout,
    UnsupportedParameter,
    summarize,
)
from ratatoskr.registry.backoff import HINT_CAP, MIN_TRY, PATIENCE, Clock, SystemClock, backoff
from ratatoskr.registry.breaker import Admission, BreakerSettings
from ratatoskr.registry.budget import RetryBudget
from ratatoskr.registry.log import is_enabled_for, log_attempt
from ratatoskr.registry.policy import Verdict, cooldown_after, maybe_billed, verdict_on
from ratatoskr.registry.readiness import Readiness
from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt, Decision, ErrorInfo
from ratatoskr.types.frames import forget_locals
from ratatoskr.types.pending import as_it_is
from ratatoskr.types.timeouts import DEFAULTS, Deadlines, Timeouts

T = TypeVar("T")

DEFAULT_BREAKER = BreakerSettings()
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
    forced: bool = False  # whether a candidate was asked although its breaker is open


class Chain:
    """Tries candidates in order.

    Args:
        retries: repeats of one candidate; with 0 it is tried once.
        clock: time and chance.
        breaker: when circuit breakers open; `None` for none.
        timeouts: those in force where a call sets none.

    Attributes:
        readiness: whom calls ask.
    """

    def __init__(
        self,
        *,
        retries: int = 2,
        clock: Clock | None = None,
        breaker: BreakerSettings | None = DEFAULT_BREAKER,
        timeouts: Timeouts = DEFAULTS,
    ) -> None:
        self._retries = retries
        self._clock = clock or SystemClock()
        self._budget = RetryBudget()
        self.readiness = Readiness(breaker, self._clock, timeouts.over(DEFAULTS))
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
        readiness, breaker = self.readiness, self.readiness.breaker
        order = readiness.order(candidates)
        while order:
            candidate = order[0]
            admission: Admission | None = None
            if breaker is not None:
                admission = breaker.closed.get(candidate.circuit)
                if admission is None:
                    allowed = order if run.last_errors else [c for c in order if not c.only_if_unavailable] or order
                    candidate, admission, forced = readiness.admit_one(allowed)
                    run.forced |= forced
            order.remove(candidate)
            answer = await self._candidate(run, candidate, admission, order)
            if answer is not None:
                return answer[0], tuple(run.attempts)
            if run.stopped:
                break
            order = self._after(run, run.last_errors[-1], order)
        raise _final(run) from None

    def _after(self, run: _Run[T], error: RatatoskrError, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates that may follow this error: built-in alternatives only where the model is unavailable.

        A call asks at most one whose breaker is open, so that an outage of all is not multiplied by their number.
        """
        is_absent, is_unknown = isinstance(error, ModelNotAvailable), isinstance(error, ModelNotFound)
        after = [
            c for c in candidates if not c.only_if_unavailable or is_absent or (c.also_if_not_found and is_unknown)
        ]
        return [c for c in after if not self.readiness.is_open(c)] if run.forced else after

    def has_ready(self, candidate: Candidate, waiting: list[Candidate]) -> bool:
        """Return whether another one that the caller named is ready; those before are taken from `waiting`."""
        if candidate in waiting:
            waiting.remove(candidate)
        return any(not other.only_if_unavailable and self.readiness.is_ready(other) for other in waiting)

    async def _candidate(
        self, run: _Run[T], candidate: Candidate, admission: Admission | None, behind: Sequence[Candidate]
    ) -> tuple[T] | None:
        """Try one candidate as often as it may be, with each of its keys; its last error is left in the run."""
        paid = 0.0
        retry = 0
        keys_left = math.inf
        while True:
            try:
                answer = await self._try(run, candidate, admission)
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
                    admission = self.readiness.admit_again(candidate)
                    continue
                after = self._after(run, error, behind)
                ready = next((c for c in after if not self.readiness.is_open(c)), None) if verdict.next else None
                wait = None
                if ready is None or not self.readiness.is_open(candidate):
                    wait = self._wait(run, error, verdict, retry, can_move=ready is not None)
                paid = 0.0 if wait is None else self._budget.take(candidate.provider, error)
                if wait is None or not paid:
                    self._decide(run, error, verdict, has_next=bool(after), unpaid=wait is not None)
                    following = None if run.stopped else ready or after[0]
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
                if ready is not None and self.readiness.is_open(candidate):  # the breaker opened during the wait
                    self._budget.put_back(candidate.provider, paid)
                    run.attempts[-1] = replace(run.attempts[-1], decision="next")
                    run.last_errors.append(error)
                    log_attempt(run.attempts[-1], len(run.attempts), following=ready)
                    return None
                admission = self.readiness.admit_again(candidate)
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

    async def _try(self, run: _Run[T], candidate: Candidate, admission: Admission | None) -> T:
        began = self._clock.now()
        run.tries += 1
        handled = sys.exception()
        deadlines: Deadlines | None = None
        try:
            deadlines = self._deadlines(run, began)
            answer = await run.attempt(candidate, deadlines)
        except RatatoskrError as error:
            if admission is not None:
                self.readiness.settle(admission, error, deadlines)
            forget_locals(error, handled)
            run.attempts.append(self._attempt(run, candidate, began, self._clock.now(), error, error.partial))
            raise
        except BaseException:
            if admission is not None:
                admission.give_back()
            raise
        ended = self._clock.now()
        if admission is not None:
            admission.succeed(ended)
        run.attempts.append(self._attempt(run, candidate, began, ended, None, answer))
        return answer

    def _deadlines(self, run: _Run[T], began: float) -> Deadlines:
        """Return an attempt's share of the time that is left; raise `Timeout` if there is none."""
        if self._closed:
            raise GatewayClosed("the gateway is closed")
        times = run.timeouts
        left = _finite(times.total, began - run.started)
        attempt = None if times.attempt == math.inf else times.attempt
        if left is not None and left <= 0:
            raise Timeout(f"timed out after {times.total:g} s (total) before this attempt began", phase="total")
        use_attempt = attempt is not None and (left is None or attempt < left)
        return Deadlines(
            connect=None if times.connect == math.inf else times.connect,
            first_byte=None if times.first_byte == math.inf else times.first_byte,
            idle=None if times.idle == math.inf else times.idle,
            total=attempt if use_attempt else left,
            total_phase="attempt" if use_attempt else "total",
        )

    @staticmethod
    def _attempt(
        run: _Run[T],
        candidate: Candidate,
        began: float,
        ended: float,
        error: RatatoskrError | None,
        answer: object,
    ) -> Attempt:
        waited, run.waited = run.waited, 0.0
        return Attempt(
            provider=candidate.provider,
            model=candidate.model,
            error=None if error is None else info_of(error),
            phase="done" if error is None else str(getattr(error, "phase", None) or "response"),
            started=began - run.started,
            duration=ended - began,
            waited=waited,
            maybe_billed=error is not None and maybe_billed(error),
            usage=getattr(answer, "usage", None),
            cost=as_it_is(answer, "cost"),
        )

    def _note(self, run: _Run[T], candidate: Candidate, error: RatatoskrError) -> Verdict:
        error.provider = error.provider or candidate.provider
        error.model = error.model or candidate.model
        run.last_errors.append(error)
        verdict = verdict_on(error)
        rest = cooldown_after(error)
        if rest and not error.other_keys:
            self.readiness.rest(candidate, rest)
        return verdict

    def _wait(
        self, run: _Run[T], error: RatatoskrError, verdict: Verdict, retry: int, *, can_move: bool
    ) -> float | None:
        """Return the seconds to wait before the next attempt at the same candidate; `None` if there is none."""
        enough = retry >= self._retries or (verdict.once and retry >= 1) or run.tries >= MAX_TRIES
        if not verdict.again or enough or not run.safe_to_repeat(error):
            return None
        if error.retry_after is not None and error.retry_after > HINT_CAP:
            return None
        wait = backoff(error, retry, self._clock)
        if can_move and wait > PATIENCE:
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


def _finite(seconds: float | None, used: float) -> float | None:
    return None if seconds is None or seconds == math.inf else seconds - used


def info_of(error: RatatoskrError) -> ErrorInfo:
    """Return an error as plain data."""
    return ErrorInfo(error.code, error.message[:200], error.status, error.provider_code, error.retry_after)


def _final(run: _Run[T]) -> RatatoskrError:
    attempts = tuple(run.attempts)
    errors = run.last_errors
    if len(errors) == 1 or isinstance(errors[-1], (GatewayClosed, BudgetExceeded)):
        errors[-1].attempts = attempts
        return errors[-1]
    return AllAttemptsFailed(f"all {len(errors)} candidates failed: {summarize(errors)}", errors, attempts=attempts)
