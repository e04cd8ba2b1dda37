"""A thousand calls and streams given up at random moments, in every manner and at every stage."""

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
from tests.soak.measure import at_most, held, quantile
from tests.soak.served import Served, Told

from ratatoskr import EmbeddedGateway, GatewayClosed, Ratatoskr

pytestmark = pytest.mark.slow
COUNT = 1000
AT_ONCE = 20
LONGEST = 0.09
"""Seconds within which a call is given up; the slowest answer takes 0.07 s."""
LATE = 0.05
"""Seconds after which a request that arrives was sent although it had been given up."""

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Try:
    """One call or stream and how it is given up."""

    number: int
    stage: str
    manner: str
    streamed: bool
    after: float
    at: float = 0.0
    lost: bool = False

    @property
    def prompt(self) -> str:
        """What marks its requests at the upstream."""
        return f"try {self.number}"


MODELS: dict[str, list[str]] = {
    "answering": ["house:slow"],
    "connecting": ["mute:any"],
    "queued": ["narrow:slow"],
    "in backoff": ["house:later"],
    "during fallback": ["house:unknown", "house:slow"],
}
ANYWHERE = ("cancel", "timeout", "scope", "close")
"""Manners for calls and streams at every stage."""
FLOWING = ("leave", "drop")
"""Manners for streams that are open."""


@asynccontextmanager
async def gateway_to(served: Served, *, narrow: bool = False) -> AsyncIterator[EmbeddedGateway]:
    """Open a gateway; if it is narrow, whoever asks `narrow` finds its only place taken."""
    house = served.base_url("compatible")
    builder = Ratatoskr.builder().retries(2).compatible("house", base_url=house, key="k")
    builder.compatible("mute", base_url=served.mute, key="k")
    builder.compatible("narrow", base_url=house.replace("127.0.0.1", "localhost"), key="k").limits("narrow", 1)
    async with builder.build() as gateway:
        if narrow:
            before = served.state()["count"]
            holder = asyncio.create_task(gateway.chat("hold", "narrow:stall"))
            await served.until(lambda state: state["count"] > before)
        yield gateway
    if narrow:
        with pytest.raises(GatewayClosed):
            await holder


async def _work(gateway: EmbeddedGateway, one: Try) -> None:
    if not one.streamed:
        await gateway.chat(one.prompt, MODELS[one.stage])
        return
    async with gateway.chat_stream(one.prompt, MODELS[one.stage]) as stream:
        async for _ in stream:
            pass


async def _ended(one: Try, task: asyncio.Task[None], expected: type[BaseException]) -> None:
    """Wait for a task that was given up: it ends, as it was told to or because it was ready."""
    await asyncio.wait([task], timeout=5)
    one.lost = not task.done()
    if one.lost:
        return
    if task.cancelled() or task.exception() is not None:
        with pytest.raises(expected):
            task.result()


async def _cancel(gateway: EmbeddedGateway, one: Try) -> None:
    task = asyncio.create_task(_work(gateway, one))
    await asyncio.sleep(one.after)
    one.at = time.monotonic()
    task.cancel()
    await _ended(one, task, asyncio.CancelledError)


async def _close(gateway: EmbeddedGateway, one: Try) -> None:
    task = asyncio.create_task(_work(gateway, one))
    await asyncio.sleep(one.after)
    one.at = time.monotonic()
    await gateway.aclose()
    await _ended(one, task, GatewayClosed)


async def _timeout(gateway: EmbeddedGateway, one: Try) -> None:
    async def limited() -> None:
        try:
            async with asyncio.timeout(one.after):
                await _work(gateway, one)
        finally:
            one.at = time.monotonic()

    task = asyncio.create_task(limited())
    await asyncio.sleep(one.after)
    await _ended(one, task, TimeoutError)


async def _scope(gateway: EmbeddedGateway, one: Try) -> None:
    async def scoped() -> None:
        with anyio.move_on_after(one.after):
            await _work(gateway, one)
        one.at = time.monotonic()

    task = asyncio.create_task(scoped())
    await asyncio.sleep(one.after)
    await _ended(one, task, asyncio.CancelledError)


async def _leave(gateway: EmbeddedGateway, one: Try) -> None:
    ends = time.monotonic() + one.after
    async with gateway.chat_stream(one.prompt, MODELS[one.stage]) as stream:
        async for _ in stream:
            if time.monotonic() >= ends:
                break
    one.at = time.monotonic()


