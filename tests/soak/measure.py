"""What a process holds and how long things took."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: descriptors and threads."""

    descriptors: int
    threads: int


def held() -> Held:
    """Return what this process holds now."""
    gc.collect()
    return Held(*(len(list(Path("/proc/self", kind).iterdir())) for kind in ("fd", "task")))


async def at_most(before: Held, patience: float = 15.0) -> Held:
    """Wait until this process holds no more than it did; return what it holds then, or after all the patience.

    A thread that has looked up names lives on for ten seconds.
    """
    ends = time.monotonic() + patience
    while True:
        now = held()
        if (now.descriptors <= before.descriptors and now.threads <= before.threads) or time.monotonic() > ends:
            return now
        await asyncio.sleep(0.1)


def memory(name: str = "VmRSS") -> int:
    """Return the resident memory in bytes; `VmHWM` is the most that it ever was."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return by how much the second of each pair grows with the first: least squares."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def cpu() -> float:
    """Return the seconds of processor that this process has used, in all its threads."""
    return time.process_time()
