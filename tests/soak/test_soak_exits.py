"""A hundred processes that end with fifty open streams, in every way: the right status and no output."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter

import pytest
from tests.faults.test_processes import ENDS, program
from tests.soak.measure import quantile

from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault

pytestmark = pytest.mark.slow
COUNT = 100
AT_ONCE = 2
STREAMS = 50
PATIENCE = 30.0


async def _run(script: str, status: int, address: str) -> tuple[float, str]:
    """Run a program to its end; return its duration and what is wrong with its end."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program(script), address, str(STREAMS), stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE):
            _, problem = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return PATIENCE, "it hung"
    wrong = "" if (process.returncode, problem) == (status, b"") else f"{process.returncode}: {problem.decode()[-500:]}"
    return time.monotonic() - began, wrong


async def test_soak_a_hundred_processes_end_with_fifty_streams_under_way_without_a_word() -> None:
    script = fault("keep_alives_in_stream", times=None, turn=ScriptedTurn("Up and down.", deltas=3), seconds=0.02)
    kinds = list(ENDS)
    runs = iter([kinds[number % len(kinds)] for number in range(COUNT)])
    times: list[float] = []
    wrong: list[str] = []
    done: Counter[str] = Counter()
    with ScriptedUpstream.in_thread(script) as upstream:

        async def worker() -> None:
            for kind in runs:
                took, problem = await _run(*ENDS[kind], upstream.base_url("openai"))
                times.append(took)
                done[kind] += 1
                if problem:
                    wrong.append(f"{kind}: {problem}")

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        upstream.until(lambda: upstream.upstream.open_connections == 0)
    print(
        f"\n{COUNT} processes ended with {STREAMS} streams under way, in {len(done)} manners: "
        f"{COUNT - len(wrong)} clean; start to end p50 {quantile(times, 0.5):.2f} s, most {max(times):.2f} s"
    )
    assert wrong == []
