"""A program that asks for a body that is too much, and says what that cost it; run with a provider and its address.

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
            await gateway.chat("Who?", model, timeouts=times)
            return "right"
        async with gateway.chat_stream("Who?", model, timeouts=times) as stream:
            await stream.collect()
    except StreamInterrupted as error:
        return type(error.cause).__name__
    except RatatoskrError as error:
        return type(error).__name__
    return "right"


async def main(model: str, address: str, streamed: bool, at_once: int, total: float) -> None:
    """Ask so many times at once; the first line on stdin tells when."""
    provider, _, _ = model.partition(":")
    async with Ratatoskr.builder().retries(0).provider(provider, "k", base_url=address).build() as gateway:
        assert await _outcome(gateway, model, streamed, 30) == "right"
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        rss, cpu, began = memory("VmRSS"), time.process_time(), time.monotonic()
        outcomes = await asyncio.gather(*(_outcome(gateway, model, streamed, total) for _ in range(at_once)))
        said = {
            "outcomes": sorted(set(outcomes)),
            "grown": (memory("VmHWM") - rss) / MIB,
            "cpu": time.process_time() - cpu,
            "seconds": time.monotonic() - began,
        }
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "stream", int(sys.argv[4]), float(sys.argv[5])))
