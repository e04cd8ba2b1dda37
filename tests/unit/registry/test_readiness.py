"""Whom a chain asks when some candidates cool down and the breakers of others are open."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.unit.registry.test_chain import HandClock, Script

from ratatoskr.errors import (
    AllAttemptsFailed,
    AuthenticationFailed,
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
)
from ratatoskr.registry.breaker import BreakerSettings
from ratatoskr.registry.chain import DEFAULT_BREAKER, Chain
from ratatoskr.routing import Candidate
from ratatoskr.types.timeouts import DEFAULTS, Deadlines, Timeouts

A, B, C = (Candidate(name, "m", "named") for name in "abc")
STAND_IN = Candidate("d", "m", "built in", only_if_unavailable=True)


async def ask(
    chain: Chain, clock: HandClock, candidates: tuple[Candidate, ...], *outcomes: RatatoskrError | str
) -> list[str]:
    """Return whom one call asked."""
    script = Script(clock, *outcomes)
    with contextlib.suppress(RatatoskrError):
        await chain.run(candidates, script, DEFAULTS)
    assert not script.outcomes
    return script.asked


def down() -> RatatoskrError:
    return ServiceUnavailable(status=503)


async def open_breaker(chain: Chain, clock: HandClock, candidate: Candidate) -> None:
    for _ in range(5):
        await ask(chain, clock, (candidate,), down())
    assert chain.readiness.is_open(candidate)


def new_chain(clock: HandClock, breaker: BreakerSettings | None = DEFAULT_BREAKER, retries: int = 0) -> Chain:
    return Chain(retries=retries, clock=clock, breaker=breaker)


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        *((ServiceUnavailable(status=status), True) for status in (408, 500, 502, 503, 504, 520, 529)),
        (ServiceUnavailable(), True),
        (ProviderError(status=425), True),
        (ProviderError(status=507), True),
        (TlsError(), True),
        (MalformedResponse(), True),
        (Timeout(phase="connect"), True),
        (Timeout(phase="first_byte"), True),
        (Timeout(phase="total"), True),
        (ProviderError(status=409), False),
        (ProviderError(status=501), False),
        (ProviderError(status=505), False),
        (ProviderError(), False),
        (RateLimited(status=429), False),
        (QuotaExhausted(status=402), False),
        (AuthenticationFailed(status=401), False),
        (ModelNotFound(status=404), False),
        (ModelNotAvailable(), False),
        (InvalidInput(status=400), False),
        (ContentFiltered(), False),
    ],
)
async def test_what_counts_for_the_breaker(error: RatatoskrError, counts: bool) -> None:
    clock = HandClock(chance=0.0)
    chain = new_chain(clock)
    for _ in range(5):
        await ask(chain, clock, (A,), type(error)("x", status=error.status, **_phase(error)))
    assert chain.readiness.is_open(A) == counts


def _phase(error: RatatoskrError) -> dict[str, str]:
    phase = getattr(error, "phase", None)
    return {} if phase is None else {"phase": phase}


@pytest.mark.parametrize(
    ("timeouts", "usual", "phase", "counts"),
    [
        (Timeouts(total=0.1), Timeouts(), "total", False),
        (Timeouts(total=4.8), Timeouts(), "total", False),
        (Timeouts(total=1.99), Timeouts(total=2.0), "total", True),  # of which the call has used some
        (Timeouts(total=5.0), Timeouts(), "total", True),
        (Timeouts(total=2.0), Timeouts(total=2.0), "total", True),  # the gateway's own
        (Timeouts(total=1.9), Timeouts(total=2.0), "total", False),
        (Timeouts(attempt=1.0), Timeouts(), "attempt", False),
        (Timeouts(attempt=6.0), Timeouts(), "attempt", True),
        (Timeouts(first_byte=0.2), Timeouts(), "first_byte", False),
        (Timeouts(first_byte=30.0), Timeouts(), "first_byte", True),
        (Timeouts(first_byte=2.0), Timeouts(total=2.0), "first_byte", True),  # both at once
        (Timeouts(first_byte=1.0), Timeouts(total=2.0), "first_byte", False),
        (Timeouts(connect=1.0), Timeouts(), "connect", False),
        (Timeouts(connect=1.0), Timeouts(connect=1.0), "connect", True),
    ],
)
async def test_a_timeout_counts_if_there_was_enough_time(
    timeouts: Timeouts, usual: Timeouts, phase: str, counts: bool
) -> None:
    clock = HandClock(chance=0.0)
    chain = Chain(retries=0, clock=clock, timeouts=usual)
    for _ in range(5):
        with pytest.raises(Timeout):
            await chain.run((A,), Script(clock, Timeout("x", phase=phase)), timeouts.over(usual).over(DEFAULTS))
    assert chain.readiness.is_open(A) == counts


async def test_an_open_candidate_is_asked_last_and_skipped_while_another_may_be_asked() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    await open_breaker(chain, clock, A)
    assert await ask(chain, clock, (A, B), "yes") == ["b"]
    assert await ask(chain, clock, (A, B), down(), down()) == ["b", "a"], "it is still asked when the others failed"


async def test_a_probe_is_sent_when_the_open_period_has_ended() -> None:
    clock = HandClock(chance=0.5)
    chain = new_chain(clock)
    await open_breaker(chain, clock, A)
    clock.time += 5
    assert await ask(chain, clock, (A, B), down(), "yes") == ["a", "b"]
    assert await ask(chain, clock, (A, B), "yes") == ["b"]
    clock.time += 10
    assert await ask(chain, clock, (A, B), "yes") == ["a"]
    assert await ask(chain, clock, (A, B), "yes") == ["a"]


async def test_others_move_on_at_once_while_the_probe_is_under_way() -> None:
    clock = HandClock(chance=0.5)
    chain = new_chain(clock)
    await open_breaker(chain, clock, A)
    clock.time += 5
    asked: list[str] = []
    go = asyncio.Event()

    async def attempt(candidate: Candidate, deadlines: Deadlines) -> str:
        asked.append(candidate.provider)
        if candidate is A:
            await go.wait()
        return "yes"

    probe = asyncio.create_task(chain.run((A, B), attempt, DEFAULTS))
    await asyncio.sleep(0)
    for _ in range(3):
        await chain.run((A, B), attempt, DEFAULTS)
    assert asked == ["a", "b", "b", "b"]
    go.set()
    await probe
    assert not chain.readiness.is_open(A)


async def test_if_all_are_open_the_one_opened_longest_ago_is_asked_and_no_other() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    for candidate in (B, C, A):
        await open_breaker(chain, clock, candidate)
        clock.time += 0.1
    assert await ask(chain, clock, (A, B, C), down()) == ["b"]
    assert await ask(chain, clock, (A, C), down()) == ["c"]
    assert await ask(chain, clock, (A, B, C), "yes") == ["b"]
    assert not chain.readiness.is_open(B)


async def test_breakers_that_open_during_a_call_count_in_the_order_in_which_they_opened() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    asked: list[str] = []

    async def attempt(candidate: Candidate, deadlines: Deadlines) -> str:
        asked.append(candidate.provider)
        if candidate is A:
            for other in (C, B):
                await open_breaker(chain, clock, other)
                clock.time += 0.1
            raise ServiceUnavailable(status=503)
        return "yes"

    await chain.run((A, B, C), attempt, DEFAULTS)
    assert asked == ["a", "c"]


async def test_a_candidate_whose_breaker_opens_during_its_retries_is_left_for_one_that_is_ready() -> None:
    clock = HandClock()
    chain = new_chain(clock, BreakerSettings(failures=2), retries=2)
    assert await ask(chain, clock, (A, B), down(), down(), "yes") == ["a", "a", "b"]
    clock = HandClock()
    chain = new_chain(clock, BreakerSettings(failures=2), retries=2)
    assert await ask(chain, clock, (A,), down(), down(), "yes") == ["a", "a", "a"], "alone it is asked again"


async def test_a_stand_in_for_an_unavailable_model_is_no_way_round_an_open_breaker() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    await open_breaker(chain, clock, A)
    assert await ask(chain, clock, (A, STAND_IN), down()) == ["a"]
    assert await ask(chain, clock, (A, STAND_IN), ModelNotAvailable(), "yes") == ["a", "d"]


async def test_without_breakers_a_failing_candidate_is_always_asked_first() -> None:
    clock = HandClock()
    chain = new_chain(clock, None)
    for _ in range(30):
        assert await ask(chain, clock, (A, B), down(), "yes") == ["a", "b"]
    assert chain.readiness.breakers() == ()


async def test_cancelled_calls_and_closed_gateways_count_for_nothing() -> None:
    clock = HandClock(chance=0.5)
    chain = new_chain(clock)
    await open_breaker(chain, clock, A)
    clock.time += 5

    async def hang(candidate: Candidate, deadlines: Deadlines) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    # bytedance/deer-flow#5197: a cancelled probe gives its place back
    for _ in range(3):
        task = asyncio.create_task(chain.run((A,), hang, DEFAULTS))
        await asyncio.sleep(0)
        assert chain.readiness.is_open(A), "the probe is under way"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not chain.readiness.is_open(A), "the next may be one"
    assert await ask(chain, clock, (A, B), "yes") == ["a"]


# reports of other gateways, with the right behaviour


async def test_bytedance_deer_flow_3991_a_probe_refused_by_400_leaves_the_breaker_half_open() -> None:
    clock = HandClock(chance=0.5)
    chain = new_chain(clock)
    await open_breaker(chain, clock, A)
    clock.time += 5
    for refused in (InvalidInput(status=400), ContentFiltered()):
        assert await ask(chain, clock, (A, B), refused) == ["a"]
        assert chain.readiness.state_of(A) == ("half_open", 0.0)
    assert await ask(chain, clock, (A, B), "yes") == ["a"]
    assert chain.readiness.state_of(A) == (None, 0.0)


async def test_bytedance_deer_flow_5197_a_cancelled_probe_does_not_stick() -> None:
    clock = HandClock(chance=0.5)
    chain = new_chain(clock)
    await open_breaker(chain, clock, A)
    clock.time += 5

    async def cancelled(candidate: Candidate, deadlines: Deadlines) -> str:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await chain.run((A, B), cancelled, DEFAULTS)
    assert chain.readiness.state_of(A) == ("half_open", 0.0)
    assert await ask(chain, clock, (A, B), "yes") == ["a"]


async def test_berriai_litellm_41223_5225_short_timeouts_and_filtered_prompts_bench_no_model() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    short = Timeouts(total=0.1).over(DEFAULTS)
    for _ in range(1000):
        with pytest.raises((Timeout, AllAttemptsFailed)):
            await chain.run((A, B), Script(clock, Timeout("too slow", phase="total")), short)
        with pytest.raises(ContentFiltered):
            await chain.run((A, B), Script(clock, ContentFiltered()), DEFAULTS)
    assert await ask(chain, clock, (A, B), "yes") == ["a"]


async def test_continuum_orcarouter_lite_121_if_everything_rests_the_one_ready_soonest_is_asked() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    for candidate, seconds in ((A, 50.0), (B, 20.0), (C, 40.0)):
        await ask(chain, clock, (candidate,), RateLimited(status=429, retry_after=seconds))
    assert await ask(chain, clock, (A, B, C), "yes") == ["b"]


async def test_berriai_litellm_40130_a_second_429_does_not_shorten_the_cool_down() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    await ask(chain, clock, (A,), RateLimited(status=429, retry_after=60.0))
    await ask(chain, clock, (A,), RateLimited(status=429))
    clock.time = 59.9
    assert await ask(chain, clock, (A, B), "yes") == ["b"]
    clock.time = 60.0
    assert await ask(chain, clock, (A, B), "yes") == ["a"]


async def test_lidge_jun_opencodex_4024_a_reset_days_off_counts_up_to_24_hours_for_a_quota() -> None:
    clock = HandClock()
    chain = new_chain(clock)
    await ask(chain, clock, (A,), QuotaExhausted(status=429, retry_after=3 * 86_400.0))
    clock.time = 86_399.0
    assert await ask(chain, clock, (A, B), "yes") == ["b"]
    clock.time = 86_400.0
    assert await ask(chain, clock, (A, B), "yes") == ["a"]
    chain = new_chain(clock)
    begun = clock.time
    await ask(chain, clock, (A,), RateLimited(status=429, retry_after=3 * 86_400.0))
    clock.time = begun + 3600.0
    assert await ask(chain, clock, (A, B), "yes") == ["a"], "a rate limit an hour"
