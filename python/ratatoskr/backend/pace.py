"""How many requests of one model at one provider are under way at a time, and when the next may begin."""

from __future__ import annotations

import math
from typing import Final

from ratatoskr.errors import RatatoskrError, RateLimited

__all__ = ["Pace"]

_PAUSE: Final = 1.0
"""Seconds without a new request after a refusal that names no time."""
_LONGEST_PAUSE: Final = 60.0


class Pace:
    """Halves what is under way when the provider refuses for its rate, and waits as long as it asks.

    With each round of answers one more request may be under way, up to the most. It belongs to no event loop.

    Args:
        most: requests that may be under way.
    """

    def __init__(self, most: int) -> None:
        self.limit = most
        self._most = most
        self._answers = 0
        self._until = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may begin."""
        return max(0.0, self._until - now)

    def record_answer(self) -> None:
        """Note an answer."""
        self._answers += 1
        if self._answers >= self.limit:
            self._answers, self.limit = 0, min(self._most, self.limit + 1)

    def record_error(self, error: RatatoskrError, now: float) -> None:
        """Note a refusal; those of requests that had begun before a pause are of the same rate, and halve nothing."""
        if not isinstance(error, RateLimited):
            return
        if now >= self._until:
            self.limit = max(1, self.limit // 2)
            self._answers = 0
        self._until = max(self._until, now + min(error.retry_after or _PAUSE, _LONGEST_PAUSE))
