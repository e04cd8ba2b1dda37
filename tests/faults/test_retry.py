"""Every status and every form of Retry-After, with a virtual clock: what is requested, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.conformance.faces import gateway_to

from ratatoskr import EmbeddedGateway, Ratatoskr, RatatoskrError, RateLimited
from ratatoskr.testing import ScriptedUpstream, fault

CHAT = "openai:gpt-4.1"
CLAUDE = "anthropic:claude-sonnet-5"
HOUSE = "house:any-model"
RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
"""Statuses after which the same candidate is retried."""
FALLBACK = {401, 402, 403, 407, 410} | set(range(300, 400)) | set(range(500, 600)) | RETRIED
"""Statuses after which the next candidate is tried (407 is a proxy's); the others mean that the request is invalid."""
TRANSIENT, THROTTLE = [0.25, 0.5], [1.0, 2.0]


class JumpingClock:
    """A virtual clock: time passes only in `sleep`. The jitter is always the maximum."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def random(self) -> float:
        return 1.0


async def _catch_error(gateway: EmbeddedGateway, models: Any, *, streamed: bool) -> RatatoskrError:
    asked = gateway.chat_stream("Who?", models) if streamed else gateway.chat("Who?", models)
    with pytest.raises(RatatoskrError) as caught:
        await asked
    return caught.value


@pytest.mark.parametrize(("model", "streamed"), [(CHAT, False), (CLAUDE, True)], ids=["call", "stream"])
async def test_of_all_statuses_the_documented_ones_are_asked_again_with_backoff(model: str, streamed: bool) -> None:
    async with ScriptedUpstream(keep=1) as upstream:
        for status in range(300, 600):
            clock = JumpingClock()
            await upstream.use(fault(f"status_{status}", times=None))
            before = upstream.count
            async with gateway_to(upstream, retries=2, clock=clock) as gateway:
                error = await _catch_error(gateway, model, streamed=streamed)
            tries = 3 if status in RETRIED else 1
            assert (status, upstream.count - before, len(error.attempts)) == (status, tries, tries)
            waits = (THROTTLE if status == 429 else TRANSIENT) if tries == 3 else []
            assert (status, clock.slept) == (status, waits)
            assert error.status == status


async def test_of_all_statuses_those_of_the_provider_lead_to_the_next_one() -> None:
    async with ScriptedUpstream(keep=1) as upstream:
        for status in range(300, 600):
            await upstream.use({"openai": fault(f"status_{status}", times=None), "compatible": "Hello"})
            async with gateway_to(upstream, retries=0, clock=JumpingClock()) as gateway:
                if status in FALLBACK:
                    answer = await gateway.chat("Who?", [CHAT, HOUSE])
                    assert (status, answer.content, len(answer.attempts)) == (status, "Hello", 2)
                else:
                    assert (await _catch_error(gateway, [CHAT, HOUSE], streamed=False)).status == status


HINTS: dict[str, tuple[float | None, list[float]]] = {
    # (the `retry_after` of the error, the waits before the second and the third attempt): the longer of hint and
    # backoff, plus a tenth of the hint as jitter
    "seconds": (1.0, [1.1, 2.1]),
    "fraction": (0.25, [1.025, 2.025]),
    "zero": (0.0, THROTTLE),
    "ms": (0.15, [1.015, 2.015]),
    "past_date": (0.0, THROTTLE),
    "garbage": (None, THROTTLE),
    "negative": (None, THROTTLE),
    "infinite": (None, THROTTLE),
    "nan": (None, THROTTLE),
    "empty": (None, THROTTLE),
    "twice": (None, THROTTLE),
    "huge": (1e9, []),
}


@pytest.mark.parametrize("model", [CHAT, CLAUDE, HOUSE])
@pytest.mark.parametrize(("name", "expected"), HINTS.items(), ids=HINTS)
async def test_each_form_of_retry_after_is_waited_for_as_it_says(
    name: str, expected: tuple[float | None, list[float]], model: str
) -> None:
    hint, waits = expected
    clock = JumpingClock()
    async with ScriptedUpstream(fault(f"rate_limited_{name}", times=None)) as upstream:
        async with gateway_to(upstream, retries=2, clock=clock) as gateway:
            error = await _catch_error(gateway, model, streamed=False)
        assert isinstance(error, RateLimited)
        assert error.retry_after == hint
        assert clock.slept == pytest.approx(waits)
        assert [attempt.waited for attempt in error.attempts] == pytest.approx([0.0, *waits])
        assert upstream.count == 1 + len(waits)


@pytest.mark.parametrize("name", ["status_401", "status_402", "status_403", "status_429"])
async def test_every_key_is_tried_at_once_even_without_retries(name: str) -> None:
    keys = [f"key-{i}" for i in range(8)]
    clock = JumpingClock()
    async with ScriptedUpstream([*[fault(name)] * 7, "Hello"]) as upstream:
        builder = Ratatoskr.builder().openai(keys, base_url=upstream.base_url("openai")).retries(0)
        async with builder.clock(clock).build() as gateway:
            answer = await gateway.chat("Who?", CHAT)
            assert (answer.content, len(answer.attempts), clock.slept) == ("Hello", 8, [])
        assert [request.headers["authorization"] for request in upstream.requests] == [f"Bearer {key}" for key in keys]


async def test_several_keys_are_used_in_turn() -> None:
    async with ScriptedUpstream("Hello") as upstream:
        builder = Ratatoskr.builder().openai(["one", "two"], base_url=upstream.base_url("openai"))
        async with builder.build() as gateway:
            for _ in range(4):
                await gateway.chat("Who?", CHAT)
        used = [request.headers["authorization"] for request in upstream.requests]
        assert used == ["Bearer one", "Bearer two"] * 2


async def test_a_date_and_a_sign_of_the_dialects_own_are_waited_for_too() -> None:
    clock = JumpingClock()
    later, sign = fault("rate_limited_date", date=20.0), fault("rate_limited_hint", hint=30.0)
    async with (
        ScriptedUpstream([later, sign, "Hello"]) as upstream,
        gateway_to(upstream, retries=2, clock=clock) as gateway,
    ):
        assert (await gateway.chat("Who?", CHAT)).content == "Hello"
    assert 15 < clock.slept[0] <= 22  # a date has whole seconds, and time has passed since
    assert clock.slept[1] == pytest.approx(33)
