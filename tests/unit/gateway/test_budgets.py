"""Budgets of a whole gateway: chats, streams, chains, middleware, blocking calls, processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import (
    Budget,
    BudgetExceeded,
    InvalidInput,
    QuotaExhausted,
    Ratatoskr,
    ServiceUnavailable,
)
from ratatoskr.config.assemble import assemble
from ratatoskr.config.builder import Builder
from ratatoskr.gateway.base import Gateway
from ratatoskr.middleware import Middleware
from ratatoskr.models.price import Price
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, ThreadedUpstream, TokenCounts, fault

GPT, CLAUDE = "openai:gpt-4.1", "anthropic:claude-sonnet-5"
PRICE = Price(input="0", output="1000")  # a tenth of a cent for each token of output


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(ScriptedTurn("Hello.", usage=TokenCounts(10, 10))) as upstream:
        yield upstream


def begin(upstream: ScriptedUpstream | ThreadedUpstream, amount: str, **options: Any) -> Builder:
    builder = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai"))
    builder.anthropic("key", base_url=upstream.base_url("anthropic")).retries(0)
    builder.openrouter("key", base_url=upstream.base_url("openrouter"))
    return builder.model(GPT, PRICE).model(CLAUDE, PRICE).budget(Budget(amount, **options))


async def spent(gateway: Gateway) -> Decimal | None:
    return (await gateway.health()).budgets[0].used


async def test_calls_stop_when_the_next_one_may_cost_too_much(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "0.10").build() as gateway:
        for _ in range(9):
            await gateway.chat("Hi", GPT, max_tokens=20)
        assert await spent(gateway) == Decimal("0.09")
        with pytest.raises(BudgetExceeded, match=r"0\.10 USD a day has 0\.01 USD left.*may cost 0\.02 USD") as caught:
            await gateway.chat("Hi", GPT, max_tokens=20)
        error = caught.value
        assert isinstance(error, QuotaExhausted)
        assert error.retry_after is not None
        assert 0 < error.retry_after <= 86_400
        assert len(error.attempts) == 1
        await gateway.chat("Hi", GPT, max_tokens=10)
        assert await spent(gateway) == Decimal("0.10")
    assert len(upstream.requests) == 10


async def test_small_amounts_are_written_without_an_exponent(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "1e-7").build() as gateway:
        with pytest.raises(BudgetExceeded, match=r"of 0\.0000001 USD a day has 0\.0000001 USD left.*cost 0\.02 USD"):
            await gateway.chat("Hi", GPT, max_tokens=20)
        assert (await gateway.health()).budgets[0].words == "0.0000 of 0.0000001 USD a day"


async def test_500_concurrent_calls_against_a_dollar(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "1.00").build() as gateway:
        calls = [gateway.chat("Hi", GPT, max_tokens=15) for _ in range(500)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refused = [one for one in answers if isinstance(one, BudgetExceeded)]
        assert len(answers) - len(refused) == len(upstream.requests) <= 100
        assert await spent(gateway) == Decimal("0.01") * len(upstream.requests)


async def test_no_other_candidate_is_asked_and_the_next_window_begins_anew(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "0.001").build() as gateway:
        with pytest.raises(BudgetExceeded):
            await gateway.chat("Hi", [GPT, CLAUDE], max_tokens=20)
    assert upstream.requests == []


async def test_a_failed_try_that_may_be_billed_stays_reserved_and_another_does_not(upstream: ScriptedUpstream) -> None:
    await upstream.use([fault("overloaded"), ScriptedTurn("Hello.", usage=TokenCounts(10, 10))])
    async with begin(upstream, "1.00").build() as gateway:
        with pytest.raises(ServiceUnavailable):
            await gateway.chat("Hi", GPT, max_tokens=20)
        assert await spent(gateway) == 0
        response = await gateway.chat("Hi", [CLAUDE, GPT], max_tokens=20)
        assert response.provider == "anthropic"
        assert await spent(gateway) == Decimal("0.01")
        await upstream.use(ScriptedTurn("Hello.", delay=5))
        task = asyncio.ensure_future(gateway.chat("Hi", GPT, max_tokens=20))
        await upstream.until(lambda: len(upstream.requests) == 3)
        task.cancel()
        await asyncio.wait([task])
        assert await spent(gateway) == Decimal("0.03")


@pytest.mark.parametrize("ends", ["read", "left", "dropped"])
async def test_a_stream_costs_what_came_of_it(upstream: ScriptedUpstream, ends: str) -> None:
    await upstream.use(ScriptedTurn("word " * 50, deltas=50, pace=0.01, usage=TokenCounts(10, 50)))
    async with begin(upstream, "1.00").build() as gateway:
        async with gateway.chat_stream("Hi", GPT, max_tokens=900) as stream:
            assert await spent(gateway) == Decimal("0.9")
            async for _ in stream:
                if ends != "read":
                    break
            if ends == "dropped":
                await upstream.aclose()
                with pytest.raises(Exception):  # noqa: B017 - whatever it is: the connection is gone
                    await stream.collect()
        cost = await spent(gateway)
        assert cost is not None
        assert cost == Decimal("0.05") if ends == "read" else 0 < cost < Decimal("0.2")


async def test_a_bill_counts_in_place_of_the_price(upstream: ScriptedUpstream) -> None:
    await upstream.use(ScriptedTurn("Hello.", cost=0.25))
    async with begin(upstream, "1.00").model("openrouter:a/b", PRICE).build() as gateway:
        await gateway.chat("Hi", "openrouter:a/b", max_tokens=20)
        assert await spent(gateway) == Decimal("0.25")


async def test_a_model_without_a_price_is_refused_before_sending_unless_allowed(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "1.00").build() as gateway:
        with pytest.raises(InvalidInput, match="no price of openrouter:a/unheard-of is known") as caught:
            await gateway.chat("Hi", "openrouter:a/unheard-of")
        assert caught.value.field == "model"
    assert upstream.requests == []
    async with begin(upstream, "1.00", unpriced="allow").build() as gateway:
        await gateway.chat("Hi", "openrouter:a/unheard-of")


async def test_the_most_that_the_catalogue_says_a_model_writes_is_reserved(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "0.50").model(GPT, max_output_tokens=1000).build() as gateway:
        with pytest.raises(BudgetExceeded, match=r"may cost 1\.00 USD .* 1000 output tokens"):
            await gateway.chat("Hi", GPT)


async def test_a_budget_that_warns_tells_so_in_the_answer(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "0.015", on="warn").build() as gateway:
        first, second = [await gateway.chat("Hi", GPT, max_tokens=10) for _ in range(2)]
        assert [notice.code for notice in first.warnings] == []
        assert [notice.code for notice in second.warnings] == ["budget_exceeded"]


async def test_each_user_has_a_budget(upstream: ScriptedUpstream) -> None:
    budget = Budget("0.01", scope=lambda request: request.options.user)
    async with begin(upstream, "1.00").budget(budget).build() as gateway:
        for user in ("ada", "bob"):
            await gateway.chat("Hi", GPT, max_tokens=10, user=user)
            with pytest.raises(BudgetExceeded):
                await gateway.chat("Hi", GPT, max_tokens=10, user=user)
        assert [one.used for one in (await gateway.health()).budgets] == [Decimal("0.02"), None]


async def test_a_call_that_a_wrap_answers_costs_nothing(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "1.00").build() as gateway:
        answer = await gateway.chat("Hi", GPT, max_tokens=10)

    class Answers(Middleware):
        async def chat(self, request: Any, call: Any, ask: Any) -> Any:
            return answer

    async with begin(upstream, "1.00").wrap(Answers()).build() as gateway:
        await gateway.chat("Hi", GPT, max_tokens=10)
        assert await spent(gateway) == 0


async def test_explain_shows_the_budgets(upstream: ScriptedUpstream) -> None:
    async with begin(upstream, "1.00", per="total").build() as gateway:
        await gateway.chat("Hi", GPT, max_tokens=10)
        (budget,) = (await gateway.explain(GPT)).budgets
        assert budget.words == "0.0100 of 1.00 USD in total"
        assert budget.renewed_in is None


async def test_a_gateway_that_replaces_another_goes_on_counting(upstream: ScriptedUpstream) -> None:
    builder = begin(upstream, "1.00")
    old = builder.build()
    await old.chat("Hi", GPT, max_tokens=10)
    new = assemble(builder.recipe(), reuse=old)
    await old.aclose()
    assert await spent(new) == Decimal("0.01")
    await new.aclose()
    assert await spent(new) == Decimal("0.01"), "health answers on a closed gateway, too"


async def test_a_file_outlives_the_gateway(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    path = tmp_path / "spent.sqlite"
    for cents in (1, 2):
        async with begin(upstream, "0.02").ledger(path).build() as gateway:
            await gateway.chat("Hi", GPT, max_tokens=10)
            assert await spent(gateway) == Decimal(cents) / 100
    async with begin(upstream, "0.02").ledger(path).build() as gateway:
        with pytest.raises(BudgetExceeded):
            await gateway.chat("Hi", GPT, max_tokens=10)


def test_blocking_calls_keep_to_a_budget() -> None:
    turn = ScriptedTurn("Hello.", usage=TokenCounts(10, 10))
    with (
        ScriptedUpstream.in_thread(turn) as upstream,
        begin(upstream, "0.01").build().sync() as gateway,
    ):
        with gateway.chat_stream("Hi", GPT, max_tokens=10) as stream:
            stream.collect()
        with pytest.raises(BudgetExceeded):
            gateway.chat("Hi", GPT, max_tokens=10)
        assert gateway.health().budgets[0].used == Decimal("0.01")
