"""Limits of each key, and limits of any calls in any order against a short model of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ratatoskr.errors import RateLimited, ServiceUnavailable, Timeout
from ratatoskr.ledger.memory import MemoryLedger
from ratatoskr.ledger.protocol import LAG
from ratatoskr.middleware.limits import RateLimits
from ratatoskr.types.chat import RawResponse
from ratatoskr.types.limit import Limit
from unit.middleware.test_limits import CLOCK, Upstream, answer, chat_request, counted, options
from unit.middleware.test_limits_headers import headers
from unit.middleware.virtual_time import VirtualLoop, run


def keyed(*limits: Limit, keys: tuple[int, ...] = (0, 1)) -> RateLimits:
    return RateLimits(limits, MemoryLedger(), CLOCK, counted(10), lambda request, model: keys)


def test_each_key_has_a_limit_of_its_own():
    upstream = Upstream()

    async def main() -> None:
        guard = keyed(Limit("test", requests=2, each_key=True))
        await asyncio.gather(*[guard.chat(chat_request(), options(), upstream.ask) for _ in range(6)])

    run(main())
    assert upstream.times == pytest.approx([0, 0, 0, 0, 60, 60], abs=1)
    assert Counter(call.key for call in upstream.calls[:4]) == {0: 2, 1: 2}


def test_a_limit_of_all_keys_together_holds_beside_that_of_each():
    upstream = Upstream()

    async def main() -> None:
        guard = keyed(Limit("test", requests=3), Limit("test", requests=2, each_key=True))
        await asyncio.gather(*[guard.chat(chat_request(), options(), upstream.ask) for _ in range(5)])

    run(main())
    assert upstream.times == pytest.approx([0, 0, 0, 60, 60], abs=1)


def test_without_limits_of_each_key_the_provider_chooses_it():
    upstream = Upstream()
    run(keyed(Limit("test", requests=2)).chat(chat_request(), options(), upstream.ask))
    assert upstream.calls[0].key is None


def test_the_keys_that_may_be_used_are_asked_for_at_each_call():
    upstream, keys = Upstream(), [1, 0]

    async def main() -> None:
        limits = [Limit("test", requests=9, each_key=True)]
        guard = RateLimits(limits, MemoryLedger(), CLOCK, counted(10), lambda request, model: tuple(keys))
        await guard.chat(chat_request(), options(), upstream.ask)
        keys.remove(1)  # it is resting
        await guard.chat(chat_request(), options(), upstream.ask)

    run(main())
    assert [call.key for call in upstream.calls] == [1, 0]


def test_a_refusal_names_the_limit_of_the_key_that_is_ready_first():
    async def main() -> RateLimited:
        guard = keyed(Limit("test", requests=1, each_key=True))
        for _ in range(2):
            await guard.chat(chat_request(), options(), Upstream().ask)
            await asyncio.sleep(20)
        with pytest.raises(RateLimited) as caught:
            await guard.chat(chat_request(), options(5), Upstream().ask)
        return caught.value

    error = run(main())
    assert (error.provider, error.retry_after) == ("ratatoskr", pytest.approx(20, abs=1))
    assert "1 requests in 60 s for each key" in error.message


@pytest.mark.parametrize(("each_key", "times"), [(True, [0, 0, 30]), (False, [0, 0, 0])])
def test_headers_lower_the_limit_of_the_key_that_they_are_about(each_key, times):
    upstream = Upstream()

    async def ask(request, call):
        response = await upstream.ask(request, call)
        return replace(response, raw=RawResponse(200, headers(0, "30s")))

    async def main() -> None:
        guard = keyed(Limit("test", requests=9, each_key=each_key))
        for _ in range(3):
            await guard.chat(chat_request(), options(), ask)

    run(main())
    assert upstream.times == pytest.approx(times, abs=1)


def test_each_pattern_of_models_has_a_limit_of_its_own():
    limits = [Limit("test", "big-*", requests=1), Limit("test", requests=3)]
    upstream = Upstream()

    async def main() -> None:
        guard = RateLimits(limits, MemoryLedger(), CLOCK)
        calls = [("big-1", 300), ("BIG-2", 300), ("small", 300), ("small", 300)]
        await asyncio.gather(*[guard.chat(chat_request(), options(t, model=m), upstream.ask) for m, t in calls])

    run(main())
    assert sorted(round(time / 10) for time in upstream.times) == [0, 0, 0, 6]


class Reference:
    """At most 100 tokens and 4 requests in 60 s, first come, first served: a list of what counts, and a queue."""

    def __init__(self) -> None:
        self.now = 0.0
        self.counted: list[list[Any]] = []  # call, tokens, requests, until
        self.queue: list[tuple[int, int]] = []  # call, tokens
        self.started: list[int] = []

    def expire_and_start(self) -> None:
        self.counted = [one for one in self.counted if one[3] > self.now]
        while self.queue:
            call, tokens = self.queue[0]
            if sum(one[1] for one in self.counted) + tokens > 100 or sum(one[2] for one in self.counted) + 1 > 4:
                return
            self.counted.append([call, tokens, 1, self.now + 60 * (1 + LAG)])
            self.started.append(call)
            del self.queue[0]

    def wait_until(self, end: float) -> None:
        while self.now < end:
            self.now = min([end, *(one[3] for one in self.counted if one[3] > self.now)])
            self.expire_and_start()

    def settle(self, call: int, tokens: int | None, requests: int) -> None:
        for one in self.counted:
            if one[0] == call:
                one[1:] = [one[1] if tokens is None else tokens, requests, min(one[3], self.now + 60)]
        self.expire_and_start()


class LimitMachine(RuleBasedStateMachine):
    """Calls that begin, end, fail and are cancelled in any order start when a list of them says."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.reference = Reference()
        self.tasks: dict[int, asyncio.Task[Any]] = {}
        self.outcomes: dict[int, asyncio.Future[Any]] = {}
        self.started: list[int] = []
        self.guard = RateLimits(
            [Limit("test", requests=4, tokens=100)],
            MemoryLedger(),
            CLOCK,
            lambda request, *_: int(request.messages[0].text.split()[1]),
        )

    def teardown(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()

    def pass_time(self, seconds: float) -> None:
        self.reference.wait_until(self.reference.now + seconds)
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(tokens=st.integers(1, 60))
    def begin(self, tokens):
        call = len(self.tasks)

        async def ask(request, options):
            self.started.append(call)
            self.outcomes[call] = self.loop.create_future()
            return await self.outcomes[call]

        request = chat_request(0, f"call {tokens}")
        self.tasks[call] = self.loop.create_task(self.guard.chat(request, options(1e6), ask))
        self.reference.queue.append((call, tokens))
        self.reference.expire_and_start()
        self.pass_time(0.05)

    def open_calls(self) -> list[int]:
        return [call for call, outcome in self.outcomes.items() if not outcome.done()]

    @precondition(lambda self: self.open_calls())
    @rule(data=st.data(), tokens=st.integers(0, 60))
    def answer_one(self, data, tokens):
        call = data.draw(st.sampled_from(self.open_calls()))
        self.outcomes[call].set_result(answer(tokens, 0))
        self.guard._models["m"].mean.__init__()  # the reference does not correct estimates
        self.reference.settle(call, tokens, 1)
        self.pass_time(0.05)
        self.guard._models["m"].mean.__init__()

    @precondition(lambda self: self.open_calls())
    @rule(data=st.data(), error=st.sampled_from([ServiceUnavailable(status=503), Timeout(phase="total"), None]))
    def fail_one(self, data, error):
        call = data.draw(st.sampled_from(self.open_calls()))
        if error is None:
            self.tasks[call].cancel()
        else:
            self.outcomes[call].set_exception(error)
        self.reference.settle(call, 0 if isinstance(error, ServiceUnavailable) else None, 1)
        self.pass_time(0.05)

    @precondition(lambda self: self.reference.queue)
    @rule(data=st.data())
    def cancel_one_in_the_queue(self, data):
        call = data.draw(st.sampled_from([call for call, _ in self.reference.queue]))
        self.tasks[call].cancel()
        self.reference.queue = [one for one in self.reference.queue if one[0] != call]
        self.reference.expire_and_start()
        self.pass_time(0.05)

    @rule(seconds=st.sampled_from([0.7, 13.0, 29.3, 61.0]))
    def wait(self, seconds):
        self.pass_time(seconds)

    @invariant()
    def the_same_calls_have_started(self):
        assert self.started == self.reference.started


TestLimits = LimitMachine.TestCase
TestLimits.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
