"""Limits of requests and tokens of a whole gateway: chats, streams, chains, keys, blocking calls."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from ratatoskr import AllAttemptsFailed, ConfigurationError, LimitStatus, Ratatoskr, RateLimited
from ratatoskr.config.builder import Builder
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, ThreadedUpstream, TokenCounts, fault

GPT, CLAUDE = "openai:gpt-4.1", "anthropic:claude-sonnet-5"


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(ScriptedTurn("Hello.", usage=TokenCounts(100, 20))) as upstream:
        yield upstream


def begin(upstream: ScriptedUpstream | ThreadedUpstream, key: str | list[str] = "key") -> Builder:
    builder = Ratatoskr.builder().openai(key, base_url=upstream.base_url("openai"))
    return builder.anthropic("key", base_url=upstream.base_url("anthropic"))


async def test_a_call_that_cannot_be_in_time_is_refused_before_it_is_sent(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).limits("openai", requests=1).build() as gateway:
        await gateway.chat("Hi", GPT)
        began = time.monotonic()
        with pytest.raises(RateLimited) as caught:
            await gateway.chat("Hi", GPT, timeout=5)
        assert time.monotonic() - began < 2, "it does not wait in vain"
        error = caught.value
        assert error.provider == "ratatoskr"
        assert error.retry_after is not None
        assert 55 < error.retry_after <= 61
        assert [attempt.decision for attempt in error.attempts] == ["stop"]
        assert not error.attempts[0].maybe_billed
        await gateway.chat("Hi", CLAUDE)
    assert len(upstream.requests) == 2


async def test_the_next_candidate_answers_at_once_and_nobody_is_benched(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).limits("openai", requests=1, model="gpt-4.1").build() as gateway:
        providers = []
        for _ in range(3):
            response = await gateway.chat("Hi", [GPT, CLAUDE])
            providers.append(response.provider)
        assert providers == ["openai", "anthropic", "anthropic"]
        assert [attempt.decision for attempt in response.attempts] == ["next", "answered"]
        assert (await gateway.chat("Hi", "openai:gpt-4o")).provider == "openai"


async def test_where_every_candidate_is_at_its_limit_each_says_so(upstream: ScriptedUpstream) -> None:
    builder = begin(upstream).limits("openai", requests=1).limits("anthropic", requests=1)
    async with builder.build() as gateway:
        await gateway.chat("Hi", GPT)
        await gateway.chat("Hi", CLAUDE)
        with pytest.raises(AllAttemptsFailed) as caught:
            await gateway.chat("Hi", [GPT, CLAUDE], timeout=5)
        assert [error.provider for error in caught.value.exceptions] == ["ratatoskr", "ratatoskr"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_tokens_count_as_the_answer_says(upstream: ScriptedUpstream, streamed: bool) -> None:
    async with begin(upstream).limits("openai", tokens=1000, output_tokens=500).build() as gateway:
        for _ in range(2):
            if streamed:
                async with gateway.chat_stream("Hi", GPT, max_tokens=200) as stream:
                    await stream.collect()
            else:
                await gateway.chat("Hi", GPT, max_tokens=200)
        assert [(one.counted, one.used) for one in (await gateway.health()).limits] == [
            ("tokens", 240),
            ("output_tokens", 40),
        ]


async def test_an_abandoned_stream_counts_what_has_come(upstream: ScriptedUpstream) -> None:
    await upstream.use(ScriptedTurn("word " * 500, deltas=50, pace=0.02))
    async with begin(upstream).limits("openai", output_tokens=10_000).build() as gateway:
        async with gateway.chat_stream("Hi", GPT, max_tokens=9_000) as stream:
            async for _ in stream:
                break
            assert (await gateway.health()).limits[0].used == 9_000
        assert 0 < (await gateway.health()).limits[0].used < 1000


async def test_each_key_has_a_limit_of_its_own(upstream: ScriptedUpstream) -> None:
    builder = begin(upstream, ["one", "two"]).limits("openai", requests=2, each_key=True)
    async with builder.build() as gateway:
        for _ in range(4):
            await gateway.chat("Hi", GPT)
        with pytest.raises(RateLimited, match="for each key"):
            await gateway.chat("Hi", GPT, timeout=3)
        assert [(one.key, one.used) for one in (await gateway.health()).limits] == [(0, 2), (1, 2)]
    assert Counter(request.headers["authorization"] for request in upstream.requests) == {
        "Bearer one": 2,
        "Bearer two": 2,
    }


async def test_a_key_that_is_refused_is_left_to_the_others(upstream: ScriptedUpstream) -> None:
    await upstream.use([fault("rate_limited_hint", hint=60.0), ScriptedTurn("Hello.")])
    builder = begin(upstream, ["one", "two"]).limits("openai", requests=3, each_key=True)
    async with builder.build() as gateway:
        for _ in range(3):
            await gateway.chat("Hi", GPT)
    used = [request.headers["authorization"] for request in upstream.requests]
    assert used == ["Bearer one", "Bearer two", "Bearer two", "Bearer two"]


async def test_health_and_explain_show_limits(upstream: ScriptedUpstream) -> None:
    builder = begin(upstream).limits("openai", requests=10, model="gpt-*").limits("anthropic", tokens=5, per=1)
    async with builder.build() as gateway:
        await gateway.chat("Hi", GPT)
        status = LimitStatus("openai", "gpt-*", "requests", 10, 60.0, 1)
        assert (await gateway.health()).limits == (status, LimitStatus("anthropic", "*", "tokens", 5, 1.0, 0))
        assert status.words == "1 of 10 requests in 60 s"
        plans = (await gateway.explain([GPT, "openai:o3", CLAUDE])).plans
        assert [[one.counted for one in plan.limits] for plan in plans] == [["requests"], [], ["tokens"]]


def test_blocking_calls_keep_to_limits() -> None:
    with (
        ScriptedUpstream.in_thread(ScriptedTurn("Hello.")) as upstream,
        begin(upstream).limits("openai", requests=1).build().sync() as gateway,
    ):
        gateway.chat("Hi", GPT)
        with pytest.raises(RateLimited):
            gateway.chat("Hi", GPT, timeout=3)
        assert gateway.health().limits[0].used == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"requests": 0}, "requests"),
        ({"tokens": -1}, "tokens"),
        ({"input_tokens": 1.5}, "input_tokens"),
        ({"output_tokens": True}, "output_tokens"),
        ({"requests": 1, "per": 0}, "per"),
        ({"requests": 1, "per": float("inf")}, "per"),
        ({"requests": 1, "per": "minute"}, "per"),
        ({"requests": 1, "model": ""}, "model"),
        ({"requests": 1, "each_key": "yes"}, "each_key"),
        ({"in_flight": 0}, "in_flight"),
        ({"requests": 1, "in_flight": 0}, "in_flight"),
        ({"per": 5.0}, "requests"),
    ],
)
def test_a_wrong_limit_is_refused_by_the_builder(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ratatoskr.builder().openai("key").limits("openai", **arguments)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_limit_of_a_provider_that_is_not_configured_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="anthropic, which is not configured"):
        Ratatoskr.builder().openai("key").limits("anthropic", requests=5).build()


async def test_a_later_limit_of_the_same_models_replaces_what_it_names(upstream: ScriptedUpstream) -> None:
    builder = begin(upstream).limits("openai", requests=10, tokens=100).limits("openai", tokens=200)
    async with builder.build() as gateway:
        assert [(one.counted, one.limit) for one in (await gateway.health()).limits] == [
            ("requests", 10),
            ("tokens", 200),
        ]
