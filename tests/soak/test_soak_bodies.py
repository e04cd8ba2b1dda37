"""Bodies that are too much or too slow: what they cost in memory, processor and time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.soak.measure import MIB
from tests.soak.served import Served

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MODELS = {"openai": "openai:gpt-4.1", "anthropic": "anthropic:claude-sonnet-5", "ollama": "ollama:qwen3:4b"}
DRIPS = 100
DRIP_SECONDS = 5.0


async def _asked(
    served: Served, provider: str, way: str, fault: str, at_once: int, total: float, **options: Any
) -> Any:
    """Return what the program of `bodies.py` says of one fault."""
    served.fault("")
    arguments = [MODELS[provider], served.base_url(provider), way, str(at_once), str(total)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("bodies.py")), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert await process.stdout.readline() == b"ready\n"
    served.fault(fault, **options)
    process.stdin.write(b"go\n")
    said = json.loads(await process.stdout.readline())
    process.stdin.close()
    assert await process.wait() == 0
    return said


def _told(said: Any) -> str:
    return f"RSS {said['grown']:+.1f} MiB, {said['cpu'] * 1000:.0f} ms of processor, {said['seconds'] * 1000:.0f} ms"


@pytest.mark.parametrize("way", ["call", "stream"])
@pytest.mark.parametrize("provider", MODELS)
async def test_soak_a_line_of_a_hundred_megabytes_is_left_at_its_cap(provider: str, way: str) -> None:
    with Served() as served:
        said = await _asked(served, provider, way, "huge_line", 1, 30, size=100_000_000)
    print(f"\n100 MB line, {provider}, {way}: {_told(said)}")
    assert said["outcomes"] == ["MalformedResponse"]
    assert said["grown"] <= (32 if way == "stream" else 40)  # a document has a cap of 32 MiB itself


@pytest.mark.parametrize("way", ["call", "stream"])
@pytest.mark.parametrize("fault", ["gzip_bomb", "gzip_bomb_stacked"])
async def test_soak_a_bomb_of_a_gigabyte_costs_nothing(fault: str, way: str) -> None:
    with Served() as served:
        said = await _asked(served, "openai", way, fault, 1, 30, size=1024 * MIB)
    print(f"\n1 GiB {fault}, {way}: {_told(said)}")
    assert said["outcomes"] == ["MalformedResponse"]
    assert said["grown"] <= 32
    assert said["cpu"] <= 0.3


@pytest.mark.parametrize("way", ["call", "stream"])
async def test_soak_a_hundred_slow_drips_end_in_time_and_cost_next_to_nothing(way: str) -> None:
    with Served() as served:
        for _ in range(2):  # the machine may have been busy with something else: once more
            said = await _asked(served, "openai", way, "slow_drip", DRIPS, DRIP_SECONDS, seconds=1.0)
            share = said["cpu"] / said["seconds"]
            if said["seconds"] <= DRIP_SECONDS + 0.1 and share < 0.02:
                break
    print(f"\n{DRIPS} drips of a byte a second, {way}: {_told(said)}, {share:.1%} of a processor")
    assert said["outcomes"] == ["Timeout"]
    assert DRIP_SECONDS <= said["seconds"] <= DRIP_SECONDS + 0.1
    assert said["grown"] <= 32
    assert share < 0.02
