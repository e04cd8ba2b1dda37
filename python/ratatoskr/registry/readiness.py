"""Which candidates are ready to be asked: cool-downs after rate limits and refusals, and circuit breakers.

A call asks those that are ready, in the caller's order; then those that are cooling down, the one that is ready soonest
first; and only if there is no other, one whose circuit breaker is open: the one that opened longest ago.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

from ratatoskr._fork import call_in_child
from ratatoskr.errors import RatatoskrError
from ratatoskr.registry.backoff import Clock
from ratatoskr.registry.breaker import Admission, Breaker, BreakerSettings
from ratatoskr.registry.policy import is_failure_of_provider
from ratatoskr.routing import Candidate
from ratatoskr.types.attempt import Attempt
from ratatoskr.types.model import BreakerHealth, BreakerState
from ratatoskr.types.rests import Rests
from ratatoskr.types.timeouts import Deadlines, Timeouts

__all__ = ["Readiness"]


class Readiness:
    """Orders candidates, and admits the requests to them.

    Args:
        breaker: when circuit breakers open; `None` for none.
        clock: time and chance.
        usual: the timeouts in force where a call sets none.

    Attributes:
        breaker: the circuit breakers, if there are any.
    """

    def __init__(self, breaker: BreakerSettings | None, clock: Clock, usual: Timeouts) -> None:
        self.breaker = None if breaker is None else Breaker(breaker, clock)
        self._rests = Rests[tuple[str, str]]()  # of a model at a provider
        self._now = clock.now
        self._usual = usual
        self._renew_lock()
        call_in_child(self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    # whom to ask

    def order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates in the order in which they would be asked now; none is left out.

        Those that are used only if the model is not available stay behind the one that they stand in for.
        """
        if not self._rests.known and (self.breaker is None or not self.breaker.opened):
            return list(candidates)
        groups: list[list[Candidate]] = []
        for candidate in candidates:
            if candidate.only_if_unavailable and groups:
                groups[-1].append(candidate)
            else:
                groups.append([candidate])
        groups.sort(key=lambda group: self._rank(group[0]))
        return [one for first, *others in groups for one in (first, *sorted(others, key=self._rank))]

    def _rank(self, candidate: Candidate) -> tuple[float, float]:
        until = self._rests.until((candidate.provider, candidate.model))
        return self._open_since(candidate), until if until > self._now() else -math.inf

    def _open_since(self, candidate: Candidate) -> float:
        return -math.inf if self.breaker is None else self.breaker.open_since(candidate.circuit)

    def is_ready(self, candidate: Candidate) -> bool:
        """Return whether a candidate is neither cooling down nor refused by its breaker."""
        return self._rank(candidate) == (-math.inf, -math.inf)

    def is_open(self, candidate: Candidate) -> bool:
        """Return whether the breaker of a candidate admits no request now."""
        return self._open_since(candidate) != -math.inf

    def admit_one(self, candidates: Sequence[Candidate]) -> tuple[Candidate, Admission | None, bool]:
        """Return the candidate to ask next, with the admission of the request.

        The last value says whether no breaker admits one: then it is the candidate whose breaker opened longest ago.
        """
        if self.breaker is None:
            return candidates[0], None, False
        for candidate in candidates:
            admission = self.breaker.admit(candidate.circuit)
            if admission is not None:
                return candidate, admission, False
        oldest = min(candidates, key=self._open_since)
        return oldest, self.admit_again(oldest), True

    def admit_again(self, candidate: Candidate) -> Admission | None:
        """Return the admission of a request that is made in any case."""
        return None if self.breaker is None else self.breaker.admit(candidate.circuit, force=True)

    # what has happened

    def rest(self, candidate: Candidate, seconds: float) -> None:
        """Let other candidates come first for some seconds. A cool-down is never shortened."""
        with self._lock:
            now = self._now()
            self._rests.extend((candidate.provider, candidate.model), now + seconds, now)

    def settle(self, admission: Admission, error: RatatoskrError, limits: Deadlines | None) -> None:
        """Settle an admission by an error; `limits` are those of the try, `None` if it was not begun."""
        if limits is not None and is_failure_of_provider(error, limits, self._usual):
            admission.fail()
        else:
            admission.give_back()

    def watch_stream(self, answered: Attempt, timeouts: Timeouts) -> Callable[[RatatoskrError], None] | None:
        """Return what is to be told the error of a stream that breaks off; `None` if nothing is."""
        fail = None if self.breaker is None else self.breaker.watch(f"{answered.provider}:{answered.model}")
        if fail is None:
            return None

        def note(error: RatatoskrError) -> None:
            if is_failure_of_provider(error, timeouts, self._usual):
                fail()

        return note

    # what is known

    def state_of(self, candidate: Candidate) -> tuple[BreakerState | None, float]:
        """Return the state of a candidate's breaker, `None` if closed, and the seconds until it is ready."""
        rest = max(0.0, self._rests.until((candidate.provider, candidate.model)) - self._now())
        state, left = (None, 0.0) if self.breaker is None else self.breaker.state_of(candidate.circuit)
        return state, max(rest, left)

    def breakers(self) -> tuple[BreakerHealth, ...]:
        """Return the breakers that are not closed."""
        return () if self.breaker is None else self.breaker.health()
