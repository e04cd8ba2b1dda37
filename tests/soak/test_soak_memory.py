"""Two hundred thousand calls and twenty thousand streams, one in twenty faulty or cancelled: nothing grows."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.soak.measure import MIB, slope
from tests.soak.upstream_process import UpstreamProcess

pytestmark = pytest.mark.slow
CALLS, STREAMS, PARTS = 200_000, 20_000, 40
ROOT = Path(__file__).parents[2]
LOAD = Path(__file__).with_name("load.py")


async def _run(address: str) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(LOAD),
        address,
        str(CALLS),
        str(STREAMS),
        str(PARTS),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    found = [json.loads(line) async for line in process.stdout]
    assert await process.wait() == 0
    return found


async def test_soak_nothing_grows_in_two_hundred_thousand_calls_with_faults_and_cancels() -> None:
    with UpstreamProcess("faulty", keep=100) as upstream:
        began = time.monotonic()
        parts = await _run(upstream.base_url("compatible"))
        lasted = time.monotonic() - began
        last = await upstream.until(lambda state: state["open"] == 0)
    assert len(parts) == PARTS
    made = (CALLS + STREAMS) / PARTS
    after = parts[PARTS // 10 :]
    growth = slope([(one["part"] * made / 10_000, one["rss"] / MIB) for one in after])
    spread = {
        name: (min(one[name] for one in after), max(one[name] for one in after))
        for name in ("descriptors", "threads", "tasks")
    }
    counts = parts[-1]["counts"]
    spoiled = 1 - counts["right"] / sum(counts.values())
    print(
        f"\n{CALLS} calls and {STREAMS} streams in {lasted:.0f} s, {last['count']} requests, {spoiled:.1%} failed "
        f"or were cancelled: RSS {growth:+.3f} MiB per 10,000 after the first tenth ({after[0]['rss'] / MIB:.1f} to "
        f"{after[-1]['rss'] / MIB:.1f} MiB), descriptors {spread['descriptors']}, threads {spread['threads']}, "
        f"tasks {spread['tasks']}; {counts}"
    )
    assert growth <= 1.0
    assert spread["threads"][0] == spread["threads"][1]
    assert spread["tasks"] == (1, 1)
    assert spread["descriptors"][1] <= after[0]["descriptors"] + 32  # idle connections, at most one for each worker
    assert sum(counts.values()) == CALLS + STREAMS
    assert last["open"] == 0
