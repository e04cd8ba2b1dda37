"""`Gateway` itself: how it is retired and closed."""

from __future__ import annotations

import asyncio

import pytest

from ratatoskr import ContentDelta, EmbeddedGateway, GatewayClosed, Ratatoskr
from ratatoskr.testing import ScriptedGateway, ScriptedTurn, ScriptedUpstream, fault

GPT = "openai:gpt-4.1"


def gateway_to(upstream: ScriptedUpstream) -> EmbeddedGateway:
    return Ratatoskr.builder().openai("sk-one", base_url=upstream.base_url("openai")).retries(0).build()


async def test_retiring_lets_calls_and_streams_finish_and_refuses_new_ones() -> None:
    async with ScriptedUpstream({"openai": ScriptedTurn("hello", deltas=3)}) as upstream:
        gateway = gateway_to(upstream)
        stream = await gateway.chat_stream("Hi", GPT)
        retiring = asyncio.create_task(gateway.retire(30))
        await asyncio.sleep(0)
        for call in (gateway.chat("Hi", GPT), gateway.generate("Hi", GPT), gateway.list_models()):
            with pytest.raises(GatewayClosed, match="retired"):
                await call
        with pytest.raises(GatewayClosed, match="retired"):
            await gateway.chat_stream("Hi", GPT)
        assert not retiring.done()
        assert "".join([event.text async for event in stream if isinstance(event, ContentDelta)]) == "hello"
        await retiring
        with pytest.raises(GatewayClosed, match="closed"):
            await gateway.chat("Hi", GPT)
        assert (await gateway.health()).healthy is False


async def test_a_stream_that_is_closed_early_or_dropped_no_longer_counts() -> None:
    async with ScriptedUpstream({"openai": ScriptedTurn("hello", deltas=3)}) as upstream:
        gateway = gateway_to(upstream)
        async with gateway.chat_stream("Hi", GPT):
            pass
        with pytest.warns(ResourceWarning):
            await gateway.chat_stream("Hi", GPT)
        await gateway.retire(30)


async def test_what_outlasts_the_grace_ends_with_gateway_closed_and_what_came() -> None:
    async with ScriptedUpstream({"openai": fault("stall_in_stream")}) as upstream:
        gateway = gateway_to(upstream)
        stream = await gateway.chat_stream("Hi", GPT)
        await gateway.retire(0)
        with pytest.raises(GatewayClosed) as caught:
            async for _ in stream:
                pass
        assert caught.value.partial is not None
        assert caught.value.partial.content


def test_retiring_works_from_the_blocking_side_and_ends_its_thread() -> None:
    blocking = ScriptedGateway("hello").sync()
    assert blocking.chat("Hi", "m").content == "hello"
    blocking.retire(1)
    with pytest.raises(GatewayClosed):
        blocking.chat("Hi", "m")
