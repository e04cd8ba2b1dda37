"""The keys of one provider: which to use next, and which has to rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ratatoskr.errors import AuthenticationFailed, QuotaExhausted, RatatoskrError, RateLimited
from ratatoskr.types.secret import Secret

_REST: dict[type[RatatoskrError], float] = {AuthenticationFailed: 30.0, QuotaExhausted: 300.0, RateLimited: 5.0}
"""Seconds that a key rests after an error which another key may not meet; a provider's own hint stands above it."""


class KeyRing:
    """Hands out the key that has rested longest; with one key it hands out that one always."""

    def __init__(self, keys: Sequence[Secret], now: Callable[[], float] = time.monotonic) -> None:
        self._keys = tuple(keys)
        self._now = now
        self._ready_at = [0.0] * len(self._keys)

    def pick(self) -> int | None:
        """Return the index of the key to use; `None` if there is none."""
        if len(self._keys) < 2:
            return 0 if self._keys else None
        return min(range(len(self._keys)), key=self._ready_at.__getitem__)

    def reveal(self, index: int) -> str:
        """Return the key for the header that it goes into."""
        return self._keys[index].reveal()

    def failed(self, index: int | None, error: RatatoskrError) -> None:
        """Let a key rest if the error is about it, and note on the error whether another one is ready."""
        rest = next((seconds for cls, seconds in _REST.items() if isinstance(error, cls)), None)
        if index is None or rest is None or len(self._keys) < 2:
            return
        now = self._now()
        self._ready_at[index] = now + (error.retry_after or rest)
        error.retry_now = any(ready <= now for ready in self._ready_at)
