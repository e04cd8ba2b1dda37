"""Costs of whole calls: answers, streams, embeddings, attempts, and of what is not sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ratatoskr import InvalidInput, NoProvider, Ratatoskr, Usage
from ratatoskr.config.builder import Builder
from ratatoskr.models.price import Price
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, TokenCounts, fault

GPT = "openai:gpt-4.1"
HELLO = ScriptedTurn("Hello.", usage=TokenCounts(1_000, 100))
DOLLARS = Decimal("0.0028")


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(HELLO) as upstream:
        yield upstream


def begin(upstream: ScriptedUpstream) -> Builder:
    builder = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai"))
    return builder.anthropic("key", base_url=upstream.base_url("anthropic")).retries(1)


async def test_answers_and_streams_have_their_cost(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).build() as gateway:
        response = await gateway.chat("Hi", GPT)
        assert response.cost is not None
        assert response.cost.amount == DOLLARS
        assert [item.unit for item in response.cost.items] == ["input", "output"]
        async with gateway.chat_stream("Hi", GPT) as stream:
            async for _ in stream:
                pass
        assert stream.response.cost == response.cost
        assert response.attempts[0].cost == response.cost
        assert type(response).from_json(response.to_json()).cost == response.cost


async def test_blocking_calls_have_the_same(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).build() as gateway:
        usage = Usage(1_000, 100)
        found = await gateway.cost(usage, GPT)
        assert found is not None
        assert found.amount == DOLLARS
    with begin(upstream).build().sync() as blocking:
        assert blocking.cost(usage, GPT) == found


async def test_an_answer_after_a_failure_costs_what_it_costs_and_the_failure_nothing(
    upstream: ScriptedUpstream,
) -> None:
    await upstream.use([fault("overloaded"), HELLO])
    async with begin(upstream).build() as gateway:
        response = await gateway.chat("Hi", GPT)
    assert [attempt.cost and attempt.cost.amount for attempt in response.attempts] == [None, DOLLARS]


async def test_an_answer_without_a_price_has_no_cost(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).build() as gateway:
        assert (await gateway.chat("Hi", "openai:my-own-model")).cost is None


async def test_a_price_of_the_users_own_replaces_the_whole_price(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).model(GPT, Price(input="1", output="0")).build() as gateway:
        cost = (await gateway.chat("Hi", GPT)).cost
        assert cost is not None
        assert cost.amount == Decimal("0.001")
        assert (await gateway.cost(Usage(10, 0, 5), GPT)).estimated, "no rate of its own for cached input"  # type: ignore[union-attr]


async def test_explain_says_the_range(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).build() as gateway:
        plan = (await gateway.explain(GPT, "word " * 1_000, max_tokens=1_000)).plans[0]
    assert plan.cost is not None
    assert plan.cost.high is not None
    assert Decimal("0.002") < plan.cost.low < Decimal("0.003")
    assert plan.cost.high - plan.cost.low == Decimal("0.008")


@pytest.mark.parametrize(
    ("usage", "model", "at", "field"),
    [
        ({"input_tokens": 1}, GPT, None, "usage"),
        (None, GPT, None, "usage"),
        (Usage(1, 1), "", None, "model"),
        (Usage(1, 1), [GPT], None, "model"),
        (Usage(1, 1), GPT, "2026-11-02", "at"),
        (Usage(1, 1), GPT, float("nan"), "at"),
        (Usage(1, 1), GPT, True, "at"),
    ],
)
async def test_wrong_arguments_are_named(
    upstream: ScriptedUpstream, usage: Any, model: Any, at: Any, field: str
) -> None:
    async with begin(upstream).build() as gateway:
        with pytest.raises(InvalidInput) as caught:
            await gateway.cost(usage, model, at)
        assert caught.value.field == field
        with pytest.raises(InvalidInput):
            begin(upstream).build().sync().cost(usage, model, at)


async def test_a_provider_that_is_spelled_out_need_not_be_configured(upstream: ScriptedUpstream) -> None:
    async with begin(upstream).build() as gateway:
        monday = datetime(2026, 11, 2, 3, 59, tzinfo=UTC)
        cost = await gateway.cost(Usage(1_000_000, 1_000_000), "deepseek:deepseek-v4-flash", monday)
        assert cost is not None
        assert cost.amount == Decimal("1.5")
        assert await gateway.cost(Usage(1, 1), "deepseek:deepseek-v4-flash", monday.timestamp())
        with pytest.raises(NoProvider):
            await gateway.cost(Usage(1, 1), "deepseek-v4-flash")
