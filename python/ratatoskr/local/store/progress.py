"""Progress of a pull, as callbacks receive it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["OnPullProgress", "PullProgress"]


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How much of one file has been fetched.

    Attributes:
        file: the name of the file.
        done: bytes fetched so far.
        total: size of the file in bytes, if known.
    """

    file: str
    done: int
    total: int | None


OnPullProgress: TypeAlias = Callable[[PullProgress], None]
