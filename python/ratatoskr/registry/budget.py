"""How much repeating a provider is spared: each repeat takes from a bucket, each answer fills it.

While a provider fails everything, it sees the calls themselves and a handful of repeats, not three times the load.
"""

from __future__ import annotations

from typing import Final

from ratatoskr.errors import RatatoskrError, Timeout

__all__ = ["CAPACITY", "RetryBudget"]

CAPACITY: Final = 100.0
_COST: Final = 5.0
_TIMEOUT_COST: Final = 10.0
"""What has kept a connection for long is dearer."""
_PLAIN: Final = 1.0


class RetryBudget:
    """A bucket for each provider; full ones take no room."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}

    def take(self, provider: str, error: RatatoskrError) -> float:
        """Pay for a repeat after an error and return the price; 0 where the bucket holds too little for it."""
        price = _TIMEOUT_COST if isinstance(error, Timeout) else _COST
        left = self._left.get(provider, CAPACITY)
        if left < price:
            return 0.0
        self._left[provider] = left - price
        return price

    def answered(self, provider: str, paid: float = 0.0) -> None:
        """Put back what the answered try was paid with, or a little for one that was none."""
        self.put_back(provider, paid or _PLAIN)

    def put_back(self, provider: str, price: float) -> None:
        """Put back what a repeat was to cost that was not made."""
        left = self._left.get(provider)
        if left is None:
            return
        left += price
        if left >= CAPACITY:
            self._left.pop(provider, None)
        else:
            self._left[provider] = left

    def left(self, provider: str) -> float:
        """Return what the bucket of a provider holds."""
        return self._left.get(provider, CAPACITY)
