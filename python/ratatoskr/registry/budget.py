"""The retry budget of each provider: a retry takes tokens from a bucket, a successful answer returns some.

A provider that fails every call gets the calls and a few retries, not three times the load.
"""

from __future__ import annotations

from typing import Final

from ratatoskr.errors import RatatoskrError, Timeout

__all__ = ["CAPACITY", "RetryBudget"]

CAPACITY: Final = 100.0
_COST: Final = 5.0
_TIMEOUT_COST: Final = 10.0
"""A retry after a timeout costs more, because the attempt occupied a connection for long."""
_REFUND: Final = 1.0
"""What an answer without a retry returns."""


class RetryBudget:
    """A bucket for each provider; full ones are not stored."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}

    def take(self, provider: str, error: RatatoskrError) -> float:
        """Take the cost of a retry after an error and return it; 0 if the bucket holds too little."""
        price = _TIMEOUT_COST if isinstance(error, Timeout) else _COST
        left = self._left.get(provider, CAPACITY)
        if left < price:
            return 0.0
        self._left[provider] = left - price
        return price

    def record_answer(self, provider: str, paid: float = 0.0) -> None:
        """Return the cost of a retry that was answered, or a small amount for a first attempt."""
        if self._left:
            self.put_back(provider, paid or _REFUND)

    def put_back(self, provider: str, price: float) -> None:
        """Return the cost of a retry that was not made."""
        left = self._left.get(provider)
        if left is None:
            return
        left += price
        if left >= CAPACITY:
            self._left.pop(provider, None)
        else:
            self._left[provider] = left

    def left(self, provider: str) -> float:
        """Return the tokens left for a provider."""
        return self._left.get(provider, CAPACITY)
