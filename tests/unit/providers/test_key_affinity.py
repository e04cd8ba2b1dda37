"""Requests with the same cached prompt have the same key, and the ring of keys does what a small model of it does."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from ratatoskr import (
    AuthenticationFailed,
    ChatOptions,
    ChatRequest,
    Message,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
    TextPart,
    ToolDefinition,
)
from ratatoskr.providers.affinity import prompt_affinity
from ratatoskr.providers.keys import KeyRing
from ratatoskr.types.secret import Secret

MODEL = "gpt-4.1"
KEYS = ["sk-one-11111111", "sk-two-22222222", "sk-three-3333333", "sk-four-44444444"]
TOOL = ToolDefinition("search", "Searches.", {"type": "object", "properties": {}})


def ring_of(keys: list[str], now: Callable[[], float] = lambda: 0.0) -> KeyRing:
    return KeyRing([Secret(key) for key in keys], now=now)


def request(
    *messages: Message, cache_prompt: bool | None = None, tools: tuple[ToolDefinition, ...] = ()
) -> ChatRequest:
    return ChatRequest(messages, tools=tools, options=ChatOptions(cache_prompt=cache_prompt))


def picks(ring: KeyRing) -> set[int | None]:
    """Return the keys of twenty requests, one after another."""
    used = set()
    for _ in range(20):
        index = ring.pick(MODEL)
        used.add(index)
        ring.release(index)
    return used


SYSTEM = Message.system("Be brief.")
MARKED = Message.user([TextPart("a long text", cache=True)])


def test_only_requests_whose_prompt_is_to_be_cached_have_an_affinity() -> None:
    assert prompt_affinity(request(SYSTEM, Message.user("Hi"))) is None
    assert prompt_affinity(request(SYSTEM, Message.user("Hi"), tools=(TOOL,))) is None
    assert prompt_affinity(request(SYSTEM, Message.user("Hi"), cache_prompt=False)) is None
    for cached in (
        request(SYSTEM, Message.user("Hi"), cache_prompt=True),
        request(SYSTEM, MARKED),
        request(SYSTEM, Message.user("Hi"), tools=(ToolDefinition("f", "F.", {}, cache=True),)),
    ):
        assert prompt_affinity(cached) is not None


def test_the_affinity_is_that_of_the_system_text_and_the_tools() -> None:
    one = prompt_affinity(request(SYSTEM, Message.user("Hi"), cache_prompt=True, tools=(TOOL,)))
    later = (Message.user("Hi"), Message.assistant("Hello"), Message.user("And now?"))
    assert prompt_affinity(request(SYSTEM, *later, cache_prompt=True, tools=(TOOL,))) == one
    others = [
        request(Message.system("Be long."), Message.user("Hi"), cache_prompt=True, tools=(TOOL,)),
        request(SYSTEM, Message.user("Hi"), cache_prompt=True),
        request(SYSTEM, SYSTEM, Message.user("Hi"), cache_prompt=True, tools=(TOOL,)),
        request(SYSTEM, Message.user("Hi"), cache_prompt=True, tools=(ToolDefinition("search", "Finds.", {}),)),
        request(SYSTEM, Message.user("Hi"), cache_prompt=True, tools=(TOOL, TOOL)),
    ]
    assert len({one, *map(prompt_affinity, others)}) == len(others) + 1


def test_without_system_text_and_tools_a_conversation_is_known_by_its_first_message() -> None:
    one = prompt_affinity(request(MARKED))
    assert prompt_affinity(request(MARKED, Message.assistant("Hello"), Message.user("Go on"))) == one
    assert prompt_affinity(request(Message.user([TextPart("another", cache=True)]))) != one


def test_an_affinity_keeps_its_key_whatever_else_is_asked_and_rests() -> None:
    clock = [0.0]
    ring = ring_of(KEYS, lambda: clock[0])
    affinities = [bytes([number]) * 16 for number in range(200)]
    first = {affinity: ring.pick(MODEL, affinity) for affinity in affinities}
    counts = Counter(first.values())
    assert all(25 <= counts[index] <= 75 for index in range(4)), "they are spread over the keys"
    for _ in range(7):
        ring.pick(MODEL)
    assert {affinity: ring.pick(MODEL, affinity) for affinity in affinities} == first
    ring.report_failure(2, RateLimited(status=429, retry_after=60.0), MODEL)
    meanwhile = {affinity: ring.pick(MODEL, affinity) for affinity in affinities}
    assert {a for a in affinities if meanwhile[a] != first[a]} == {a for a in affinities if first[a] == 2}
    clock[0] = 60.0
    assert {affinity: ring.pick(MODEL, affinity) for affinity in affinities} == first


def test_a_key_that_is_added_or_moved_takes_none_but_its_own() -> None:
    affinities = [bytes([number]) * 16 for number in range(200)]
    three, four = ring_of(KEYS[:3]), ring_of([KEYS[3], KEYS[1], KEYS[2], KEYS[0]])
    names = [KEYS[3], KEYS[1], KEYS[2], KEYS[0]]
    for affinity in affinities:
        before, after = KEYS[three.pick(MODEL, affinity) or 0], names[four.pick(MODEL, affinity) or 0]
        assert after in (before, KEYS[3])


ERRORS: list[tuple[type[RatatoskrError], int]] = [
    (AuthenticationFailed, 401),
    (AuthenticationFailed, 403),
    (QuotaExhausted, 402),
    (RateLimited, 429),
    (ServiceUnavailable, 503),
]


class Model:
    """What a ring of keys is to do: the rests of keys, what each carries, and whose turn it is."""

    def __init__(self, count: int) -> None:
        self.count, self.turn = count, 0
        self.busy = [0] * count
        self.rests: dict[tuple[int, str | None], float] = {}
        self.orders: dict[bytes, list[int]] = {}  # as seen: who came before whom

    def until(self, index: int, model: str) -> float:
        return max(self.rests.get((index, None), 0.0), self.rests.get((index, model), 0.0))

    def candidates(self, model: str, now: float) -> list[int]:
        """Return those of which any may be picked, as far as rests go."""
        ready = [index for index in range(self.count) if self.until(index, model) <= now]
        soonest = min(self.until(index, model) for index in range(self.count))
        return ready or [index for index in range(self.count) if self.until(index, model) == soonest]

    def pick(self, model: str, now: float) -> int:
        of = self.candidates(model, now)
        least = min(self.busy[index] for index in of)
        turns = [(self.turn + step) % self.count for step in range(self.count)]
        index = next(one for one in turns if one in of and self.busy[one] == least)
        self.turn = (index + 1) % self.count
        return index

    def fail(self, index: int, error: RatatoskrError, model: str, now: float) -> int:
        seconds = {AuthenticationFailed: 30.0, QuotaExhausted: 300.0, RateLimited: 5.0}.get(type(error))
        if seconds is None:
            return 0
        whole = not isinstance(error, RateLimited) and error.status != 403
        key = (index, None if whole else model)
        until = now + min(error.retry_after or seconds, 86_400.0)
        self.rests[key] = max(until, self.rests.get(key, 0.0))
        return sum(self.until(one, model) <= now for one in range(self.count) if one != index)


class KeyMachine(RuleBasedStateMachine):
    """Requests that pick keys, fail and end in any order."""

    running = Bundle("running")
    models = st.sampled_from(["m", "n"])

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.ring = ring_of(KEYS, lambda: self.time)
        self.model = Model(len(KEYS))

    @rule(seconds=st.sampled_from([1.0, 5.0, 25.0, 30.0, 300.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        self.time += seconds

    @rule(target=running, name=models)
    def pick(self, name: str) -> Any:
        index = self.ring.pick(name)
        assert index == self.model.pick(name, self.time)
        self.model.busy[index] += 1
        return index, name

    @rule(target=running, name=models, number=st.integers(0, 5))
    def pick_by_affinity(self, name: str, number: int) -> Any:
        affinity = bytes([number]) * 16
        index = self.ring.pick(name, affinity)
        assert index is not None
        of = self.model.candidates(name, self.time)
        assert index in of
        fresh = ring_of([KEYS[one] for one in of])  # of no others, and with nothing behind it
        assert of[fresh.pick(name, affinity) or 0] == index
        self.model.busy[index] += 1
        return index, name

    @rule(one=consumes(running))
    def end(self, one: tuple[int, str]) -> None:
        self.ring.release(one[0])
        self.model.busy[one[0]] -= 1

    @rule(
        one=running,
        error=st.sampled_from(ERRORS),
        hint=st.sampled_from([None, 1.0, 60.0, 1e6]),
    )
    def fail(self, one: tuple[int, str], error: tuple[type[RatatoskrError], int], hint: float | None) -> None:
        index, name = one
        failure = error[0]("no", status=error[1], retry_after=hint)
        self.ring.report_failure(index, failure, name)
        assert failure.other_keys == self.model.fail(index, failure, name, self.time)


TestKeys = KeyMachine.TestCase
TestKeys.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


# reports of other gateways, with the right behaviour


def test_decolua_9router_2597_plain_calls_are_shared_by_all_keys() -> None:
    ring = ring_of(KEYS)
    used: Counter[int | None] = Counter()
    for _ in range(400):
        index = ring.pick(MODEL)
        used[index] += 1
        ring.release(index)
    assert used == {0: 100, 1: 100, 2: 100, 3: 100}


def test_berriai_litellm_40130_a_second_429_without_a_hint_does_not_shorten_the_rest() -> None:
    clock = [0.0]
    ring = ring_of(KEYS[:2], lambda: clock[0])
    ring.report_failure(0, RateLimited(status=429, retry_after=60.0), MODEL)
    ring.report_failure(0, RateLimited(status=429), MODEL)
    for clock[0], expected in ((5.5, {1}), (59.9, {1}), (60.0, {0, 1})):
        assert picks(ring) == expected


def test_lidge_jun_opencodex_4024_a_reset_days_off_rests_the_key_for_24_hours_at_most() -> None:
    clock = [0.0]
    ring = ring_of(KEYS[:2], lambda: clock[0])
    ring.report_failure(0, QuotaExhausted(status=429, retry_after=3 * 86_400.0), MODEL)
    for clock[0], expected in ((600.0, {1}), (86_399.0, {1}), (86_400.0, {0, 1})):
        assert picks(ring) == expected


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0])
def test_a_useless_hint_rests_no_key_for_ever(bad: float) -> None:
    clock = [0.0]
    ring = ring_of(KEYS[:2], lambda: clock[0])
    ring.report_failure(0, RateLimited(status=429, retry_after=bad), MODEL)
    clock[0] = 86_401.0
    assert picks(ring) == {0, 1}


def test_keys_are_picked_from_many_threads_evenly() -> None:
    async def main() -> Counter[int | None]:
        ring = ring_of(KEYS)

        def work() -> list[int | None]:
            used = []
            for _ in range(100):
                used.append(ring.pick(MODEL))
                ring.release(used[-1])
            return used

        picked = await asyncio.gather(*(asyncio.to_thread(work) for _ in range(8)))
        return Counter(index for one in picked for index in one)

    used = asyncio.run(main())
    assert sum(used.values()) == 800
    assert all(150 <= used[index] <= 250 for index in range(4))
