"""What this process holds, and how to give it back."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["configure_allocator", "resident_bytes", "trim"]

_STATUS = Path("/proc/self/status")
_CGROUP = Path("/sys/fs/cgroup/memory.current")

_MOST_KEPT: Final = 1 << 20
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h


def resident_bytes() -> int:
    """Return the bytes that this process holds in memory; where that is not told, those of its control group.

    Pages that are shared with files count: a mapped weight is memory that the model uses.
    """
    with suppress(OSError):
        fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if line.startswith("Rss"))
        if "RssAnon" in fields:
            return sum(int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile") if name in fields)
    with suppress(OSError, ValueError):
        return int(_CGROUP.read_text())
    return 0


@cache
def configure_allocator() -> None:
    """Bound what the C library keeps of freed memory, for this process and from now on.

    Left to itself it learns from the largest block that was ever freed, and then keeps up to 64 MiB for each thread
    that loaded or ran a model, which no call of ours can give back.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)  # glibc's; another C library has no such bounds and needs none
        library.mallopt(_MMAP_THRESHOLD, _MOST_KEPT)
        library.mallopt(_TRIM_THRESHOLD, _MOST_KEPT)


def trim() -> None:
    """Return freed memory to the system, which the C library would keep for itself."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc's; another C library has none and needs none
