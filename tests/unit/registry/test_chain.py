"""The walk over candidates, on a clock turned by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from ratatoskr.errors import (
    AllAttemptsFailed,
    AuthenticationFailed,
    ConnectionFailed,
    ContentFiltered,
    InvalidInput,
    MalformedResponse,
    ModelNotAvailable,
    ModelNotFound,
    ProviderError,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
    Timeout,
    TlsError,
    UnsupportedParameter,
)
from ratatoskr.registry.chain import Chain
from ratatoskr.routing import Candidate
from ratatoskr.types.timeouts import DEFAULTS, Deadlines, Timeouts


class HandClock:
    """Time passes only when somebody sleeps; chance always draws the upper end."""

    def __init__(self, chance: float = 1.0) -> None:
        self.time = 0.0
        self.slept: list[float] = []
        self.chance = chance

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def random(self) -> float:
        return self.chance


A = Candidate("a", "m", "first")
B = Candidate("b", "m", "second")


class Script:
    """Answers tries in order: an error is raised, anything else returned."""

    def __init__(self, clock: HandClock, *outcomes: RatatoskrError | str, takes: float = 0.0) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.asked: list[str] = []
        self.deadlines: list[Deadlines] = []
        self.takes = takes

    async def __call__(self, candidate: Candidate, deadlines: Deadlines) -> str:
        self.asked.append(candidate.provider)
        self.deadlines.append(deadlines)
        self.clock.time += self.takes
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, RatatoskrError):
            raise outcome
        return outcome


async def walk(
    *outcomes: RatatoskrError | str,
    candidates: tuple[Candidate, ...] = (A, B),
    timeouts: Timeouts = DEFAULTS,
    retries: int = 2,
    takes: float = 0.0,
    safe: Callable[[RatatoskrError], bool] = lambda _: True,
) -> tuple[Script, HandClock, RatatoskrError | None, tuple[str, ...]]:
    clock = HandClock()
    script = Script(clock, *outcomes, takes=takes)
    try:
        _, attempts = await Chain(retries=retries, clock=clock).run(candidates, script, timeouts, safe_to_repeat=safe)
        error = None
    except RatatoskrError as caught:
        error, attempts = caught, caught.attempts
    return script, clock, error, tuple(attempt.decision for attempt in attempts)


async def test_an_answer_at_once_is_one_attempt() -> None:
    script, clock, error, decisions = await walk("yes")
    assert (script.asked, clock.slept, error, decisions) == (["a"], [], None, ("answered",))


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (ServiceUnavailable(), "aaab"),
        (ProviderError(retryable=True), "aaab"),
        (ProviderError(), "ab"),
        (ConnectionFailed(phase="connect"), "aaab"),
        (ConnectionFailed(phase="dns", retryable=False), "ab"),
        (TlsError(), "ab"),
        (Timeout(phase="connect"), "aaab"),
        (Timeout(phase="first_byte"), "ab"),
        (Timeout(phase="attempt"), "ab"),
        (Timeout(phase="total"), "a"),
        (MalformedResponse(), "aab"),
        (QuotaExhausted(), "ab"),
        (AuthenticationFailed(), "ab"),
        (ModelNotFound(), "ab"),
        (ModelNotAvailable(), "ab"),
        (UnsupportedParameter(field="top_k"), "ab"),
        (InvalidInput(), "a"),
        (InvalidInput(retryable=True), "aaa"),
        (ContentFiltered(), "a"),
        (ServiceUnavailable(retryable=False), "ab"),
    ],
    ids=lambda value: getattr(value, "code", value),
)
async def test_each_class_of_error_is_followed_by_what_the_table_says(error: RatatoskrError, asked: str) -> None:
    outcomes = [type(error)(**error.fields()) for letter in asked if letter == "a"]
    script, _, final, _ = await walk(*outcomes, "yes" if asked.endswith("b") else InvalidInput())
    assert "".join(script.asked) == asked
    assert (final is None) == asked.endswith("b")


async def test_backoff_is_full_jitter_that_doubles_up_to_its_cap() -> None:
    _, clock, _, decisions = await walk(*[ServiceUnavailable() for _ in range(6)], candidates=(A,), retries=5)
    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert decisions == ("again",) * 5 + ("stop",)


async def test_six_tries_are_the_most_of_one_call() -> None:
    script, _, _, _ = await walk(*[ServiceUnavailable() for _ in range(9)], candidates=(A, B), retries=8)
    assert len(script.asked) == 6


async def test_a_hint_is_waited_for_with_a_spread_behind_it() -> None:
    _, clock, error, _ = await walk(RateLimited(retry_after=10.0, status=429), "yes", candidates=(A,))
    assert error is None
    assert clock.slept == [11.0]


async def test_a_hint_beyond_the_cap_is_told_and_not_waited_for() -> None:
    _, clock, error, _ = await walk(RateLimited(retry_after=61.0), candidates=(A,))
    assert isinstance(error, RateLimited)
    assert (clock.slept, error.retry_after) == ([], 61.0)


async def test_another_candidate_comes_before_a_long_wait() -> None:
    script, clock, error, decisions = await walk(RateLimited(retry_after=3.0), "yes")
    assert (script.asked, clock.slept, error, decisions) == (["a", "b"], [], None, ("next", "answered"))


async def test_a_wait_that_leaves_no_time_for_a_try_is_not_begun() -> None:
    short = Timeouts(total=5.5).over(DEFAULTS)
    _, clock, error, _ = await walk(RateLimited(retry_after=5.0), candidates=(A,), timeouts=short)
    assert isinstance(error, RateLimited)
    assert clock.slept == []


async def test_total_is_shared_by_the_tries_and_attempt_bounds_each() -> None:
    times = Timeouts(total=10.0, attempt=4.0).over(DEFAULTS)
    script, _, _, _ = await walk(Timeout(phase="attempt"), Timeout(phase="attempt"), timeouts=times, takes=4.0)
    assert [(d.total, d.total_phase) for d in script.deadlines] == [(4.0, "attempt"), (4.0, "attempt")]
    script, _, _, _ = await walk(ServiceUnavailable(), "yes", timeouts=Timeouts(total=10.0).over(DEFAULTS), takes=4.0)
    assert script.deadlines[1].total == pytest.approx(10.0 - 4.0 - 0.25)
    assert script.deadlines[1].total_phase == "total"


async def test_switched_off_deadlines_are_none() -> None:
    off = Timeouts(*[math.inf] * 7)
    script, _, _, _ = await walk("yes", timeouts=off)
    deadlines = script.deadlines[0]
    assert (deadlines.connect, deadlines.first_byte, deadlines.idle, deadlines.total) == (None, None, None, None)


async def test_one_candidate_raises_its_own_error_with_the_attempts() -> None:
    _, _, error, _ = await walk(*[ServiceUnavailable("down", status=503) for _ in range(3)], candidates=(A,))
    assert type(error) is ServiceUnavailable
    assert [a.decision for a in error.attempts] == ["again", "again", "stop"]
    assert error.attempts[0].error is not None
    assert error.attempts[0].error.status == 503
    assert error.provider == "a"


async def test_several_candidates_raise_one_error_each_and_the_most_telling_first() -> None:
    _, _, error, _ = await walk(Timeout("slow", phase="first_byte"), AuthenticationFailed("wrong key", status=401))
    assert isinstance(error, AllAttemptsFailed)
    assert [type(e) for e in error.exceptions] == [Timeout, AuthenticationFailed]
    assert type(error.primary) is AuthenticationFailed
    assert (error.status, error.provider) == (401, "b")
    assert [a.maybe_billed for a in error.attempts] == [True, False]
    assert str(error) == "all 2 candidates failed: a:m: slow; b:m: wrong key (status 401)"


async def test_the_built_in_way_out_is_taken_only_while_nobody_has_the_model() -> None:
    out = Candidate("c", "m", "same model", only_if_unavailable=True)
    script, _, error, decisions = await walk(ServiceUnavailable(retryable=False), candidates=(A, out))
    assert (script.asked, decisions) == (["a"], ("stop",))
    assert type(error) is ServiceUnavailable
    script, _, error, _ = await walk(ModelNotAvailable(), "yes", candidates=(A, out))
    assert script.asked == ["a", "c"]


async def test_what_may_have_run_there_is_not_repeated() -> None:
    script, _, _, _ = await walk(ServiceUnavailable(), safe=lambda error: isinstance(error, ConnectionFailed))
    assert script.asked == ["a"]


async def test_who_refused_us_comes_last_for_a_while_and_is_never_left_out() -> None:
    clock = HandClock()
    chain = Chain(retries=0, clock=clock)
    await chain.run((A, B), Script(clock, AuthenticationFailed(), "yes"), DEFAULTS)
    assert [c.provider for c in chain.readiness.order((A, B))] == ["b", "a"]
    assert [c.provider for c in chain.readiness.order((A,))] == ["a"]
    clock.time = 31.0
    assert [c.provider for c in chain.readiness.order((A, B))] == ["a", "b"]


async def test_another_key_is_tried_at_once() -> None:
    error = RateLimited(retry_after=50.0, status=429)
    error.other_keys = 1
    script, clock, final, _ = await walk(error, "yes")
    assert (script.asked, clock.slept, final) == (["a", "a"], [], None)


def refusals(*other_keys: int) -> list[RatatoskrError]:
    errors: list[RatatoskrError] = [AuthenticationFailed("no", status=401) for _ in other_keys]
    for error, count in zip(errors, other_keys, strict=True):
        error.other_keys = count
    return errors


@pytest.mark.parametrize("retries", [0, 2])
async def test_every_key_is_tried_whatever_the_number_of_retries(retries: int) -> None:
    keys = refusals(8, 7, 6, 5, 4, 3, 2, 1)
    script, clock, error, decisions = await walk(*keys, "yes", retries=retries)
    assert (script.asked, clock.slept, error) == (["a"] * 9, [], None)
    assert decisions == ("again",) * 8 + ("answered",)
    script, _, error, _ = await walk(*keys, *refusals(0), "yes", retries=retries)
    assert (script.asked, error) == (["a"] * 9 + ["b"], None)


async def test_no_more_keys_are_tried_than_there_are_though_each_is_available_again() -> None:
    script, _, error, _ = await walk(*refusals(2, 2, 2, 2, 2), candidates=(A,))
    assert len(script.asked) == 3
    assert isinstance(error, AuthenticationFailed)


async def test_other_keys_leave_the_retries_and_their_budget_as_they_are() -> None:
    clock = HandClock()
    chain = Chain(retries=2, clock=clock)
    down = [ServiceUnavailable() for _ in range(3)]
    script = Script(clock, *refusals(3), down[0], *refusals(2), down[1], *refusals(1), down[2])
    with pytest.raises(ServiceUnavailable):
        await chain.run((A,), script, DEFAULTS)
    assert (len(script.asked), clock.slept) == (6, [0.25, 0.5])
    assert chain._budget.left("a") == 90.0


async def test_another_key_is_tried_where_a_repeat_is_not_safe() -> None:
    script, _, error, _ = await walk(*refusals(1), "yes", safe=lambda _: False)
    assert (script.asked, error) == (["a", "a"], None)


async def test_a_cool_down_is_never_shortened() -> None:
    clock = HandClock()
    chain = Chain(retries=0, clock=clock)
    for seconds in (60.0, 5.0):
        with pytest.raises(RateLimited):
            await chain.run((A,), Script(clock, RateLimited(status=429, retry_after=seconds)), DEFAULTS)
    clock.time = 59.0
    assert [c.provider for c in chain.readiness.order((A, B))] == ["b", "a"]
    clock.time = 60.0
    assert [c.provider for c in chain.readiness.order((A, B))] == ["a", "b"]
