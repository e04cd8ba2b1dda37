"""Outages in simulated time: how often a provider that is down is asked, and how soon it is used again."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import Counter

from ratatoskr.errors import RatatoskrError, ServiceUnavailable, Timeout
from ratatoskr.registry.budget import CAPACITY
from ratatoskr.registry.chain import Chain
from ratatoskr.routing import Candidate
from ratatoskr.types.timeouts import DEFAULTS, Deadlines

A, B = Candidate("a", "m", "first"), Candidate("b", "m", "second")
RATE = 20
"""Calls a second."""


class SimulatedClock:
    """Time that jumps to the next sleeper once no task is left to run."""

    def __init__(self) -> None:
        self.time = 0.0
        self.random = random.Random(7).random
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        done = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.time + seconds, next(self._numbers), done))
        await done

    async def run(self, main: asyncio.Task[None]) -> None:
        while not main.done():
            for _ in range(8):  # more steps than a task takes between two sleeps
                await asyncio.sleep(0)
            if self._sleepers:
                self.time, _, done = heapq.heappop(self._sleepers)
                if not done.done():
                    done.set_result(None)


class Outage:
    """Calls at a steady rate to providers that are down for a while.

    Attributes:
        down: the times between which a provider answers nothing but 503, after 50 ms; a call that is answered takes
            200 ms.
        seen: the times of the requests to each provider.
        answered: when each call began, and by whom it was answered; `None` if by no one.
    """

    def __init__(self, candidates: tuple[Candidate, ...], seconds: float, down: dict[str, tuple[float, float]]) -> None:
        self.clock = SimulatedClock()
        self.chain = Chain(clock=self.clock)
        self.candidates, self.seconds, self.down = candidates, seconds, down
        self.seen: dict[str, list[float]] = {candidate.provider: [] for candidate in candidates}
        self.answered: list[tuple[float, str | None]] = []
        self.asked: Counter[int] = Counter()
        self.hangs = False

    async def run(self) -> None:
        await self.clock.run(asyncio.create_task(self._calls()))

    async def _calls(self) -> None:
        calls = []
        for number in range(int(self.seconds * RATE)):
            calls.append(asyncio.create_task(self._call(number)))
            await self.clock.sleep(1 / RATE)
        for call in calls:
            await call

    async def _call(self, number: int) -> None:
        async def attempt(candidate: Candidate, deadlines: Deadlines) -> str:
            self.asked[number] += 1
            self.seen[candidate.provider].append(self.clock.time)
            begin, end = self.down.get(candidate.provider, (0.0, 0.0))
            if begin <= self.clock.time < end:
                await self.clock.sleep(60.0 if self.hangs else 0.05)
                raise Timeout("hangs", phase="first_byte") if self.hangs else ServiceUnavailable(status=503)
            await self.clock.sleep(0.2)
            return candidate.provider

        began = self.clock.time
        try:
            answer, _ = await self.chain.run(self.candidates, attempt, DEFAULTS)
        except RatatoskrError:
            self.answered.append((began, None))
        else:
            self.answered.append((began, answer))

    def seen_between(self, provider: str, begin: float, end: float) -> int:
        return sum(begin <= time < end for time in self.seen[provider])


async def test_a_lone_provider_that_is_down_sees_little_more_than_the_calls_and_no_call_is_refused_unasked() -> None:
    outage = Outage((A,), 180, {"a": (30, 150)})
    await outage.run()
    calls = 120 * RATE
    assert calls <= outage.seen_between("a", 30, 150) <= 1.1 * calls + CAPACITY
    assert min(outage.asked.values()) >= 1
    assert all(by == "a" for began, by in outage.answered if began >= 150), "recovery is noticed by the first call"
    assert outage.chain.readiness.breakers() == ()


async def test_with_another_candidate_every_call_is_answered_and_who_is_down_sees_only_probes() -> None:
    outage = Outage((A, B), 300, {"a": (30, 210)})
    await outage.run()
    assert all(by is not None for _, by in outage.answered)
    assert outage.seen_between("a", 31, 210) <= 10, "5, 10, 20, 40 and 60 s apart"
    back = min(began for began, by in outage.answered if began >= 210 and by == "a")
    assert back - 210 <= 60 * 1.2, "within one open period"
    late = [by for began, by in outage.answered if began > back + 1]
    assert set(late) == {"a"}


async def test_if_all_are_down_no_more_is_sent_than_calls_are_made_and_either_may_come_back_first() -> None:
    for back_first in ("a", "b"):
        down = {"a": (30.0, 400.0), "b": (30.0, 400.0)} | {back_first: (30.0, 150.0)}
        outage = Outage((A, B), 260, down)
        await outage.run()
        calls = 120 * RATE
        seen = sum(outage.seen_between(name, 30, 150) for name in "ab")
        assert calls <= seen <= 1.1 * calls + CAPACITY
        assert min(outage.asked.values()) >= 1, "never an outage of our own making"
        back = min(began for began, by in outage.answered if began >= 150 and by is not None)
        assert back - 150 <= 60 * 1.2, "within one open period"
        assert all(by == back_first for began, by in outage.answered if began > back + 1)


async def test_a_provider_that_hangs_is_left_as_well() -> None:
    outage = Outage((A, B), 400, {"a": (30, 300)})
    outage.hangs = True
    await outage.run()
    assert all(by is not None for _, by in outage.answered)
    assert outage.seen_between("a", 95, 300) <= 10, "after the first 60 s, in which its requests do not end"
