"""Calls and streams that are cancelled, at every stage and in every way: none is lost, nothing is sent or left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from tests.conformance.faces import gateway_to

from ratatoskr import EmbeddedGateway, GatewayClosed, Ratatoskr
from ratatoskr.registry.backoff import SystemClock
from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault
from unit.transport.raw_server import Peer, RawServer

CHAT = "openai:gpt-4.1"
HOUSE = "house:any-model"
_RETRY_LATER = fault("status_429", times=None, headers={"retry-after": "30"})


@dataclass(frozen=True, slots=True)
class Stage:
    """The stage at which a call is cancelled.

    Attributes:
        script: The script of the upstream.
        requests: The number of requests so far, which is also the final one.
        kept: The number of idle connections that remain.
        models: The requested models.
        settings: The settings of the gateway.
    """

    script: Any
    requests: int = 1
    kept: int = 0
    models: Any = CHAT
    settings: dict[str, Any] = field(default_factory=dict)


STAGES = {
    "before the head": Stage(fault("stall_before_head", times=None)),
    "within the answer": Stage(fault("stall_in_stream", times=None)),
    "queued": Stage(fault("stall_before_head", times=None), 1, 1, settings={"limits": ("openai", 1)}),
    "in backoff": Stage(_RETRY_LATER, 1, 1, settings={"retries": 2}),
    "during fallback": Stage(
        {"openai": fault("server_error", times=None), "compatible": fault("stall_before_head", times=None)},
        2,
        1,
        [CHAT, HOUSE],
    ),
}


class _SignallingClock(SystemClock):
    """A clock that sets an event when something waits."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.waits.set()
        await asyncio.sleep(seconds)


def _client_tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks except the test's own and those of the upstream, which end a turn later."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return {task for task in others if not getattr(task.get_coro(), "__qualname__", "").startswith("Connection.")}


async def _read(gateway: EmbeddedGateway, models: Any) -> None:
    async with gateway.chat_stream("Who?", models) as stream:
        async for _ in stream:
            pass


async def _call(gateway: EmbeddedGateway, models: Any) -> None:
    await gateway.chat("Who?", models)


async def _cancel_task(task: asyncio.Task[None], gateway: EmbeddedGateway) -> type[BaseException]:
    task.cancel()
    return asyncio.CancelledError


async def _close_gateway(task: asyncio.Task[None], gateway: EmbeddedGateway) -> type[BaseException]:
    await gateway.aclose()
    return GatewayClosed


async def _time_out(task: asyncio.Task[None], gateway: EmbeddedGateway) -> type[BaseException]:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await task
    return asyncio.CancelledError


async def _cancel_scope(task: asyncio.Task[None], gateway: EmbeddedGateway) -> type[BaseException]:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await task
    return asyncio.CancelledError


MANNERS = {"cancel": _cancel_task, "timeout": _time_out, "scope": _cancel_scope, "close": _close_gateway}


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS)
@pytest.mark.parametrize("ask", [_call, _read], ids=["call", "stream"])
@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES.keys())
async def test_giving_up_ends_the_call_closes_upstream_and_sends_nothing_more(
    stage: Stage,
    ask: Callable[[EmbeddedGateway, Any], Coroutine[Any, Any, None]],
    manner: Callable[[asyncio.Task[None], EmbeddedGateway], Coroutine[Any, Any, type[BaseException]]],
) -> None:
    queued = "limits" in stage.settings
    async with ScriptedUpstream(stage.script) as upstream:
        gateway = gateway_to(upstream, **{"retries": 0, **stage.settings})
        clock = gateway.backend._chain._clock = _SignallingClock()
        first = asyncio.create_task(_call(gateway, CHAT)) if queued else None
        if queued:
            await upstream.until(lambda: upstream.count == 1)
        task = asyncio.create_task(ask(gateway, stage.models))
        if stage.settings.get("retries"):
            await clock.waits.wait()
        elif queued:
            for _ in range(3):
                await asyncio.sleep(0)
        await upstream.until(lambda: upstream.count == stage.requests)
        expected = await manner(task, gateway)
        async with asyncio.timeout(10):
            await asyncio.wait([task])
        with pytest.raises(expected):
            task.result()
        closed = manner is _close_gateway
        await upstream.until(lambda: upstream.open_connections <= (0 if closed else stage.kept))
        if first is not None:
            first.cancel()
            await asyncio.wait([first])
        await upstream.use(())
        if not closed:
            assert (await gateway.chat("Next?", CHAT)).content
            assert "Next?" in upstream.last.raw.decode()
        assert upstream.count == stage.requests + (not closed)
        await gateway.aclose()
        await upstream.until(lambda: upstream.open_connections == 0)
    assert not _client_tasks()


