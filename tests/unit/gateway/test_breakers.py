"""Circuit breakers and keys as a gateway uses and shows them."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.registry.test_chain import HandClock

from ratatoskr import (
    BreakerHealth,
    EmbeddedGateway,
    Explanation,
    Health,
    Message,
    QuotaExhausted,
    RatatoskrError,
    RateLimited,
    ServiceUnavailable,
    StreamInterrupted,
    TextPart,
    Timeout,
)
from ratatoskr.config.builder import Builder
from ratatoskr.testing import Reply, ScriptedTurn, ScriptedUpstream, fault

GPT, CLAUDE = "openai:gpt-4.1", "anthropic:claude-sonnet-5"
DOWN = fault("unavailable", times=None)


def two(upstream: ScriptedUpstream, clock: HandClock, **settings: Any) -> EmbeddedGateway:
    builder = Builder().clock(clock).retries(0)
    builder.openai("sk-one", base_url=upstream.base_url("openai"))
    builder.anthropic("sk-two", base_url=upstream.base_url("anthropic"))
    for name, value in settings.items():
        getattr(builder, name)(value)
    return builder.build()


async def fail(gateway: EmbeddedGateway, times: int = 5) -> None:
    for _ in range(times):
        with pytest.raises(ServiceUnavailable):
            await gateway.chat("Hi", GPT)


def openai_keys(upstream: ScriptedUpstream, count: int, **settings: Any) -> EmbeddedGateway:
    keys = [f"sk-key-{index}" for index in range(count)]
    builder = Builder().openai(keys, base_url=upstream.base_url("openai")).clock(HandClock())
    for name, value in settings.items():
        getattr(builder, name)(value)
    return builder.build()


def keys_used(upstream: ScriptedUpstream) -> Counter[str]:
    return Counter(request.headers["authorization"].removeprefix("Bearer sk-key-") for request in upstream.requests)


async def test_health_and_explain_show_an_open_breaker_and_its_end() -> None:
    clock = HandClock(chance=0.5)
    async with ScriptedUpstream({"openai": DOWN, "anthropic": ScriptedTurn("yes")}) as up, two(up, clock) as gateway:
        assert (await gateway.health()).breakers == ()
        await fail(gateway)
        clock.time += 2
        health = await gateway.health()
        assert health.breakers == (BreakerHealth("openai", "gpt-4.1", "open", 3.0),)
        assert Health.from_json(health.to_json()) == health
        told = await gateway.explain([GPT, CLAUDE])
        assert [(plan.provider, plan.breaker, plan.ready_in) for plan in told.plans] == [
            ("anthropic", None, 0.0),
            ("openai", "open", 3.0),
        ]
        assert Explanation.from_json(told.to_json()) == told
        assert (await gateway.chat("Hi", [GPT, CLAUDE])).provider == "anthropic"
        clock.time += 3
        told = await gateway.explain([GPT, CLAUDE])
        assert [(plan.provider, plan.breaker) for plan in told.plans] == [("openai", "half_open"), ("anthropic", None)]
        await up.use({"openai": ScriptedTurn("again"), "anthropic": "yes"})
        assert (await gateway.chat("Hi", [GPT, CLAUDE])).provider == "openai"
        assert (await gateway.health()).breakers == ()


async def test_explain_shows_a_cool_down() -> None:
    clock = HandClock()
    script = {"openai": fault("payment_required", times=None), "anthropic": "yes"}
    async with ScriptedUpstream(script) as up, two(up, clock) as gateway:
        with pytest.raises(QuotaExhausted):
            await gateway.chat("Hi", GPT)
        clock.time += 60
        told = await gateway.explain([GPT, CLAUDE])
        assert [(plan.provider, plan.breaker, plan.ready_in) for plan in told.plans] == [
            ("anthropic", None, 0.0),
            ("openai", None, 240.0),
        ]


def test_blocking_gateways_have_them_too() -> None:
    with ScriptedUpstream.in_thread(DOWN) as up:
        builder = Builder().clock(HandClock()).retries(0).breaker(2)
        with builder.openai("sk-one", base_url=up.base_url("openai")).build().sync() as gateway:
            for _ in range(2):
                with pytest.raises(ServiceUnavailable):
                    gateway.chat("Hi", GPT)
            assert [one.state for one in gateway.health().breakers] == ["open"]
            assert gateway.explain(GPT).plans[0].breaker == "open"


async def test_without_breakers_every_call_asks_the_first_first() -> None:
    clock = HandClock()
    async with ScriptedUpstream({"openai": DOWN}) as up, two(up, clock, breaker=None) as gateway:
        await fail(gateway, 30)
        assert up.count == 30
        assert (await gateway.health()).breakers == ()


async def test_streams_that_break_off_count_and_those_that_the_caller_leaves_do_not() -> None:
    clock = HandClock()
    script = {"openai": fault("cut_clean", times=None, turn=ScriptedTurn("a long answer " * 20, deltas=20), at=-400)}
    async with ScriptedUpstream(script) as up, two(up, clock) as gateway:
        for _ in range(10):
            async with gateway.chat_stream("Hi", GPT) as stream:
                await anext(stream)
        assert (await gateway.health()).breakers == ()
        for _ in range(12):
            with pytest.raises(StreamInterrupted):
                await gateway.chat_stream("Hi", GPT).collect()
        assert (await gateway.health()).breakers == ()
    clock = HandClock()
    async with ScriptedUpstream(script) as up, two(up, clock) as gateway:
        for _ in range(10):
            with pytest.raises(StreamInterrupted):
                await gateway.chat_stream("Hi", GPT).collect()
        assert [one.state for one in (await gateway.health()).breakers] == ["open"], "half of 20 results are failures"


@pytest.mark.parametrize(("in_flight", "queued"), [(1, True), (2, False)])
async def test_a_timeout_in_our_own_queue_is_no_failure_of_the_provider(in_flight: int, queued: bool) -> None:
    async with ScriptedUpstream(fault("stall_before_head", times=None)) as up:
        builder = Builder().openai("sk-one", base_url=up.base_url("openai")).limits("openai", in_flight=in_flight)
        async with builder.timeout(0.5).retries(0).breaker(1).build() as gateway:
            first = asyncio.create_task(gateway.chat("Hi", GPT, timeout=60))
            await up.until(lambda: up.count == 1)
            with pytest.raises(Timeout) as caught:
                await gateway.chat("Hi", GPT)
            assert caught.value.queued == queued
            assert caught.value.attempts[0].maybe_billed != queued
            assert bool((await gateway.health()).breakers) != queued
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first


# reports of other gateways, with the right behaviour


async def test_oaklight_llm_rosetta_661_one_conversation_with_cache_marks_has_one_key_throughout() -> None:
    async with ScriptedUpstream() as up, openai_keys(up, 4) as gateway:
        history = [
            Message.system("You answer questions about this manual."),
            Message.user([TextPart("the whole manual", cache=True)]),
        ]
        for turn in range(12):
            await gateway.chat(history, GPT)
            await gateway.chat("Something else", GPT)  # plain calls go on in turn
            history += [Message.assistant("yes"), Message.user(f"question {turn}")]
        marked = Counter(up.requests[index].headers["authorization"] for index in range(0, 24, 2))
        assert list(marked.values()) == [12]
        plain = Counter(up.requests[index].headers["authorization"] for index in range(1, 24, 2))
        assert sorted(plain.values()) == [3, 3, 3, 3]


async def test_conversations_with_other_system_texts_are_spread_over_the_keys_and_streams_find_theirs() -> None:
    async with ScriptedUpstream() as up, openai_keys(up, 4) as gateway:
        for number in range(40):
            messages = [Message.system(f"You are assistant {number}."), Message.user("Hi")]
            await gateway.chat(messages, GPT, cache_prompt=True)
            await gateway.chat_stream(messages, GPT, cache_prompt=True).collect()
            first, second = up.requests[-2:]
            assert first.headers["authorization"] == second.headers["authorization"]
        assert len(keys_used(up)) == 4


async def test_decolua_9router_2597_400_plain_calls_use_each_of_four_keys_100_times() -> None:
    async with ScriptedUpstream() as up, openai_keys(up, 4) as gateway:
        for _ in range(400):
            await gateway.chat("Hi", GPT)
        assert sorted(keys_used(up).values()) == [100, 100, 100, 100]


async def test_maximhq_bifrost_5876_seven_dead_keys_and_a_live_one_answer_at_the_first_call_without_a_sleep() -> None:
    clock = HandClock()
    async with ScriptedUpstream(require_key="sk-key-7") as up:
        builder = Builder().openai([f"sk-key-{index}" for index in range(8)], base_url=up.base_url("openai"))
        async with builder.retries(0).clock(clock).build() as gateway:
            response = await gateway.chat("Hi", GPT)
            assert [attempt.decision for attempt in response.attempts] == ["again"] * 7 + ["answered"]
            assert clock.slept == []


async def test_berriai_litellm_16092_a_low_balance_as_400_rests_the_key_and_asks_the_next() -> None:
    low = Reply(
        400,
        {"content-type": "application/json"},
        [b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low."}}'],
    )
    async with ScriptedUpstream({"anthropic": [low, "yes", "yes", low], "openai": "other"}) as up:
        builder = Builder().anthropic(["sk-key-0", "sk-key-1"], base_url=up.base_url("anthropic")).retries(0)
        builder.openai("sk-one", base_url=up.base_url("openai")).clock(HandClock())
        async with builder.build() as gateway:
            response = await gateway.chat("Hi", CLAUDE)
            assert response.attempts[0].error is not None
            assert response.attempts[0].error.code == "quota_exhausted"
            await gateway.chat("Hi", CLAUDE)
            assert [request.headers["x-api-key"] for request in up.requests] == ["sk-key-0", "sk-key-1", "sk-key-1"]
            assert (await gateway.chat("Hi", [CLAUDE, GPT])).provider == "openai", "no key is left"


def _weekly(members: str, message: str = "The usage limit has been reached") -> Reply:
    text = f'{{"error":{{"type":"usage_limit_reached","message":"{message}"{members}}}}}'
    return Reply(429, {"content-type": "application/json"}, [text.encode()])


@pytest.mark.parametrize("form", ["epoch", "milliseconds", "iso", "seconds", "text"])
@pytest.mark.parametrize("provider", ["openai", "openrouter", "anthropic"])
async def test_lidge_jun_opencodex_4024_the_reset_date_of_a_body_is_the_wait(form: str, provider: str) -> None:
    reset = datetime.now(UTC) + timedelta(days=3)
    reply = {
        "epoch": _weekly(f',"resets_at":{int(reset.timestamp())}'),
        "milliseconds": _weekly(f',"resets_at":{int(reset.timestamp() * 1000)}'),
        "iso": _weekly(f',"resets_at":"{reset.isoformat()}"'),
        "seconds": _weekly(',"resets_in_seconds":259200'),
        "text": _weekly("", f"Usage limit reached; it resets at {reset:%Y-%m-%d %H:%M} UTC."),
    }[form]
    async with ScriptedUpstream(reply) as up:
        builder = Builder().clock(HandClock()).retries(2)
        getattr(builder, provider)("sk-one", base_url=up.base_url(provider))
        async with builder.build() as gateway:
            with pytest.raises(QuotaExhausted) as caught:
                await gateway.chat("Hi", f"{provider}:some-model")
            assert caught.value.retry_after == pytest.approx(3 * 86_400, abs=120)
            assert up.count == 1
            told = await gateway.explain(f"{provider}:some-model")
            assert told.plans[0].ready_in == 86_400.0


async def test_a_limit_with_a_date_in_the_past_waits_as_one_without() -> None:
    async with ScriptedUpstream(_weekly(',"resets_at":1600000000')) as up, two(up, HandClock()) as gateway:
        with pytest.raises(RatatoskrError) as caught:
            await gateway.chat("Hi", GPT)
        assert isinstance(caught.value, QuotaExhausted | RateLimited)
        assert caught.value.retry_after is None
