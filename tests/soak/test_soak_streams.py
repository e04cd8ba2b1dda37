"""Ten thousand streams with slow readers: none hangs, none loses an event."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

import pytest
from tests.soak.measure import measure_resources, wait_for_resources
from tests.soak.upstream_process import UpstreamProcess

from ratatoskr import ContentDelta, EmbeddedGateway, Ratatoskr

pytestmark = pytest.mark.slow
COUNT = 10_000
AT_ONCE = 256
LONGEST_WAIT = 0.02
"""The most seconds that a reader waits between two events."""
SHAPES = [
    *[(6, 0, 0.0)] * 10,  # all at once
    *[(8, 0, 0.01)] * 8,  # while the reader is busy or waiting
    (60, 16_000, 0.0),  # more than the queue holds: reading from the socket pauses and continues
    (1, 0, 0.0),
]
"""Streams: the number of deltas, the length of each, the seconds between them."""
PATIENCE = 60.0


async def _read(gateway: EmbeddedGateway, shape: tuple[int, int, float], chance: random.Random) -> int:
    """Read a stream slowly; return the number of deltas, which arrive complete and in order."""
    count, size, pace = shape
    came = 0
    async with gateway.chat_stream(f"{count} {size} {pace}", "house:m") as stream:
        async for event in stream:
            if isinstance(event, ContentDelta):
                assert event.text == f"{came} ".ljust(size, "."), f"event {came} is {event.text[:20]!r}"
                came += 1
            await asyncio.sleep(chance.random() * LONGEST_WAIT if count < 20 else 0)
    assert came == count
    assert stream.response.finish_reason == "stop"
    return came


async def test_soak_ten_thousand_slow_readers_lose_no_event_and_never_hang() -> None:
    shapes = itertools.islice(itertools.cycle(SHAPES), COUNT)
    chance = random.Random(20261123)
    totals = [0, 0]
    with UpstreamProcess("numbered") as upstream:
        address = upstream.base_url("compatible")
        async with Ratatoskr.builder().compatible("house", base_url=address, key="k").build() as warm:
            await _read(warm, SHAPES[0], chance)
        await asyncio.sleep(0.2)  # the client's side of closing
        before = measure_resources()
        began = time.monotonic()
        async with Ratatoskr.builder().compatible("house", base_url=address, key="k").build() as gateway:

            async def worker() -> None:
                for shape in shapes:
                    async with asyncio.timeout(PATIENCE):
                        came = await _read(gateway, shape, chance)
                    totals[0] += 1
                    totals[1] += came

            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        lasted = time.monotonic() - began
        last = await upstream.until(lambda state: state["open"] == 0)
        after = await wait_for_resources(before)
    print(
        f"\n{totals[0]} streams, {AT_ONCE} at once, {totals[1]} deltas in {lasted:.0f} s: none lost, none hung; "
        f"left: {last['open']} connections"
    )
    assert totals[0] == COUNT
    assert last["open"] == 0
    assert after.descriptors <= before.descriptors
    assert after.threads <= before.threads