async def _drop(gateway: EmbeddedGateway, one: Try) -> None:
    ends = time.monotonic() + one.after
    stream = await gateway.chat_stream(one.prompt, MODELS[one.stage])
    async for _ in stream:
        if time.monotonic() >= ends:
            break
    one.at = time.monotonic()
    del stream


MANNERS = {"cancel": _cancel, "close": _close, "timeout": _timeout, "scope": _scope, "leave": _leave, "drop": _drop}


def _tries(count: int) -> list[Try]:
    chance = random.Random(20261123)
    kinds = [*itertools.product(MODELS, ANYWHERE), *(("answering", manner) for manner in FLOWING)]
    tries = []
    for number, (stage, manner) in zip(range(count), itertools.cycle(kinds), strict=False):
        streamed = manner in FLOWING or chance.random() < 0.6
        tries.append(Try(number, stage, manner, streamed, chance.random() * LONGEST))
    chance.shuffle(tries)
    return tries


async def _give_up(served: Served, shared: EmbeddedGateway, one: Try) -> None:
    if one.manner == "close":
        async with gateway_to(served, narrow=one.stage == "queued") as gateway:
            await _close(gateway, one)
    else:
        await MANNERS[one.manner](shared, one)


def _judge(tries: list[Try], requests: list[Told]) -> tuple[list[float], list[str]]:
    """Return how long after it was given up the upstream saw each close, and what is wrong."""
    found: dict[str, list[Told]] = {}
    for request in requests:
        found.setdefault(request.prompt, []).append(request)
    seen: list[float] = []
    wrong: list[str] = []
    for one in tries:
        mine = found.get(one.prompt, [])
        most = {"queued": 0, "connecting": 0, "during fallback": 2}.get(one.stage, 1)
        if len(mine) > most:
            wrong.append(f"sent {len(mine)} times: {one}")
        if any(request.started_at > one.at + LATE for request in mine):
            wrong.append(f"sent afterwards: {one}")
        for request in mine:
            if request.closed_at is not None:
                seen.append(max(0.0, request.closed_at - one.at))
            elif not request.finished:
                wrong.append(f"never closed: {one}")
        if one.lost:
            wrong.append(f"lost: {one}")
    return seen, wrong


@pytest.mark.filterwarnings("ignore:a ChatStream was dropped:ResourceWarning")
async def test_soak_a_thousand_cancels_lose_nothing_send_nothing_and_leave_nothing() -> None:
    tries = _tries(COUNT)
    with Served("stages", keep=10 * COUNT) as served:
        async with gateway_to(served) as gateway:  # what is made once is made
            await gateway.chat("warm", "house:slow")
        await served.until(lambda state: state["open"] == 0)
        await asyncio.sleep(0.2)  # the client's side of closing
        before, tasks = held(), asyncio.all_tasks()
        work = iter(tries)
        async with gateway_to(served, narrow=True) as gateway:

            async def worker() -> None:
                for one in work:
                    await _give_up(served, gateway, one)

            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
            await served.until(lambda state: state["open"] <= AT_ONCE + 1)  # what is idle, and the holder
            assert (await gateway.chat("next", "house:slow")).content
        last = await served.until(lambda state: state["open"] == 0)
        seen, wrong = _judge(tries, served.requests())
        muted = served.mute_closed()
    after = await at_most(before)
    given_up = sorted(one.at for one in tries if one.stage == "connecting")
    # connections that say nothing bear no name: the n-th close is held against the n-th one that was given up
    seen += [max(0.0, closed - at) for at, closed in zip(given_up[-len(muted) :], muted, strict=False)]
    assert len(muted) > COUNT // 10
    p50, p99, most = (1000 * quantile(seen, share) for share in (0.5, 0.99, 1.0))
    stages = ", ".join(f"{count} {stage}" for stage, count in Counter(one.stage for one in tries).items())
    print(
        f"\n{len(tries)} given up ({stages}; in {len(MANNERS)} manners), {len(seen)} closes seen upstream: "
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
    assert len(seen) >= COUNT * 2 // 5  # who queues, or waits to try again, has no connection
    assert most <= 500
    assert p99 <= 50
