"""A program that requests a body that is too large or too slow, and prints what that cost.

python bodies.py MODEL ADDRESS STREAMED AT_ONCE TOTAL
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from tests.soak.measure import MIB, memory

from ratatoskr import EmbeddedGateway, Ratatoskr, RatatoskrError, StreamInterrupted, Timeouts


async def _outcome(gateway: EmbeddedGateway, model: str, streamed: bool, total: float) -> str:
    times = Timeouts(total=total, stream_life=total)
    try:
        if not streamed:
            await gateway.chat("Who?", model, timeout=times)
            return "right"
        async with gateway.chat_stream("Who?", model, timeout=times) as stream:
            await stream.collect()
    except StreamInterrupted as error:
        return type(error.cause).__name__
    except RatatoskrError as error:
        return type(error).__name__
    return "right"


async def main(model: str, address: str, streamed: bool, at_once: int, total: float) -> None:
    """Make `at_once` calls at once, after a first line on standard input."""
    provider, _, _ = model.partition(":")
    async with Ratatoskr.builder().retries(0).provider(provider, "k", base_url=address).build() as gateway:
        assert await _outcome(gateway, model, streamed, 30) == "right"
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        rss, cpu, began = memory("VmRSS"), time.process_time(), time.monotonic()
        outcomes = await asyncio.gather(*(_outcome(gateway, model, streamed, total) for _ in range(at_once)))
        result = {
            "outcomes": sorted(set(outcomes)),
            "grown": (memory("VmHWM") - rss) / MIB,
            "cpu": time.process_time() - cpu,
            "seconds": time.monotonic() - began,
        }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "stream", int(sys.argv[4]), float(sys.argv[5])))
