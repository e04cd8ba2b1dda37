"""Bodies that are too large or too slow: their cost in memory, CPU time and time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.soak.measure import MIB
from tests.soak.upstream_process import UpstreamProcess

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MODELS = {"openai": "openai:gpt-4.1", "anthropic": "anthropic:claude-sonnet-5", "ollama": "ollama:qwen3:4b"}
DRIPS = 100
DRIP_SECONDS = 5.0


async def _run_program(
    upstream: UpstreamProcess, provider: str, mode: str, fault: str, at_once: int, total: float, **options: Any
) -> Any:
    """Run `bodies.py` against a fault and return its result."""
    upstream.fault("")
    arguments = [MODELS[provider], upstream.base_url(provider), mode, str(at_once), str(total)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("bodies.py")), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert await process.stdout.readline() == b"ready\n"
    upstream.fault(fault, **options)
    process.stdin.write(b"go\n")
    result = json.loads(await process.stdout.readline())
    process.stdin.close()
    assert await process.wait() == 0
    return result


def _format_costs(result: Any) -> str:
    cpu, seconds = result["cpu"] * 1000, result["seconds"] * 1000
    return f"RSS {result['grown']:+.1f} MiB, {cpu:.0f} ms of CPU time, {seconds:.0f} ms"


@pytest.mark.parametrize("mode", ["call", "stream"])
@pytest.mark.parametrize("provider", MODELS)
async def test_soak_a_line_of_a_hundred_megabytes_is_left_at_its_cap(provider: str, mode: str) -> None:
    with UpstreamProcess() as upstream:
        result = await _run_program(upstream, provider, mode, "huge_line", 1, 30, size=100_000_000)
    print(f"\n100 MB line, {provider}, {mode}: {_format_costs(result)}")
    assert result["outcomes"] == ["MalformedResponse"]
    assert result["grown"] <= (32 if mode == "stream" else 40)  # the limit of a document is 32 MiB itself


@pytest.mark.parametrize("mode", ["call", "stream"])
@pytest.mark.parametrize("fault", ["gzip_bomb", "gzip_bomb_stacked"])
async def test_soak_a_bomb_of_a_gigabyte_costs_nothing(fault: str, mode: str) -> None:
    with UpstreamProcess() as upstream:
        result = await _run_program(upstream, "openai", mode, fault, 1, 30, size=1024 * MIB)
    print(f"\n1 GiB {fault}, {mode}: {_format_costs(result)}")
    assert result["outcomes"] == ["MalformedResponse"]
    assert result["grown"] <= 32
    assert result["cpu"] <= 0.3


@pytest.mark.parametrize("mode", ["call", "stream"])
async def test_soak_a_hundred_slow_drips_end_in_time_and_cost_next_to_nothing(mode: str) -> None:
    with UpstreamProcess() as upstream:
        for _ in range(2):  # a second time, because the machine may have been busy
            result = await _run_program(upstream, "openai", mode, "slow_drip", DRIPS, DRIP_SECONDS, seconds=1.0)
            share = result["cpu"] / result["seconds"]
            if result["seconds"] <= DRIP_SECONDS + 0.1 and share < 0.02:
                break
    print(f"\n{DRIPS} drips of a byte a second, {mode}: {_format_costs(result)}, {share:.1%} of a CPU")
    assert result["outcomes"] == ["Timeout"]
    assert DRIP_SECONDS <= result["seconds"] <= DRIP_SECONDS + 0.1
    assert result["grown"] <= 32
    assert share < 0.02
