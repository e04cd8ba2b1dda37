"""`Ledger`: amounts reserved before a request and settled after it, all of a request's accounts or none of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

__all__ = ["LAG", "Charge", "Hold", "Ledger", "Refusal"]

LAG: Final = 0.015
"""How much later than `per` seconds after its start an amount may become free, as a part of `per`.

Providers count a request when it arrives or when it is answered, a moment after it was admitted here. An amount is free
again `per` seconds after it was settled, but not later than this part of `per` after a request that took no time, so
that long requests leave the limit in use.
"""


class Charge(NamedTuple):
    """An amount for one account.

    Attributes:
        account: its name.
        amount: 0 or more, in the account's own unit.
        limit: the most that the account may hold; `None` for no limit.
        per: the seconds after which the amount is free again; infinite for an account that ends as a whole.
        until: the time at which the account ends.
    """

    account: str
    amount: int
    limit: int | None = None
    per: float = math.inf
    until: float = math.inf


class Hold(NamedTuple):
    """Amounts that are reserved.

    Attributes:
        charges: what was reserved, in order.
        key: how the ledger finds them.
        totals: what each account holds, this reservation included.
    """

    charges: tuple[Charge, ...]
    key: Any
    totals: tuple[int, ...]


class Refusal(NamedTuple):
    """Nothing was reserved.

    Attributes:
        position: of the charge that does not fit.
        total: what its account holds.
        ready: the time at which it fits if every open reservation is used up.
        earliest: the time before which it cannot fit, whatever open reservations give back.
    """

    position: int
    total: int
    ready: float
    earliest: float


class Ledger(Protocol):
    """Where limits and budgets count. Times are seconds: of a monotonic clock, or since 1970 for a `shared` ledger.

    An implementation may be used from any thread and event loop, and by several gateways.
    """

    shared: bool
    """Whether other processes count in the same accounts."""

    async def reserve(self, charges: Sequence[Charge], now: float) -> Hold | Refusal:
        """Reserve all amounts, or none if one of them does not fit."""
        ...

    def settle(self, hold: Hold, amounts: Sequence[int], now: float) -> None:
        """Replace the reserved amounts by those that were used; called once for each hold."""
        ...

    async def total(self, account: str, now: float) -> int:
        """Return what an account holds."""
        ...

    def close(self) -> None:
        """Release files and connections; it may be used again after that."""
        ...


def find_ready(total: int, charge: Charge, steps: Sequence[tuple[float, int]], now: float) -> float:
    """Return the time at which a charge fits an account that holds `total`; `steps` are what becomes free and when.

    More than the limit, as a queue may want, takes one more `per` for each time that the limit is exceeded.
    """
    limit = charge.limit or 1
    more, amount = divmod(max(charge.amount - 1, 0), limit)
    needed = total + amount + 1 - limit
    extra = more * charge.per if more else 0.0
    if needed <= 0 or charge.amount == 0:
        return now + extra
    for time, step in steps:
        needed -= step
        if needed <= 0:
            return time + extra
    return charge.until
