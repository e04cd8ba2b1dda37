"""`MemoryLedger`: accounts in the memory of this process."""

from __future__ import annotations

import math
import threading
from bisect import insort
from collections import deque
from collections.abc import Sequence
from typing import Final

from ratatoskr._fork import call_in_child
from ratatoskr.ledger.protocol import LAG, Charge, Hold, Ledger, Refusal, find_ready

__all__ = ["MemoryLedger", "as_local"]

_LONGEST: Final = 1 + LAG
_new: Final = tuple.__new__  # of a `NamedTuple`, without the function of Python that its class adds
_SWEEP: Final = 1024
"""The number of accounts from which on those that have ended are removed before another is added."""


class _Account:
    """One account.

    Attributes:
        total: everything that it holds.
        pending: amounts of requests under way, by the number of their hold, in the order of their start: when they are
            free at the latest, and the amount.
        settled: amounts that were used, in order: when they are free, and the amount.
        until: when the account ends.
        due: the time before which nothing becomes free.
    """

    __slots__ = ("due", "pending", "settled", "total", "until")

    def __init__(self, until: float) -> None:
        self.total = 0
        self.pending: dict[int, tuple[float, int]] = {}
        self.settled = deque[tuple[float, int]]()
        self.until = until
        self.due = math.inf

    def expire(self, now: float) -> None:
        """Remove what has become free."""
        settled, due = self.settled, math.inf
        while settled:
            due, amount = settled[0]
            if due > now:
                break
            settled.popleft()
            self.total -= amount
            due = math.inf
        ended = []
        for key, (end, amount) in self.pending.items():
            if end > now:
                due = min(due, end)
                break
            ended.append(key)
            self.total -= amount
        for key in ended:
            del self.pending[key]
        self.due = due

    def refuse(self, index: int, charge: Charge, now: float) -> Refusal:
        """Return when a charge that does not fit would."""
        settled = list(self.settled)
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
        return self.reserve_now(charges, now)

    def reserve_now(self, charges: Sequence[Charge], now: float) -> Hold | Refusal:
        """Do what `reserve` does, without a coroutine."""
        totals: list[int] = []
        with self._lock:
            self._last_key = key = self._last_key + 1
            for name, amount, limit, per, until in charges:
                account = self._accounts.get(name)
                if account is None:
                    account = self._add_account(name, until, now)
                elif account.due <= now:
                    account.expire(now)
                total = account.total + amount
                if limit is not None and total > limit and amount:
                    index = len(totals)
                    self._take_back(charges[:index], key)
                    return account.refuse(index, charges[index], now)
                account.total = total
                end = now + per * _LONGEST
                account.pending[key] = (end, amount)
                if end < account.due:  # noqa: PLR1730  # several times as fast as min()
                    account.due = end
                totals.append(total)
        return _new(Hold, (tuple(charges), key, tuple(totals)))

    def _take_back(self, charges: Sequence[Charge], key: int) -> None:
        for name, amount, *_ in charges:
            account = self._accounts.get(name)
            if account is not None and account.pending.pop(key, None) is not None:
                account.total -= amount

    def settle(self, hold: Hold, amounts: Sequence[int], now: float) -> None:
        """Replace the reserved amounts by those that were used."""
        with self._lock:
            charges, key, _ = hold
            for (name, _, _, per, _), amount in zip(charges, amounts, strict=True):
                account = self._accounts.get(name)
                reserved = account.pending.pop(key, None) if account is not None else None
                if account is None or reserved is None:  # it has become free in the meantime
                    continue
                latest, before = reserved
                account.total += amount - before
                if amount and per < math.inf:
                    end = now + per
                    if latest < end:  # noqa: PLR1730  # several times as fast as min()
                        end = latest
                    settled = account.settled
                    if not settled or settled[-1][0] <= end:
                        settled.append((end, amount))
                    else:
                        insort(settled, (end, amount))
                    if end < account.due:  # noqa: PLR1730  # several times as fast as min()
                        account.due = end

    async def total(self, account: str, now: float) -> int:
        """Return what an account holds."""
        return self.total_now(account, now)

    def total_now(self, account: str, now: float) -> int:
        """Do what `total` does, without a coroutine."""
        found = self._accounts.get(account)
        if found is None or found.until <= now:
            return 0
        if found.due <= now:
            with self._lock:
                found.expire(now)
        return found.total

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _add_account(self, name: str, until: float, now: float) -> _Account:
        if len(self._accounts) >= self._sweep_at:
            self._accounts = {name: one for name, one in self._accounts.items() if one.until > now}
            self._sweep_at = max(_SWEEP, 2 * len(self._accounts))
        account = self._accounts[name] = _Account(until)
        return account


def as_local(ledger: Ledger) -> MemoryLedger | None:
    """Return a ledger that answers without a coroutine; `None` for one that has to be awaited."""
    return ledger if type(ledger) is MemoryLedger else None
