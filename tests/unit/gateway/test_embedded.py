"""The embedded gateway: who is asked, what is told about it, and how it ends."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from tests.unit.registry.test_chain import HandClock

from ratatoskr import (
    AllAttemptsFailed,
    AuthenticationFailed,
    ChatOptions,
    ChatRequest,
    ContentDelta,
    EmbeddedGateway,
    GatewayClosed,
    Message,
    NoProvider,
    ProviderTool,
    Ratatoskr,
    RateLimited,
    ServiceUnavailable,
    Timeouts,
    UnsupportedParameter,
)
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault


def two(upstream: ScriptedUpstream, **settings: Any) -> EmbeddedGateway:
    """Return a gateway with OpenAI and Anthropic at one upstream."""
    builder = Ratatoskr.builder().clock(HandClock())
    builder.openai("sk-one", base_url=upstream.base_url("openai"))
    builder.anthropic("sk-two", base_url=upstream.base_url("anthropic"))
    for name, value in settings.items():
        getattr(builder, name)(*value) if isinstance(value, tuple) else getattr(builder, name)(value)
    return builder.build()


GPT, CLAUDE = "openai:gpt-4.1", "anthropic:claude-sonnet-5"


async def test_a_failure_is_retried_and_the_answer_tells_it() -> None:
    async with ScriptedUpstream([fault("overloaded"), ScriptedTurn("at last")]) as up, two(up) as gateway:
        response = await gateway.chat("Hi", GPT)
        assert response.content == "at last"
        assert [a.decision for a in response.attempts] == ["again", "answered"]
        first, last = response.attempts
        assert first.error is not None
        assert (first.error.code, first.error.status) == ("service_unavailable", 529)
        assert last.waited > 0
        assert last.usage == response.usage


async def test_prompts_do_not_wander_to_who_was_not_named() -> None:
    script = {"openai": fault("unavailable", times=None), "anthropic": "hello"}
    async with ScriptedUpstream(script) as up, two(up, retries=0) as gateway:
        with pytest.raises(ServiceUnavailable):
            await gateway.chat("Hi", GPT)
        assert {r.provider for r in up.requests} == {"openai"}
        response = await gateway.chat("Hi", [GPT, CLAUDE])
        assert (response.content, response.provider) == ("hello", "anthropic")
        assert [a.decision for a in response.attempts] == ["next", "answered"]


async def test_a_fallback_may_be_set_up_by_pattern() -> None:
    script = {"openai": fault("payment_required", times=None), "anthropic": "hello"}
    async with ScriptedUpstream(script) as up, two(up, fallback=("gpt-*", [CLAUDE])) as gateway:
        assert (await gateway.chat("Hi", "gpt-4.1")).provider == "anthropic"


async def test_streams_fall_back_before_their_first_event() -> None:
    script = {"openai": fault("error_in_200", times=None), "anthropic": ScriptedTurn("hello", deltas=3)}
    async with ScriptedUpstream(script) as up, two(up, retries=0) as gateway:
        async with gateway.chat_stream("Hi", [GPT, CLAUDE]) as stream:
            text = "".join([e.text async for e in stream if isinstance(e, ContentDelta)])
        assert (text, stream.provider) == ("hello", "anthropic")
        assert [a.decision for a in stream.response.attempts] == ["next", "answered"]


async def test_an_open_stream_tells_its_request_also_where_the_head_does_not() -> None:
    async with ScriptedUpstream("Hello") as up:
        builder = Ratatoskr.builder().google("sk-one", base_url=up.base_url("google"))
        async with builder.build() as gateway, gateway.chat_stream("Hi", "google:gemini-3-flash") as stream:
            opened = stream.request_id
            assert opened
            assert (await stream.collect()).request_id == opened


async def test_all_failures_are_told_together() -> None:
    script = {"openai": fault("bad_key", times=None), "anthropic": fault("unavailable", times=None)}
    async with ScriptedUpstream(script) as up, two(up, retries=0) as gateway:
        with pytest.raises(AllAttemptsFailed) as caught:
            await gateway.chat("Hi", [GPT, CLAUDE])
        error = caught.value
        assert [type(e) for e in error.exceptions] == [AuthenticationFailed, ServiceUnavailable]
        assert [(a.provider, a.decision) for a in error.attempts] == [("openai", "next"), ("anthropic", "stop")]


async def test_a_candidate_that_refuses_a_parameter_or_a_tool_is_skipped() -> None:
    async with ScriptedUpstream("hello") as up, two(up) as gateway:
        response = await gateway.chat("Hi", [CLAUDE, GPT], seed=7)
        assert response.provider == "openai"
        assert [a.decision for a in response.attempts] == ["skipped", "answered"]
        search = ProviderTool("anthropic", {"type": "web_search_20250305", "name": "web_search"})
        assert (await gateway.chat("Hi", [GPT, CLAUDE], tools=[search])).provider == "anthropic"
        with pytest.raises(UnsupportedParameter) as caught:
            await gateway.chat("Hi", CLAUDE, seed=7)
        assert caught.value.field == "seed"
        assert len(up.requests) == 2


async def test_a_tool_that_ran_there_is_not_run_twice() -> None:
    async with ScriptedUpstream([fault("server_error"), "hello"]) as up, two(up) as gateway:
        search = ProviderTool("anthropic", {"type": "web_search_20250305", "name": "web_search"})
        with pytest.raises(ServiceUnavailable):
            await gateway.chat("Hi", CLAUDE, tools=[search])
        assert len(up.requests) == 1


async def test_keys_take_turns_when_one_is_refused() -> None:
    async with ScriptedUpstream(require_key="sk-good") as up:
        gateway = Ratatoskr.builder().openai(["sk-bad", "sk-good"], base_url=up.base_url("openai")).build()
        async with gateway:
            response = await gateway.chat("Hi", GPT)
            assert [a.decision for a in response.attempts] == ["again", "answered"]
            await gateway.chat("Hi", GPT)
            assert [r.headers["authorization"][-4:] for r in up.requests] == ["-bad", "good", "good"]


async def test_the_caller_hears_how_long_to_wait() -> None:
    async with ScriptedUpstream(fault("rate_limited_huge", times=None)) as up, two(up) as gateway:
        with pytest.raises(RateLimited) as caught:
            await gateway.chat("Hi", GPT)
        assert caught.value.retry_after is not None
        assert len(up.requests) == 1


async def test_after_closing_every_call_says_so() -> None:
    async with ScriptedUpstream(ScriptedTurn("too late", delay=30)) as up:
        gateway = two(up)
        stream = gateway.chat_stream("Hi", GPT)
        opening = asyncio.ensure_future(stream.collect())
        waiting = asyncio.ensure_future(gateway.chat("Hi", GPT))
        await asyncio.sleep(0.05)
        await gateway.aclose()
        await gateway.aclose()
        for pending in (opening, waiting):
            with pytest.raises(GatewayClosed):
                await pending
        with pytest.raises(GatewayClosed):
            await gateway.chat("Hi", GPT)
        assert (await gateway.health()).healthy is False


def test_it_belongs_to_no_event_loop() -> None:
    with ScriptedUpstream.in_thread("hello") as up:
        gateway = two(up)
        for _ in range(3):
            assert asyncio.run(gateway.chat("Hi", GPT)).content == "hello"
        asyncio.run(gateway.aclose())


async def test_many_are_answered_as_they_finish() -> None:
    async with ScriptedUpstream(lambda r: fault("bad_request") if "7" in r.asked.prompt else r.asked.prompt) as up:
        async with two(up) as gateway:
            requests = (ChatRequest((Message.user(f"n{i}"),), options=ChatOptions(model=GPT)) for i in range(20))
            outcomes = {index: outcome async for index, outcome in gateway.chat_many(requests, concurrency=4)}
        assert len(outcomes) == 20
        errors = {index for index, outcome in outcomes.items() if isinstance(outcome, Exception)}
        assert errors == {7, 17}
        assert up.connections <= 4


async def test_it_lists_the_models_that_are_served() -> None:
    models = {"openai": ["gpt-4.1"], "anthropic": ["claude-sonnet-5"]}
    async with ScriptedUpstream(models=models) as up, two(up) as gateway:
        assert [m.id for m in await gateway.list_models()] == ["openai:gpt-4.1", "anthropic:claude-sonnet-5"]
        assert (await gateway.model_status(GPT)).status == "available"
        assert (await gateway.model_status("openai:gpt-none")).status == "unavailable"
        with pytest.raises(NoProvider):
            await gateway.list_models("google")


async def test_it_explains_without_sending() -> None:
    async with ScriptedUpstream() as up, two(up, timeout=20) as gateway:
        told = await gateway.explain([CLAUDE, GPT], seed=7, reasoning="minimal", max_tokens=50)
        claude, gpt = told.plans
        assert claude.refused is not None
        assert "seed" in claude.refused
        assert gpt.url is None or gpt.url.endswith("/chat/completions")
        assert told.deadlines["total"] == 20
        assert told.deadlines["attempt"] is None
        assert up.count == 0
        plain = await gateway.explain(GPT, temperature=0.5)
        assert plain.plans[0].sent is not None
        assert plain.plans[0].sent["temperature"] == 0.5
        assert "messages" not in plain.plans[0].sent


async def test_health_tells_where_keys_came_from_and_never_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-77")
    async with Ratatoskr.builder().openai().anthropic("sk-canary-78").build() as gateway:
        health = await gateway.health()
        assert {p.name: p.key_origin for p in health.providers} == {"openai": "OPENAI_API_KEY", "anthropic": "argument"}
        assert "canary" not in repr(health) + repr(vars(gateway))


async def test_deadlines_are_inherited_from_call_to_builder_to_defaults() -> None:
    async with ScriptedUpstream() as up, two(up, timeout=20) as gateway:
        told = await gateway.explain(GPT, timeout=Timeouts(idle=3, total=math.inf))
        assert (told.deadlines["idle"], told.deadlines["total"], told.deadlines["connect"]) == (3, None, 5)
        told = await gateway.explain(GPT)
        assert told.deadlines["first_byte"] == 20
