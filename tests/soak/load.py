"""A program that makes many calls and streams, and prints its resources after each part.

python load.py ADDRESS CALLS STREAMS PARTS
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import warnings
from collections import Counter

from tests.soak.measure import measure_resources, memory

from ratatoskr import EmbeddedGateway, Ratatoskr, RatatoskrError
from ratatoskr.registry.backoff import SystemClock

AT_ONCE = 32
CANCELLED = 1 / 20
MODEL = "house:any-model"


class _InstantClock(SystemClock):
    """A clock whose waits end at once."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def _call(gateway: EmbeddedGateway, streamed: bool) -> str:
    if not streamed:
        return (await gateway.chat("Who runs there?", MODEL)).content
    async with gateway.chat_stream("Who runs there?", MODEL) as stream:
        async for _ in stream:
            pass
    return stream.response.content


async def _count_call(gateway: EmbeddedGateway, streamed: bool, chance: random.Random, counts: Counter[str]) -> None:
    """Make one call or stream, sometimes cancelled, and count its outcome."""
    if chance.random() < CANCELLED:
        task = asyncio.create_task(_call(gateway, streamed))
        await asyncio.sleep(chance.random() * 0.02)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            counts["cancelled"] += 1
        elif task.exception() is None:
            counts["right"] += 1
        else:
            counts[type(task.exception()).__name__] += 1
        return
    try:
        assert await _call(gateway, streamed) == "It carries words up and down."
        counts["right"] += 1
    except RatatoskrError as error:
        counts[type(error).__name__] += 1


async def main(address: str, calls: int, streams: int, parts: int) -> None:
    """Make the calls and streams in `parts` equal parts."""
    chance = random.Random(7)
    counts: Counter[str] = Counter()
    builder = (
        Ratatoskr.builder().compatible("house", base_url=address, key="sk-canary").retries(1).clock(_InstantClock())
    )
    async with builder.build() as gateway:
        for part in range(parts):
            kinds = [False] * (calls // parts) + [True] * (streams // parts)
            chance.shuffle(kinds)
            work = iter(kinds)

            async def worker(work: object = work) -> None:
                for streamed in work:  # type: ignore[attr-defined]  # an iterator that all workers share
                    await _count_call(gateway, streamed, chance, counts)

            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
            await asyncio.sleep(0.05)  # cancelled calls close their connections
            print(json.dumps(_report(part + 1, counts)), flush=True)


def _report(part: int, counts: Counter[str]) -> dict[str, object]:
    now = measure_resources()
    return {
        "part": part,
        "rss": memory(),
        "descriptors": now.descriptors,
        "threads": now.threads,
        "tasks": len(asyncio.all_tasks()),
        "counts": dict(counts),
    }


if __name__ == "__main__":
    warnings.simplefilter("error")
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
