"""The resources of this process, and statistics."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProcessResources:
    """The number of descriptors and threads of a process."""

    descriptors: int
    threads: int


def measure_resources() -> ProcessResources:
    """Return the resources of this process."""
    gc.collect()
    return ProcessResources(*(len(list(Path("/proc/self", kind).iterdir())) for kind in ("fd", "task")))


async def wait_for_resources(before: ProcessResources, patience: float = 15.0) -> ProcessResources:
    """Wait until this process has no more resources than before, or until `patience` has passed; return them.

    A thread that resolved names ends ten seconds later.
    """
    ends = time.monotonic() + patience
    while True:
        now = measure_resources()
        if (now.descriptors <= before.descriptors and now.threads <= before.threads) or time.monotonic() > ends:
            return now
        await asyncio.sleep(0.1)


def memory(name: str = "VmRSS") -> int:
    """Return the resident memory in bytes; `VmHWM` is its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the regression line through the points, by least squares."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def cpu() -> float:
    """Return the seconds of processor that this process has used, in all its threads."""
    return time.process_time()