@pytest.mark.parametrize("model", [CHAT, "anthropic:claude-sonnet-5", "ollama:qwen3:4b"])
async def test_leaving_the_block_or_closing_or_dropping_a_stream_closes_upstream(model: str) -> None:
    flowing = fault("keep_alives_in_stream", times=None, turn=ScriptedTurn("Up and down.", deltas=3))
    async with ScriptedUpstream(flowing) as upstream, gateway_to(upstream, retries=0) as gateway:
        async with gateway.chat_stream("Who?", model) as stream:
            async for _ in stream:
                break
        await upstream.until(lambda: upstream.open_connections == 0)
        assert stream.partial.content

        held = await gateway.chat_stream("Who?", model)
        await held.aclose()
        await upstream.until(lambda: upstream.open_connections == 0)

        dropped = await gateway.chat_stream("Who?", model)
        with pytest.warns(ResourceWarning, match="dropped before its end"):
            del dropped
        await upstream.until(lambda: upstream.open_connections == 0)
        assert upstream.count == 3


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS)
@pytest.mark.parametrize("ask", [_call, _read], ids=["call", "stream"])
async def test_giving_up_while_connecting_closes_the_connection_and_says_nothing(
    ask: Callable[[EmbeddedGateway, Any], Coroutine[Any, Any, None]],
    manner: Callable[[asyncio.Task[None], EmbeddedGateway], Coroutine[Any, Any, type[BaseException]]],
) -> None:
    sent: list[bytes] = []

    async def send_nothing(peer: Peer) -> None:
        while data := await peer.reader.read(65536):
            server.note(lambda: sent.append(data))

    with RawServer(send_nothing) as server:
        address = server.url.replace("http:", "https:")
        async with Ratatoskr.builder().compatible("house", base_url=address, key="k").build() as gateway:
            task = asyncio.create_task(ask(gateway, HOUSE))
            await server.becomes(lambda _: bool(sent))
            expected = await manner(task, gateway)
            async with asyncio.timeout(10):
                await asyncio.wait([task])
            with pytest.raises(expected):
                task.result()
            await server.becomes(lambda s: s.open == 0)
        assert server.opened == 1
        assert len(sent) == 1, "more than a ClientHello was sent"


async def test_an_open_stream_ends_with_what_came_when_its_gateway_is_closed_by_another_task() -> None:
    async with ScriptedUpstream(fault("stall_in_stream", times=None)) as upstream:
        gateway = gateway_to(upstream, retries=0)
        stream = await gateway.chat_stream("Who?", CHAT)
        closing = asyncio.create_task(gateway.aclose())
        with pytest.raises(GatewayClosed) as caught:
            await stream.collect()
        await closing
        assert caught.value.partial is not None
        assert caught.value.partial.content
        await upstream.until(lambda: upstream.open_connections == 0)


async def test_cancels_at_random_moments_lose_nothing_and_leave_nothing() -> None:
    chance = random.Random(20261123)
    script = fault("byte_by_byte", times=None, turn=ScriptedTurn("Up and down the tree.", deltas=4))
    async with ScriptedUpstream(script) as upstream:
        gateway = gateway_to(upstream, retries=2, limits=("openai", 8))
        tasks = [asyncio.create_task(chance.choice([_call, _read])(gateway, CHAT)) for _ in range(200)]
        loop = asyncio.get_running_loop()
        for task in tasks:
            loop.call_later(chance.random() * 0.3, task.cancel)
        async with asyncio.timeout(30):
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
        await upstream.until(lambda: upstream.open_connections <= 8)  # the last requests have arrived
        await upstream.use(())
        assert all(await asyncio.gather(*(gateway.chat("First?", CHAT) for _ in range(16))))
        sent = upstream.count
        assert all(await asyncio.gather(*(gateway.chat("Next?", CHAT) for _ in range(16))))
        assert upstream.count == sent + 16
        await gateway.aclose()
        await upstream.until(lambda: upstream.open_connections == 0)
    assert not _client_tasks()
