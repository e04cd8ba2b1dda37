"""The CPUs and the memory that this process may use: those of the machine, its affinity, and its control groups.

A container's limits are those of control groups, of version 1 or 2 (https://docs.kernel.org/admin-guide/cgroup-v2.html,
https://docs.kernel.org/scheduler/sched-bwc.html). A group may have less than the groups above it, never more, so the
least along the path counts. Nothing is cached: limits may change while a process runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

__all__ = ["count_cpus", "find_memory_limit"]

_ROOT: Final = Path("/")
_UNLIMITED: Final = 1 << 60
"""Version 1 writes "no limit" of memory as the largest multiple of a page: more than any machine has."""


def count_cpus(root: Path = _ROOT) -> int:
    """Return how many CPUs this process may keep busy: at least 1; a quota of 1.5 CPUs counts as 2.

    Args:
        root: where `proc` and the mount points of control groups are found.
    """
    available = len(os.sched_getaffinity(0))  # cpusets of control groups are part of it
    quotas = [quota for folder in _list_groups("cpu", root) if (quota := _read_quota(folder)) is not None]
    return max(1, min([available, *quotas]))


def find_memory_limit(root: Path = _ROOT) -> int | None:
    """Return the bytes that the control groups of this process allow; `None` if they set no limit.

    Args:
        root: where `proc` and the mount points of control groups are found.
    """
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    numbers = [_read_numbers(folder / name) for folder in _list_groups("memory", root) for name in names]
    limits = [limit[0] for limit in numbers if limit and 0 < limit[0] < _UNLIMITED]
    return min(limits, default=None)


def _read_quota(folder: Path) -> int | None:
    """Return the quota of one group in CPUs, rounded up."""
    pair = _read_numbers(folder / "cpu.max")  # "QUOTA PERIOD", or "max PERIOD"
    if not pair:
        pair = _read_numbers(folder / "cpu.cfs_quota_us") + _read_numbers(folder / "cpu.cfs_period_us")
    if len(pair) != 2 or pair[0] <= 0 or pair[1] <= 0:
        return None
    return -(-pair[0] // pair[1])


def _read_numbers(path: Path) -> list[int]:
    """Return the numbers in a file; none if it cannot be read or holds something else, such as `max`."""
    try:
        return [int(word) for word in path.read_text("ascii").split()]
    except (OSError, ValueError):
        return []


def _list_groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups that may limit a resource, each group's before those above it."""
    paths = dict(_read_paths(root))
    for names, mount_root, mount_point in _read_mounts(root):
        group = paths.get(controller if controller in names else "") if names else None
        if group is None or (names != {""} and controller not in names):
            continue
        place = root / mount_point.relative_to("/")
        # In a container the path may lie outside what is mounted: the mount point is then the process's own group.
        inside = group.relative_to(mount_root) if group.is_relative_to(mount_root) else PurePosixPath()
        yield from (place / part for part in (inside, *inside.parents))


def _read_paths(root: Path) -> Iterator[tuple[str, PurePosixPath]]:
    """Yield the path of this process's group by controller; that of version 2 has the name ""."""
    for line in _read_lines(root / "proc/self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if path.startswith("/"):
            yield from ((name, PurePosixPath(path)) for name in controllers.split(","))


def _read_mounts(root: Path) -> Iterator[tuple[set[str], PurePosixPath, PurePosixPath]]:
    """Yield mounted hierarchies of groups: the controllers ({""} for version 2), the root, and the mount point."""
    for line in _read_lines(root / "proc/self/mountinfo"):
        fields, _, kind = line.partition(" - ")
        words, types = fields.split(), kind.split()
        if len(words) < 5 or not types or not types[0].startswith("cgroup") or not words[4].startswith("/"):
            continue
        names = {""} if types[0] == "cgroup2" else set(types[-1].split(","))
        yield names, PurePosixPath(words[3]), PurePosixPath(words[4])


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
