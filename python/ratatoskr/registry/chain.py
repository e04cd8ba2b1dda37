"""The walk over candidates: order, retry, fallback, and the list of what was tried.

`Chain.run` is the one place that repeats anything. It asks `policy` what an error means, `retry` how long to wait, and
gives every try its share of the time that is left. A breaker has its place beside the cool-downs, in `Chain.order`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
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
    primary_of,
)
from ratatoskr.registry.backoff import HINT_CAP, MIN_TRY, PATIENCE, Clock, SystemClock, backoff
from ratatoskr.registry.budget import RetryBudget
from ratatoskr.registry.policy import Verdict, maybe_billed, verdict_on
from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt, Decision, ErrorInfo
from ratatoskr.types.timeouts import Deadlines, Timeouts

T = TypeVar("T")

MAX_TRIES = 6
"""Most tries of one call over its whole chain, so that an outage multiplies load by a bounded factor."""

Ask = Callable[[Candidate, Deadlines], Awaitable[T]]
"""Makes one try."""


@dataclass(slots=True)
class _Walk(Generic[T]):
    """One call under way."""

    ask: Ask[T]
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
        retries: repeats of one candidate; 0 is one try.
        clock: time and chance.
    """

    def __init__(self, *, retries: int = 2, clock: Clock | None = None) -> None:
        self._retries = retries
        self._clock = clock or SystemClock()
        self._budget = RetryBudget()
        self._resting: dict[tuple[str, str], float] = {}
        self._waits: set[asyncio.Task[None]] = set()
        self._closed = False

    def close(self) -> None:
        """End every wait between two tries, on whatever loop, with `GatewayClosed`."""
        self._closed = True
        for wait in list(self._waits):
            with contextlib.suppress(RuntimeError):  # its loop is closed, and the wait gone with it
                wait.get_loop().call_soon_threadsafe(wait.cancel)

    async def run(
        self,
        candidates: Sequence[Candidate],
        ask: Ask[T],
        timeouts: Timeouts,
        *,
        safe_to_repeat: Callable[[RatatoskrError], bool] = lambda _: True,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Return the first answer and everything that was tried.

        Args:
            candidates: in order of preference.
            ask: makes one try.
            timeouts: whole, nothing inherited any more.
            safe_to_repeat: tells whether a request that failed so may be sent again anywhere.

        Raises:
            RatatoskrError: the only candidate's error, with `attempts`.
            AllAttemptsFailed: two or more candidates were tried.
        """
        walk = _Walk(ask, timeouts, safe_to_repeat, self._clock.now())
        order = self.order(candidates)
        while order:
            candidate = order.pop(0)
            answer = await self._candidate(walk, candidate, order)
            if answer is not None:
                return answer[0], tuple(walk.attempts)
            if walk.stopped:
                break
            order = _after(walk.last_errors[-1], order)
        raise _final(walk) from None

    def order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates with those that rest at the end; nobody is left out."""
        if not self._resting:
            return list(candidates)
        now = self._clock.now()
        return sorted(candidates, key=lambda c: self._resting.get((c.provider, c.model), -math.inf) > now)

    async def _candidate(self, walk: _Walk[T], candidate: Candidate, behind: Sequence[Candidate]) -> tuple[T] | None:
        """Try one candidate as often as it may be; its last error is left in the walk."""
        paid = 0.0
        for retry in range(self._retries + 1):
            try:
                answer = await self._try(walk, candidate)
            except RatatoskrError as error:
                verdict = self._note(walk, candidate, error)
                has_next = bool(_after(error, behind))
                wait = self._wait(walk, error, verdict, retry, has_next=has_next)
                free = error.retry_now  # the provider has not begun with it
                paid = 0.0 if wait is None or free else self._budget.take(candidate.provider, error)
                if wait is None or not (paid or free):
                    self._decide(walk, error, verdict, has_next=has_next, denied=wait is not None)
                    return None
                walk.attempts[-1] = replace(walk.attempts[-1], decision="again")
                walk.last_errors.pop()
                walk.waited = wait
                try:
                    await self._sleep(walk, wait)
                except BaseException:
                    self._budget.put_back(candidate.provider, paid)  # given up in between: nothing was repeated
                    raise
            else:
                self._budget.answered(candidate.provider, paid)
                return (answer,)
        raise AssertionError  # the last retry has no wait, so the loop has returned

    async def _sleep(self, walk: _Walk[T], seconds: float) -> None:
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
            message = "the gateway was closed before the next try"
            raise GatewayClosed(message, attempts=tuple(walk.attempts)) from None
        finally:
            self._waits.discard(wait)

    async def _try(self, walk: _Walk[T], candidate: Candidate) -> T:
        began = self._clock.now()
        walk.tries += 1
        try:
            answer = await walk.ask(candidate, self._deadlines(walk, began))
        except RatatoskrError as error:
            walk.attempts.append(self._attempt(walk, candidate, began, error))
            raise
        walk.attempts.append(self._attempt(walk, candidate, began, None))
        return answer

    def _deadlines(self, walk: _Walk[T], began: float) -> Deadlines:
        """Give a try its share of what is left."""
        times = walk.timeouts
        left = _finite(times.total, began - walk.started)
        attempt = _finite(times.attempt)
        if left is not None and left <= 0:
            raise Timeout(f"{times.total:g} s in all had passed before this try", phase="total")
        use_attempt = attempt is not None and (left is None or attempt < left)
        return Deadlines(
            connect=_finite(times.connect),
            first_byte=_finite(times.first_byte),
            idle=_finite(times.idle),
            total=attempt if use_attempt else left,
            total_phase="attempt" if use_attempt else "total",
        )

    def _attempt(self, walk: _Walk[T], candidate: Candidate, began: float, error: RatatoskrError | None) -> Attempt:
        waited, walk.waited = walk.waited, 0.0
        return Attempt(
            provider=candidate.provider,
            model=candidate.model,
            error=None if error is None else info_of(error),
            phase="done" if error is None else str(getattr(error, "phase", None) or "response"),
            started=began - walk.started,
            duration=self._clock.now() - began,
            waited=waited,
            maybe_billed=error is not None and maybe_billed(error),
            usage=error.partial.usage if error is not None and error.partial is not None else None,
        )

    def _note(self, walk: _Walk[T], candidate: Candidate, error: RatatoskrError) -> Verdict:
        error.provider = error.provider or candidate.provider
        error.model = error.model or candidate.model
        walk.last_errors.append(error)
        verdict = verdict_on(error)
        rest = max(verdict.cooldown, min(error.retry_after or 0.0, 3600.0) if error.status == 429 else 0.0)
        if rest and not error.retry_now:
            self._resting[candidate.provider, candidate.model] = self._clock.now() + rest
        return verdict

    def _wait(
        self, walk: _Walk[T], error: RatatoskrError, verdict: Verdict, retry: int, *, has_next: bool
    ) -> float | None:
        """Return how long to wait for another try at the same candidate; `None` if there is to be none."""
        enough = retry >= self._retries or (verdict.once and retry >= 1) or walk.tries >= MAX_TRIES
        if not (verdict.again or error.retry_now) or enough or not walk.safe_to_repeat(error):
            return None
        if error.retry_now:
            return 0.0
        if error.retry_after is not None and error.retry_after > HINT_CAP:
            return None
        wait = backoff(error, retry, self._clock)
        if has_next and verdict.next and wait > PATIENCE:
            return None
        left = _finite(walk.timeouts.total, self._clock.now() - walk.started)
        return wait if left is None or left - wait > MIN_TRY else None

    def _decide(self, walk: _Walk[T], error: RatatoskrError, verdict: Verdict, *, has_next: bool, denied: bool) -> None:
        left = _finite(walk.timeouts.total, self._clock.now() - walk.started)
        out_of_time = left is not None and left <= MIN_TRY
        skipped = isinstance(error, UnsupportedParameter) and error.status is None
        go_on = has_next and verdict.next and not out_of_time and walk.tries < MAX_TRIES and walk.safe_to_repeat(error)
        walk.stopped = not go_on
        decision: Decision = ("skipped" if skipped else "next") if go_on else "stop"
        if denied:
            decision = "retry_budget_exhausted"
        walk.attempts[-1] = replace(walk.attempts[-1], decision=decision)


def _after(error: RatatoskrError, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return who may follow this error: those built in as a way out only where the model is not available."""
    return [c for c in candidates if not c.only_if_unavailable or isinstance(error, ModelNotAvailable)]


def _finite(seconds: float | None, used: float = 0.0) -> float | None:
    return None if seconds is None or seconds == math.inf else seconds - used


def info_of(error: RatatoskrError) -> ErrorInfo:
    """Return an error as plain data."""
    return ErrorInfo(error.code, error.message[:200], error.status, error.provider_code, error.retry_after)


def _final(walk: _Walk[T]) -> RatatoskrError:
    attempts = tuple(walk.attempts)
    errors = walk.last_errors
    if len(errors) == 1 or isinstance(errors[-1], GatewayClosed):
        errors[-1].attempts = attempts
        return errors[-1]
    primary = primary_of(errors)
    message = f"all {len(errors)} candidates failed; the most telling: {primary}"
    return AllAttemptsFailed(message, errors, attempts=attempts)
