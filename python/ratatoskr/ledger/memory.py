"""`MemoryLedger`: accounts in the memory of this process."""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Sequence
from typing import Final

from ratatoskr._fork import call_in_child
from ratatoskr.ledger.protocol import LAG, Charge, Hold, Refusal, find_ready

__all__ = ["MemoryLedger"]

_SWEEP: Final = 1024
"""The number of accounts from which on those that have ended are removed before another is added."""


class _Account:
    """One account.

    Attributes:
        total: everything that it holds.
        pending: amounts of requests under way, by the number of their hold, in the order of their start: when they are
            free at the latest, and the amount.
        settled: a heap of amounts that were used: when they are free, and the amount.
        until: when the account ends.
    """

    __slots__ = ("pending", "settled", "total", "until")

    def __init__(self) -> None:
        self.total = 0
        self.pending: dict[int, tuple[float, int]] = {}
        self.settled: list[tuple[float, int]] = []
        self.until = -math.inf

    def expire(self, now: float) -> None:
        """Remove what has become free."""
        while self.settled and self.settled[0][0] <= now:
            self.total -= heapq.heappop(self.settled)[1]
        while self.pending:
            key, (end, amount) = next(iter(self.pending.items()))
            if end > now:
                break
            del self.pending[key]
            self.total -= amount

    def refuse(self, index: int, charge: Charge, now: float) -> Refusal:
        """Return when a charge that does not fit would."""
        settled = sorted(self.settled)
        both = sorted([*settled, *(one for one in self.pending.values() if one[0] < math.inf)])
        pending = sum(amount for _, amount in self.pending.values())
        return Refusal(
            index,
            self.total,
            find_ready(self.total, charge, both, now),
            find_ready(self.total - pending, charge, settled, now),
        )


class MemoryLedger:
    """Accounts that end with the process; safe to use from several threads."""

    shared = False

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._last_key = 0
        self._sweep_at = _SWEEP
        self._lock = threading.Lock()
        call_in_child(self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    async def reserve(self, charges: Sequence[Charge], now: float) -> Hold | Refusal:
        """Reserve all amounts, or none if one of them does not fit."""
        with self._lock:
            accounts = []
            for index, charge in enumerate(charges):
                account = self._account(charge, now)
                accounts.append(account)
                if charge.limit is not None and charge.amount and account.total + charge.amount > charge.limit:
                    return account.refuse(index, charge, now)
            self._last_key += 1
            for charge, account in zip(charges, accounts, strict=True):
                account.total += charge.amount
                account.pending[self._last_key] = (now + charge.per * (1 + LAG), charge.amount)
            return Hold(tuple(charges), self._last_key, tuple([account.total for account in accounts]))

    def settle(self, hold: Hold, amounts: Sequence[int], now: float) -> None:
        """Replace the reserved amounts by those that were used."""
        with self._lock:
            for charge, amount in zip(hold.charges, amounts, strict=True):
                account = self._accounts.get(charge.account)
                reserved = account.pending.pop(hold.key, None) if account is not None else None
                if account is None or reserved is None:  # it has become free in the meantime
                    continue
                account.total += amount - reserved[1]
                if charge.per < math.inf and amount:
                    heapq.heappush(account.settled, (min(reserved[0], now + charge.per), amount))

    async def total(self, account: str, now: float) -> int:
        """Return what an account holds."""
        with self._lock:
            found = self._accounts.get(account)
            if found is None or found.until <= now:
                return 0
            found.expire(now)
            return found.total

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _account(self, charge: Charge, now: float) -> _Account:
        account = self._accounts.get(charge.account)
        if account is None:
            if len(self._accounts) >= self._sweep_at:
                self._accounts = {name: one for name, one in self._accounts.items() if one.until > now}
                self._sweep_at = max(_SWEEP, 2 * len(self._accounts))
            account = self._accounts[charge.account] = _Account()
            account.until = charge.until
        else:
            account.expire(now)
        return account
