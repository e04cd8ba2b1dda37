"""A thousand calls and streams cancelled at random moments, in every way and at every stage."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from tests.soak.measure import measure_resources, quantile, wait_for_resources
from tests.soak.upstream_process import SeenRequest, UpstreamProcess

from ratatoskr import EmbeddedGateway, GatewayClosed, Ratatoskr

pytestmark = pytest.mark.slow
COUNT = 1000
AT_ONCE = 20
LONGEST = 0.09
"""The most seconds after which a call is cancelled; the slowest answer takes 0.07 s."""
LATE = 0.05
"""Seconds after the cancellation; a request that arrives later was sent after it."""

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class CancelledCall:
    """A call or stream, and how it is cancelled."""

    number: int
    stage: str
    manner: str
    streamed: bool
    after: float
    at: float = 0.0
    lost: bool = False

    @property
    def prompt(self) -> str:
        """The prompt, by which the upstream identifies its requests."""
        return f"try {self.number}"


MODELS: dict[str, list[str]] = {
    "answering": ["house:slow"],
    "connecting": ["silent:any"],
    "queued": ["narrow:slow"],
    "in backoff": ["house:later"],
    "during fallback": ["house:unknown", "house:slow"],
}
ANYWHERE = ("cancel", "timeout", "scope", "close")
"""Ways to cancel calls and streams at every stage."""
FLOWING = ("leave", "drop")
"""Ways to leave open streams."""


@asynccontextmanager
async def gateway_to(upstream: UpstreamProcess, *, narrow: bool = False) -> AsyncIterator[EmbeddedGateway]:
    """Open a gateway; with `narrow`, the only slot of the provider `narrow` is taken."""
    house = upstream.base_url("compatible")
    builder = Ratatoskr.builder().retries(2).compatible("house", base_url=house, key="k")
    builder.compatible("silent", base_url=upstream.silent, key="k")
    builder.compatible("narrow", base_url=house.replace("127.0.0.1", "localhost"), key="k").limits("narrow", 1)
    async with builder.build() as gateway:
        if narrow:
            before = upstream.state()["count"]
            holder = asyncio.create_task(gateway.chat("hold", "narrow:stall"))
            await upstream.until(lambda state: state["count"] > before)
        yield gateway
    if narrow:
        with pytest.raises(GatewayClosed):
            await holder


async def _run(gateway: EmbeddedGateway, call: CancelledCall) -> None:
    if not call.streamed:
        await gateway.chat(call.prompt, MODELS[call.stage])
        return
    async with gateway.chat_stream(call.prompt, MODELS[call.stage]) as stream:
        async for _ in stream:
            pass


async def _await_end(call: CancelledCall, task: asyncio.Task[None], expected: type[BaseException]) -> None:
    """Wait for a cancelled task: it ends as expected, or because it was ready."""
    await asyncio.wait([task], timeout=5)
    call.lost = not task.done()
    if call.lost:
        return
    if task.cancelled() or task.exception() is not None:
        with pytest.raises(expected):
            task.result()


async def _cancel(gateway: EmbeddedGateway, call: CancelledCall) -> None:
    task = asyncio.create_task(_run(gateway, call))
    await asyncio.sleep(call.after)
    call.at = time.monotonic()
    task.cancel()
    await _await_end(call, task, asyncio.CancelledError)


async def _close(gateway: EmbeddedGateway, call: CancelledCall) -> None:
    task = asyncio.create_task(_run(gateway, call))
    await asyncio.sleep(call.after)
    call.at = time.monotonic()
    await gateway.aclose()
    await _await_end(call, task, GatewayClosed)


async def _timeout(gateway: EmbeddedGateway, call: CancelledCall) -> None:
    async def limited() -> None:
        try:
            async with asyncio.timeout(call.after):
                await _run(gateway, call)
        finally:
            call.at = time.monotonic()

    task = asyncio.create_task(limited())
    await asyncio.sleep(call.after)
    await _await_end(call, task, TimeoutError)


async def _scope(gateway: EmbeddedGateway, call: CancelledCall) -> None:
    async def scoped() -> None:
        with anyio.move_on_after(call.after):
            await _run(gateway, call)
        call.at = time.monotonic()

    task = asyncio.create_task(scoped())
    await asyncio.sleep(call.after)
    await _await_end(call, task, asyncio.CancelledError)


async def _leave(gateway: EmbeddedGateway, call: CancelledCall) -> None:
    ends = time.monotonic() + call.after
    async with gateway.chat_stream(call.prompt, MODELS[call.stage]) as stream:
        async for _ in stream:
            if time.monotonic() >= ends:
                break
    call.at = time.monotonic()


async def _drop(gateway: EmbeddedGateway, call: CancelledCall) -> None:
    ends = time.monotonic() + call.after
    stream = await gateway.chat_stream(call.prompt, MODELS[call.stage])
    async for _ in stream:
        if time.monotonic() >= ends:
            break
    call.at = time.monotonic()
    del stream


MANNERS = {"cancel": _cancel, "close": _close, "timeout": _timeout, "scope": _scope, "leave": _leave, "drop": _drop}


def _make_calls(count: int) -> list[CancelledCall]:
    chance = random.Random(20261123)
    kinds = [*itertools.product(MODELS, ANYWHERE), *(("answering", manner) for manner in FLOWING)]
    calls = []
    for number, (stage, manner) in zip(range(count), itertools.cycle(kinds), strict=False):
        streamed = manner in FLOWING or chance.random() < 0.6
        calls.append(CancelledCall(number, stage, manner, streamed, chance.random() * LONGEST))
    chance.shuffle(calls)
    return calls


async def _give_up(upstream: UpstreamProcess, shared: EmbeddedGateway, call: CancelledCall) -> None:
    if call.manner == "close":
        async with gateway_to(upstream, narrow=call.stage == "queued") as gateway:
            await _close(gateway, call)
    else:
        await MANNERS[call.manner](shared, call)


def _evaluate(calls: list[CancelledCall], requests: list[SeenRequest]) -> tuple[list[float], list[str]]:
    """Return the seconds from each cancellation to the close at the upstream, and the mistakes."""
    found: dict[str, list[SeenRequest]] = {}
    for request in requests:
        found.setdefault(request.prompt, []).append(request)
    seen: list[float] = []
    wrong: list[str] = []
    for call in calls:
        mine = found.get(call.prompt, [])
        most = {"queued": 0, "connecting": 0, "during fallback": 2}.get(call.stage, 1)
        if len(mine) > most:
            wrong.append(f"sent {len(mine)} times: {call}")
        if any(request.started_at > call.at + LATE for request in mine):
            wrong.append(f"sent afterwards: {call}")
        for request in mine:
            if request.closed_at is not None:
                seen.append(max(0.0, request.closed_at - call.at))
            elif not request.finished:
                wrong.append(f"never closed: {call}")
        if call.lost:
            wrong.append(f"lost: {call}")
    return seen, wrong


@pytest.mark.filterwarnings("ignore:a ChatStream was dropped:ResourceWarning")
async def test_soak_a_thousand_cancels_lose_nothing_send_nothing_and_leave_nothing() -> None:
    calls = _make_calls(COUNT)
    with UpstreamProcess("stages", keep=10 * COUNT) as upstream:
        async with gateway_to(upstream) as gateway:  # creates what is created once
            await gateway.chat("warm", "house:slow")
        await upstream.until(lambda state: state["open"] == 0)
        await asyncio.sleep(0.2)  # the client's side of closing
        before, tasks = measure_resources(), asyncio.all_tasks()
        work = iter(calls)
        async with gateway_to(upstream, narrow=True) as gateway:

            async def worker() -> None:
                for call in work:
                    await _give_up(upstream, gateway, call)

            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
            await upstream.until(
                lambda state: state["open"] <= AT_ONCE + 1
            )  # idle ones, and the one that holds the slot
            assert (await gateway.chat("next", "house:slow")).content
        last = await upstream.until(lambda state: state["open"] == 0)
        seen, wrong = _evaluate(calls, upstream.requests())
        silent_closes = upstream.silent_closed_at()
    after = await wait_for_resources(before)
    given_up = sorted(call.at for call in calls if call.stage == "connecting")
    # silent connections have no name: the n-th close is compared with the n-th cancellation
    seen += [max(0.0, closed - at) for at, closed in zip(given_up[-len(silent_closes) :], silent_closes, strict=False)]
    assert len(silent_closes) > COUNT // 10
    p50, p99, most = (1000 * quantile(seen, share) for share in (0.5, 0.99, 1.0))
    stages = ", ".join(f"{count} {stage}" for stage, count in Counter(call.stage for call in calls).items())
    print(
        f"\n{len(calls)} cancelled ({stages}; in {len(MANNERS)} manners), {len(seen)} closes seen upstream: "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {most:.1f} ms; {len(wrong)} wrong; "
        f"left: {last['open']} connections, {after.descriptors - before.descriptors} descriptors, "
        f"{after.threads - before.threads} threads, "
        f"{len(asyncio.all_tasks() - tasks)} tasks"
    )
    assert wrong == []
    assert last["open"] == 0
    assert asyncio.all_tasks() == tasks
    assert after.descriptors <= before.descriptors
    assert after.threads <= before.threads
    assert len(seen) >= COUNT * 2 // 5  # a call that waits for a slot or for a retry has no connection
    assert most <= 500
    assert p99 <= 50
