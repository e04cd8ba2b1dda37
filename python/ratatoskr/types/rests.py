"""`Rests`: what is to be avoided for a while, and until when."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

MAX_RESTS: Final = 1024
"""The number of rests that are remembered; the names of models may come from untrusted input."""


class Rests(Generic[K]):
    """The times until which keys or candidates rest. A rest is never shortened.

    Attributes:
        known: whether there has been any rest.
    """

    def __init__(self) -> None:
        self._until: dict[K, float] = {}
        self.known = False

    def __len__(self) -> int:
        return len(self._until)

    def until(self, key: K) -> float:
        """Return the time until which it rests; minus infinity if it never did."""
        return self._until.get(key, -math.inf)

    def extend(self, key: K, until: float, now: float) -> None:
        """Let it rest at least until a time."""
        if key not in self._until and len(self._until) >= MAX_RESTS:
            first = min(self._until, key=self._until.__getitem__)
            self._until = {one: end for one, end in self._until.items() if end > now and one != first}
        self._until[key] = max(self.until(key), until)
        self.known = True
