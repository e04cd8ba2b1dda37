"""A daemon under load for a while, one call in twenty faulty, one in twenty cancelled: nothing in it grows."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.soak.measure import MIB, slope
from tests.soak.upstream_process import UpstreamProcess

from ratatoskr import RatatoskrError, ServiceClient

AT_ONCE = 24
CANCELLED = 1 / 20
LONG, PARTS = 600.0, 60
"""Seconds, and the parts after each of which the daemon is measured."""
PROGRAM = Path(__file__).with_name("daemon_program.py")
ROOT = Path(__file__).parents[2]
CONFIG = """
[providers.house]
base_url = "{}"
[routing]
retries = 0
[breaker]
enabled = false
[[listeners]]
address = "127.0.0.1:0"
"""


class Load:
    """Calls of a client, and how they ended."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self._chance = random.Random(7)
        self.counts: Counter[str] = Counter()

    async def run(self, seconds: float) -> None:
        """Keep calls and streams under way for some seconds."""
        ends = time.monotonic() + seconds

        async def worker() -> None:
            while time.monotonic() < ends:
                await self._one()

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))

    async def _one(self) -> None:
        call = self._call(streamed=self._chance.random() < 0.2)
        if self._chance.random() >= CANCELLED:
            self.counts[await call] += 1
            return
        task = asyncio.create_task(call)
        await asyncio.sleep(self._chance.random() * 0.02)
        task.cancel()
        await asyncio.wait([task])
        self.counts["cancelled" if task.cancelled() else task.result()] += 1

    async def _call(self, *, streamed: bool) -> str:
        try:
            if not streamed:
                text = (await self._client.chat("Who runs there?", "house:m")).content
            else:
                async with self._client.chat_stream("Who runs there?", "house:m") as stream:
                    text = "".join([piece async for piece in stream.text()])
        except RatatoskrError as error:
            return type(error).__name__
        assert text == "It carries words up and down."
        return "right"


async def soak(folder: Path, seconds: float, parts: int) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Return what the daemon had after each part, with the number of calls so far, and how the calls ended."""
    with UpstreamProcess("faulty") as upstream:
        path = folder / "config.toml"
        path.write_text(CONFIG.format(upstream.base_url("compatible")))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            str(path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OLLAMA_HOST": "http://127.0.0.1:9", "HOUSE_API_KEY": "sk-x"},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = f"http://127.0.0.1:{int(await process.stdout.readline())}"
            found = []
            async with ServiceClient(url) as client:
                load = Load(client)
                for _ in range(parts):
                    await load.run(seconds / parts)
                    await asyncio.sleep(0.2)  # what was cancelled closes its connections
                    process.stdin.write(b"\n")
                    one = json.loads(await process.stdout.readline())
                    found.append({**one, "made": sum(load.counts.values())})
            process.stdin.close()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return found, load.counts


async def test_nothing_stays_in_a_daemon_of_calls_that_failed_or_were_cancelled(tmp_path: Path) -> None:
    parts, counts = await soak(tmp_path, 3.0, 3)
    assert counts["right"] > 10
    assert counts["cancelled"] > 0
    assert counts.keys() - {"right", "cancelled"}
    assert {one["calls"] for one in parts} == {0}
    assert parts[-1]["tasks"] <= parts[0]["tasks"]
    assert parts[-1]["descriptors"] <= parts[0]["descriptors"] + AT_ONCE  # idle connections


@pytest.mark.slow
async def test_soak_a_daemon_does_not_grow_in_ten_minutes_of_faults_and_cancels(tmp_path: Path) -> None:
    parts, counts = await soak(tmp_path, float(os.environ.get("RATATOSKR_SOAK_SECONDS", LONG)), PARTS)
    after = parts[PARTS // 10 :]
    growth = slope([(one["made"] / 10_000, one["rss"] / MIB) for one in after])
    spread = {
        name: (min(one[name] for one in after), max(one[name] for one in after))
        for name in ("descriptors", "threads", "tasks")
    }
    made = sum(counts.values())
    print(
        f"\n{made} calls, {1 - counts['right'] / made:.1%} failed or were cancelled: RSS {growth:+.3f} MiB per 10,000 "
        f"after the first tenth ({after[0]['rss'] / MIB:.1f} to {after[-1]['rss'] / MIB:.1f} MiB), descriptors "
        f"{spread['descriptors']}, threads {spread['threads']}, tasks {spread['tasks']}; {dict(counts)}"
    )
    assert growth <= 1.0
    assert spread["tasks"][1] <= after[0]["tasks"]
    assert spread["descriptors"][1] <= after[0]["descriptors"] + AT_ONCE
    assert {one["calls"] for one in parts} == {0}
