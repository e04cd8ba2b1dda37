"""The memory of this process: its size, and how freed memory is returned to the system."""

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

_KEEP_BYTES: Final = 1 << 20
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes, or that of its control group if the system does not give it.

    Pages of mapped files count: a mapped weight is memory that the model uses.
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
    """Limit the freed memory that the C library keeps, for the rest of the process.

    By default it raises its thresholds with the largest block that was ever freed, and then keeps up to 64 MiB for each
    thread that loaded or ran a model, which `trim` cannot return.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)  # of glibc; other C libraries have no such thresholds
        library.mallopt(_MMAP_THRESHOLD, _KEEP_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _KEEP_BYTES)


def trim() -> None:
    """Return freed memory to the system that the C library would keep."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # of glibc; other C libraries do not have it
