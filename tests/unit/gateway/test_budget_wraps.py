"""Budgets with the user's wraps around tries: what was paid counts, whatever a wrap makes of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ratatoskr import (
    Budget,
    BudgetExceeded,
    ChatResponse,
    ContentFiltered,
    EmbeddedGateway,
    InvalidInput,
    Ratatoskr,
    ServiceUnavailable,
)
from ratatoskr.middleware import Log, Middleware
from ratatoskr.models.price import Price
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, TokenCounts, fault

GPT = "openai:gpt-4.1"
CENT = Decimal("0.01")


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(ScriptedTurn("Hello.", usage=TokenCounts(10, 10))) as upstream:
        yield upstream


def build(upstream: ScriptedUpstream, *wraps: Middleware, amount: str = "1.00", **options: Any) -> EmbeddedGateway:
    builder = Ratatoskr.builder().openai("key", base_url=upstream.base_url("openai")).retries(0)
    for wrap in wraps:
        builder.wrap(wrap, each_try=True)
    return builder.model(GPT, Price(input="0", output="1000")).budget(Budget(amount, **options)).build()


async def spent(gateway: EmbeddedGateway) -> Decimal | None:
    return (await gateway.health()).budgets[0].used


class FailsAfter(Middleware):
    """Fails when the provider has answered, as a guard does."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        await ask(request, call)
        raise self.error

    async def open_stream(self, request: Any, call: Any, ask: Any) -> Any:
        await ask(request, call)
        raise self.error


class Asks(Middleware):
    """Asks some number of times, with requests of its own."""

    def __init__(self, times: int, *, together: bool = False, **changes: Any) -> None:
        self.times = times
        self.together = together
        self.changes = changes

    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        if self.changes:
            request = replace(request, options=replace(request.options, **self.changes))
        if self.together:
            return (await asyncio.gather(*[ask(request, call) for _ in range(self.times)]))[-1]
        for _ in range(self.times - 1):
            await ask(request, call)
        return await ask(request, call)


class Keeps(Middleware):
    """Answers from what it has kept."""

    kept: ChatResponse[Any] | None = None

    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        self.kept = self.kept or await ask(request, call)
        return self.kept


@pytest.mark.parametrize("error", [ContentFiltered("no"), InvalidInput("no", field="x"), ValueError("no")])
async def test_an_answer_that_a_wrap_refuses_is_paid_for(upstream: ScriptedUpstream, error: Exception) -> None:
    async with build(upstream, FailsAfter(error)) as gateway:
        with pytest.raises(type(error)):
            await gateway.chat("Hi", GPT, max_tokens=50)
        assert await spent(gateway) == CENT


async def test_a_stream_that_a_wrap_refuses_is_paid_for(upstream: ScriptedUpstream) -> None:
    async with build(upstream, FailsAfter(ContentFiltered("no"))) as gateway:
        with pytest.raises(ContentFiltered):
            async with gateway.chat_stream("Hi", GPT, max_tokens=50) as stream:
                await stream.collect()
        used = await spent(gateway)
        assert used is not None
        assert 0 < used <= 5 * CENT


@pytest.mark.parametrize("together", [False, True])
async def test_each_request_of_a_wrap_is_paid_for(upstream: ScriptedUpstream, together: bool) -> None:
    async with build(upstream, Asks(3, together=together)) as gateway:
        await gateway.chat("Hi", GPT, max_tokens=20)
        assert (await spent(gateway), len(upstream.requests)) == (3 * CENT, 3)


async def test_a_second_request_must_be_allowed_too(upstream: ScriptedUpstream) -> None:
    async with build(upstream, Asks(2), amount="0.02") as gateway:
        with pytest.raises(BudgetExceeded):
            await gateway.chat("Hi", GPT, max_tokens=15)
        assert (await spent(gateway), len(upstream.requests)) == (CENT, 1)


async def test_a_request_that_a_wrap_makes_dearer_must_be_allowed(upstream: ScriptedUpstream) -> None:
    async with build(upstream, Asks(1, max_tokens=200), amount="0.10") as gateway:
        with pytest.raises(BudgetExceeded, match=r"may cost 0\.2 USD"):
            await gateway.chat("Hi", GPT, max_tokens=20)
        assert (await spent(gateway), len(upstream.requests)) == (0, 0)
    async with build(upstream, Asks(1, max_tokens=100), amount="0.10") as gateway:
        await gateway.chat("Hi", GPT, max_tokens=100)  # what was reserved outside is given back before
        assert await spent(gateway) == CENT


async def test_an_answer_that_a_wrap_has_kept_costs_nothing(upstream: ScriptedUpstream) -> None:
    async with build(upstream, Keeps()) as gateway:
        for _ in range(3):
            await gateway.chat("Hi", GPT, max_tokens=20)
        assert (await spent(gateway), len(upstream.requests)) == (CENT, 1)


async def test_a_refusal_comes_before_the_wraps(upstream: ScriptedUpstream) -> None:
    keeps = Keeps()
    async with build(upstream, keeps, amount="0.01") as gateway:
        with pytest.raises(BudgetExceeded):
            await gateway.chat("Hi", GPT, max_tokens=20)
        assert (keeps.kept, len(upstream.requests)) == (None, 0)


async def test_a_try_that_fails_is_settled_as_without_wraps() -> None:
    async with (
        ScriptedUpstream({"openai": fault("unavailable", times=None)}) as up,
        build(up, Log()) as gateway,
    ):
        with pytest.raises(ServiceUnavailable):
            await gateway.chat("Hi", GPT, max_tokens=20)
        assert await spent(gateway) == 0


async def test_many_calls_at_once_and_embeddings_and_streams(upstream: ScriptedUpstream) -> None:
    async with build(upstream, Log(), Asks(1), amount="0.50") as gateway:
        calls = [gateway.chat("Hi", GPT, max_tokens=15) for _ in range(100)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(not isinstance(one, BudgetExceeded) for one in answers) == len(upstream.requests) <= 50
        assert await spent(gateway) == CENT * len(upstream.requests)
    async with build(upstream, Log()) as gateway:
        async with gateway.chat_stream("Hi", GPT, max_tokens=20) as stream:
            await stream.collect()
        assert await spent(gateway) == CENT
        await gateway.embed("text", "openai:text-embedding-3-small")
        used = await spent(gateway)
        assert used is not None
        assert used > CENT


async def test_a_budget_that_only_warns_says_so_with_wraps(upstream: ScriptedUpstream) -> None:
    async with build(upstream, Log(), amount="0.01", on="warn") as gateway:
        await gateway.chat("Hi", GPT, max_tokens=10)
        response = await gateway.chat("Hi", GPT, max_tokens=10)
        assert [one.code for one in response.warnings if "budget" in one.code] == ["budget_exceeded"]
        assert await spent(gateway) == 2 * CENT
