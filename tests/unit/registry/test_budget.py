"""The retry budget: an outage is not multiplied, and rare failures are still repeated."""

from __future__ import annotations

import asyncio
import random

import pytest

from ratatoskr.errors import (
    AllAttemptsFailed,
    ConnectionFailed,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
    Timeout,
)
from ratatoskr.registry.budget import CAPACITY, RetryBudget
from ratatoskr.registry.chain import Chain
from ratatoskr.routing import Candidate
from ratatoskr.types.timeouts import DEFAULTS, Deadlines

A, B = Candidate("a", "m", "first"), Candidate("b", "m", "second")


class NoTime:
    """A clock on which waiting takes no time."""

    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        return None

    def random(self) -> float:
        return 0.5


@pytest.mark.parametrize(("error", "price"), [(ServiceUnavailable(), 5), (RateLimited(), 5), (Timeout(), 10)])
def test_a_repeat_has_its_price_until_the_bucket_is_empty(error: RatatoskrError, price: int) -> None:
    budget = RetryBudget()
    prices = [budget.take("a", error) for _ in range(30)]
    assert prices.count(price) == CAPACITY // price
    assert prices[-1] == 0
    assert budget.left("a") == 0
    assert budget.left("b") == CAPACITY


def test_answers_fill_the_bucket_and_never_beyond_its_brim() -> None:
    budget = RetryBudget()
    paid = budget.take("a", Timeout())
    budget.record_answer("a")
    assert budget.left("a") == CAPACITY - paid + 1
    budget.record_answer("a", paid)
    assert budget.left("a") == CAPACITY


async def calls(chain: Chain, count: int, fails: float, candidates: tuple[Candidate, ...] = (A,)) -> tuple[int, int]:
    """Return how many tries the first provider saw, and how many calls were answered."""
    rng, seen, answered = random.Random(5), 0, 0

    async def ask(candidate: Candidate, deadlines: Deadlines) -> str:
        nonlocal seen
        seen += candidate is A
        if candidate is A and rng.random() < fails:
            raise ServiceUnavailable(status=503)
        return "yes"

    for _ in range(count):
        try:
            await chain.run(candidates, ask, DEFAULTS)
        except RatatoskrError:
            continue
        answered += 1
    return seen, answered


async def test_a_provider_that_fails_everything_sees_little_more_than_the_calls() -> None:
    seen, answered = await calls(Chain(clock=NoTime()), 2000, fails=1.0)
    assert answered == 0
    assert 2000 < seen <= 1.1 * 2000 + CAPACITY


async def test_of_calls_to_a_provider_that_fails_one_in_ten_nearly_all_are_answered() -> None:
    seen, answered = await calls(Chain(clock=NoTime()), 20_000, fails=0.1)
    assert answered >= 0.995 * 20_000
    assert seen < 1.2 * 20_000


async def test_with_an_empty_bucket_the_next_candidate_is_asked_at_once_and_the_attempts_say_why() -> None:
    chain = Chain(clock=NoTime(), breaker=None)
    await calls(chain, 50, fails=1.0)

    async def ask(candidate: Candidate, deadlines: Deadlines) -> str:
        if candidate is A:
            raise ConnectionFailed("refused", phase="connect")
        return "yes"

    answer, attempts = await chain.run((A, B), ask, DEFAULTS)
    assert answer == "yes"
    assert [(one.provider, one.decision) for one in attempts] == [("a", "retry_budget_exhausted"), ("b", "answered")]
    with pytest.raises(ConnectionFailed) as told:
        await chain.run((A,), ask, DEFAULTS)
    assert [one.decision for one in told.value.attempts] == ["retry_budget_exhausted"]


async def test_an_empty_bucket_is_its_own_providers_alone() -> None:
    chain = Chain(clock=NoTime(), breaker=None)
    await calls(chain, 50, fails=1.0)
    asked: list[str] = []

    async def ask(candidate: Candidate, deadlines: Deadlines) -> str:
        asked.append(candidate.provider)
        raise ServiceUnavailable(status=503)

    with pytest.raises(AllAttemptsFailed):
        await chain.run((A, B), ask, DEFAULTS)
    assert asked == ["a", "b", "b", "b"]


async def test_a_repeat_that_was_given_up_while_it_waited_costs_nothing() -> None:
    class Given(NoTime):
        async def sleep(self, seconds: float) -> None:
            raise asyncio.CancelledError

    chain = Chain(clock=Given())

    async def ask(candidate: Candidate, deadlines: Deadlines) -> str:
        raise ServiceUnavailable(status=503)

    for _ in range(50):
        with pytest.raises(asyncio.CancelledError):
            await chain.run((A,), ask, DEFAULTS)
