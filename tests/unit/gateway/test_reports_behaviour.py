"""Public reports about limits, budgets, routers, middleware and parameters elsewhere, each by its number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ratatoskr import (
    Budget,
    BudgetExceeded,
    InvalidInput,
    Log,
    Ratatoskr,
    RateLimited,
    Redact,
    ServiceUnavailable,
    UnsupportedParameter,
    Usage,
)
from ratatoskr.middleware import Middleware, watch
from ratatoskr.models.price import Price
from ratatoskr.testing import Reply, ScriptedGateway, ScriptedTurn, ScriptedUpstream, TokenCounts, fault

GPT, CLAUDE = "openai:gpt-4.1", "anthropic:claude-sonnet-5"
CENTS = Price(input="0", output="1000")  # ten tokens of output are a cent


class Clock:
    """Stands still until it is set on."""

    def __init__(self, start: str = "2026-11-29 12:00") -> None:
        self.seconds = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()

    def now(self) -> float:
        return self.seconds

    time = now

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def random(self) -> float:
        return 0.5


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(ScriptedTurn("Hello.", usage=TokenCounts(10, 10))) as upstream:
        yield upstream


def begin(upstream: ScriptedUpstream) -> Any:
    builder = Ratatoskr.builder().openai("k", base_url=upstream.base_url("openai")).retries(0)
    return builder.anthropic("k", base_url=upstream.base_url("anthropic")).clock(Clock())


def refusal(message: str, **error: Any) -> Reply:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", **error}}).encode()
    return Reply(400, {"content-type": "application/json"}, [body])


async def test_run_llama_llama_index_23202_a_call_larger_than_the_limit_is_refused_and_never_waits(
    upstream: ScriptedUpstream,
) -> None:
    async with begin(upstream).limits("openai", tokens=100).build() as gateway:
        with pytest.raises(RateLimited, match=r"the input has about \d+ tokens, and the limit is 100") as caught:
            await asyncio.wait_for(gateway.chat("word " * 200, GPT, max_tokens=20), 5)
        assert (caught.value.provider, caught.value.retryable) == ("ratatoskr", False)
        assert (await gateway.chat("Hi", GPT, max_tokens=20)).text == "Hello."
    assert len(upstream.requests) == 1


async def test_berriai_litellm_27001_what_was_refused_leaves_nothing_reserved(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).limits("openai", tokens=100).budget(Budget("0.10")).model(GPT, CENTS).build() as gateway:
        for _ in range(50):
            with pytest.raises((RateLimited, BudgetExceeded)):
                await gateway.chat("Hi", GPT, max_tokens=10_000)
            with pytest.raises(RateLimited):
                await gateway.chat("word " * 200, GPT, max_tokens=20)
        assert (await gateway.chat("Hi", GPT, max_tokens=20)).text == "Hello."
        assert (await gateway.health()).budgets[0].used == Decimal("0.01")


async def test_berriai_litellm_10973_a_spent_budget_still_allows_what_costs_nothing(upstream: ScriptedUpstream) -> None:
    builder = begin(upstream).model(GPT, CENTS).model(CLAUDE, Price(input="0", output="0")).budget(Budget("0.01"))
    async with builder.build() as gateway:
        await gateway.chat("Hi", GPT, max_tokens=10)
        with pytest.raises(BudgetExceeded):
            await gateway.chat("Hi", GPT, max_tokens=10)
        assert (await gateway.chat("Hi", CLAUDE, max_tokens=10)).text == "Hello."


@pytest.mark.parametrize(
    ("zone", "now", "seconds"),
    [
        ("Asia/Tokyo", "2026-07-31 14:00", 3_600),  # BerriAI/litellm#34896: not nine hours late
        ("Asia/Shanghai", "2026-09-01 15:30", 1_800),  # BerriAI/litellm#40978
        ("Europe/Amsterdam", "2026-10-24 22:00", 25 * 3_600),  # langwatch/langwatch#6255: the day of 25 hours
        ("Europe/Amsterdam", "2026-03-28 23:00", 23 * 3_600),  # and that of 23
        ("America/New_York", "2026-03-08 05:00", 23 * 3_600),
        ("Asia/Kathmandu", "2026-05-05 18:00", 900),  # BerriAI/litellm#41211: neither UTC nor full hours
    ],
)
async def test_a_day_ends_where_the_budget_says(
    upstream: ScriptedUpstream, zone: str, now: str, seconds: float
) -> None:
    clock = Clock(now)
    builder = begin(upstream).clock(clock).model(GPT, CENTS).budget(Budget("0.01", per="day", tz=zone))
    async with builder.build() as gateway:
        await gateway.chat("Hi", GPT, max_tokens=10)
        with pytest.raises(BudgetExceeded) as caught:
            await gateway.chat("Hi", GPT, max_tokens=10)
        assert caught.value.retry_after == seconds
        clock.seconds += seconds
        assert (await gateway.chat("Hi", GPT, max_tokens=10)).text == "Hello."


async def test_berriai_litellm_20870_a_stream_that_is_refused_by_429_falls_back() -> None:
    script = {"openai": fault("rate_limited", times=None), "anthropic": "from the next"}
    async with (
        ScriptedUpstream(script) as up,
        begin(up).build() as gateway,
        gateway.chat_stream("Hi", [GPT, CLAUDE]) as stream,
    ):
        assert (await stream.collect()).text == "from the next"


@pytest.mark.parametrize("streamed", [False, True])
async def test_pydantic_pydantic_ai_2120_each_candidate_gets_its_own_parameters(streamed: bool) -> None:
    async with ScriptedUpstream({"openai": fault("unavailable", times=None), "anthropic": "yes"}) as up:
        builder = begin(up).parameter_policy("drop")
        async with builder.build() as gateway:
            models, options = [GPT, "anthropic:claude-opus-5-5"], {"temperature": 0.5, "seed": 7}
            if streamed:
                async with gateway.chat_stream("Hi", models, **options) as stream:
                    response = await stream.collect()
            else:
                response = await gateway.chat("Hi", models, **options)
        first, second = (json.loads(request.raw) for request in up.requests)
        assert (first["temperature"], first["seed"]) == (0.5, 7)
        assert not {"temperature", "seed"} & second.keys()
        assert {one.field for one in response.warnings} >= {"temperature", "seed"}


async def test_mattjcoles_lgtmaybe_587_a_refused_parameter_is_sent_once() -> None:
    message = "Unsupported parameter: 'temperature' is not supported with this model."
    refused = refusal(message, param="temperature", code="unsupported_parameter")
    async with ScriptedUpstream({"openai": [refused, "yes", "yes"]}) as up:
        builder = begin(up).parameter_policy("drop")
        async with builder.build() as gateway:
            with pytest.raises(InvalidInput):
                await gateway.chat("Hi", "openai:my-model", temperature=0.2)
            for _ in range(2):
                assert (await gateway.chat("Hi", "openai:my-model", temperature=0.2)).warnings[0].field == "temperature"
        assert ["temperature" in json.loads(request.raw) for request in up.requests] == [True, False, False]


async def test_mattjcoles_lgtmaybe_602_a_wrong_value_of_one_caller_takes_the_parameter_from_no_other() -> None:
    for message, error in (
        ("Invalid 'temperature': decimal above maximum value. Expected <= 2.", {"code": "decimal_above_max_value"}),
        ("temperature must be between 0 and 1", {}),
        ("Invalid value for temperature", {"code": "invalid_value"}),
    ):
        script = {"openai": [refusal(message, param="temperature", **error), "yes"]}
        async with ScriptedUpstream(script) as up, begin(up).build() as gateway:
            with pytest.raises(InvalidInput):
                await gateway.chat("Hi", "openai:my-model", temperature=2)
            assert (await gateway.chat("Hi", "openai:my-model", temperature=0.2)).text == "yes"


async def test_mattjcoles_lgtmaybe_602_the_default_of_a_refused_parameter_is_still_no_error() -> None:
    message = "'temperature' does not support 0.2 with this model. Only the default (1) value is supported."
    refused = refusal(message, param="temperature", code="unsupported_value")
    async with ScriptedUpstream({"openai": [refused, "yes", "yes"]}) as up, begin(up).build() as gateway:
        with pytest.raises(InvalidInput):
            await gateway.chat("Hi", "openai:my-model", temperature=0.2)
        with pytest.raises(UnsupportedParameter):
            await gateway.chat("Hi", "openai:my-model", temperature=0.2)
        assert (await gateway.chat("Hi", "openai:my-model", temperature=1)).text == "yes"
        assert (await gateway.chat("Hi", "openai:my-model", temperature=1.0)).text == "yes"


async def test_langchain_ai_langchain_16913_observers_have_an_event_before_the_reader_has_it() -> None:
    order: list[str] = []

    class Sees(Middleware):
        async def open_stream(self, request: Any, call: Any, ask: Any) -> Any:
            seen = lambda events: order.extend(f"seen {type(one).__name__}" for one in events)  # noqa: E731
            return watch(await ask(request, call), on_events=seen)

    async with (
        ScriptedUpstream([ScriptedTurn("abc", deltas=3)]) as up,
        begin(up).wrap(Sees()).build() as gateway,
        gateway.chat_stream("Hi", GPT) as stream,
    ):
        async for event in stream:
            order.append(f"read {type(event).__name__}")  # noqa: PERF401  # the order is what is looked at
    assert all(order.index(one.replace("read", "seen")) < i for i, one in enumerate(order) if one.startswith("read"))
    assert sum(one.startswith("seen") for one in order) == sum(one.startswith("read") for one in order)


async def test_mastra_ai_mastra_23783_overlapping_matches_delete_nothing_else() -> None:
    patterns = {"A": r"\d{4}-\d{4}", "B": r"\d{4}-\d{4}-\d{4}", "C": r"-\d{4}\b"}
    gateway = ScriptedGateway(*["before 1234-5678-9012 after"] * 2)
    from ratatoskr.gateway.base import Gateway
    from ratatoskr.middleware import bind

    async with Gateway(bind(Redact(patterns), gateway.backend)) as redacted:
        whole = (await redacted.chat("Hi", "m")).text
        async with redacted.chat_stream("Hi", "m") as stream:
            assert (await stream.collect()).text == whole
    assert whole.startswith("before [")
    assert whole.endswith("] after")
    assert not any(piece in whole for piece in ("1234", "5678", "9012"))


async def test_berriai_litellm_31503_what_a_guard_raises_within_a_stream_ends_it() -> None:
    class Blocked(Exception):
        """Of the guard."""

    class Guard(Middleware):
        async def open_stream(self, request: Any, call: Any, ask: Any) -> Any:
            opened = await ask(request, call)
            source = opened.source

            class Checked:
                def __getattr__(self, name: str) -> Any:
                    return getattr(source, name)

                async def batch(self) -> Any:
                    await source.batch()
                    raise Blocked

            opened.source = Checked()
            return opened

    slow = ScriptedTurn("secret " * 100, deltas=100, pace=0.01)
    async with ScriptedUpstream([slow]) as up, begin(up).wrap(Log()).wrap(Guard()).build() as gateway:
        with pytest.raises(Blocked):
            async with gateway.chat_stream("Hi", GPT) as stream:
                await stream.collect()
        await up.until(lambda: up.last.closed_at is not None)


async def test_llm4s_llm4s_460_of_many_calls_one_is_the_probe() -> None:
    async with ScriptedUpstream({"openai": fault("unavailable", times=None), "anthropic": "yes"}) as up:
        clock = Clock()
        async with begin(up).clock(clock).build() as gateway:
            for _ in range(6):
                await gateway.chat("Hi", [GPT, CLAUDE])
            asked = sum("x-api-key" not in request.headers for request in up.requests)
            clock.seconds += 61
            await asyncio.gather(*[gateway.chat("Hi", [GPT, CLAUDE]) for _ in range(50)])
            probes = sum("x-api-key" not in request.headers for request in up.requests) - asked
        assert probes == 1


async def test_smg_project_smg_2565_refused_requests_neither_open_nor_close_a_breaker() -> None:
    script = {"openai": [fault("status_400", times=30), *["yes"] * 3]}
    async with ScriptedUpstream(script) as up, begin(up).build() as gateway:
        for _ in range(30):
            with pytest.raises(InvalidInput):
                await gateway.chat("Hi", GPT)
        assert (await gateway.health()).breakers == ()
        assert (await gateway.chat("Hi", GPT)).text == "yes"


async def test_vellum_ai_vellum_assistant_8108_while_all_are_open_somebody_is_asked() -> None:
    async with ScriptedUpstream(fault("unavailable", times=None)) as up, begin(up).build() as gateway:
        for _ in range(20):
            with pytest.raises(Exception, match=r"."):
                await gateway.chat("Hi", [GPT, CLAUDE])
        before = len(up.requests)
        with pytest.raises(ServiceUnavailable):
            await gateway.chat("Hi", GPT)
        assert len(up.requests) == before + 1


async def test_berriai_litellm_30091_a_price_given_in_one_gateway_changes_no_other(upstream: ScriptedUpstream) -> None:
    usage = Usage(1_000_000, 0)
    async with (
        begin(upstream).model(GPT, Price(input="99", output="1")).build() as own,
        begin(upstream).build() as other,
    ):
        assert (await own.cost(usage, GPT)).amount == 99
        assert (await other.cost(usage, GPT)).amount == 2
        assert (await own.cost(usage, "openai:gpt-4.1-mini")).amount == Decimal("0.4")


async def test_berriai_litellm_25204_a_price_of_zero_is_a_price(upstream: ScriptedUpstream) -> None:
    builder = begin(upstream).model(GPT, Price(input="0", output="0")).budget(Budget("0.01"))
    async with builder.build() as gateway:
        response = await gateway.chat("Hi", GPT)
        assert response.cost is not None
        assert (response.cost.amount, response.cost.estimated) == (0, False)
