"""What is asked of a server, by a bare client of gRPC without converters, and what the server uses for it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER_CORE, CLIENT_CORE = 0, 1
EVENTS = 200
"""Events of a stream."""
PACE = 0.005
"""Seconds between two events of a paced stream."""
_TICK = os.sysconf("SC_CLK_TCK")


def pin(core: int, process: int = 0) -> None:
    """Run a process, by default this one, on one core, where there are several."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process, {core})


def cpu_of(process: int) -> float:
    """Return the seconds of processor that a process has used, and those of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_of(process: int) -> float:
    """Return the resident memory of a process in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured.

    Attributes:
        rate: calls or events a second.
        cpu_us: of the server, for each.
        p50_ms: of calls.
        p99_ms: of calls.
    """

    rate: float
    cpu_us: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0


async def measure(
    process: int, at_once: int, seconds: float, one: Callable[[], Coroutine[Any, Any, int]], warm_up: float = 0.2
) -> Figures:
    """Keep a number of calls or streams under way for some seconds; `one` returns what it counts for."""
    await _run(at_once, warm_up, one)
    used, start = cpu_of(process), time.perf_counter()
    taken, count = await _run(at_once, seconds, one)
    lasted, used = time.perf_counter() - start, cpu_of(process) - used
    taken.sort()
    p50, p99 = (taken[int(len(taken) * share)] * 1e3 for share in (0.5, 0.99))
    return Figures(count / lasted, used / count * 1e6, p50, p99)


async def _run(at_once: int, seconds: float, one: Callable[[], Coroutine[Any, Any, int]]) -> tuple[list[float], int]:
    taken: list[float] = []
    ends = time.perf_counter() + seconds
    count = 0

    async def worker() -> None:
        nonlocal count
        start = 0.0
        while start < ends:
            start = time.perf_counter()
            made = await one()  # apart, because `count` is read before the wait
            count += made
            taken.append(time.perf_counter() - start)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return taken, count
