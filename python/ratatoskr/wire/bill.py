"""What a provider bills for an answer, where the answer says so."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ratatoskr.types.usage import EXACT, Cost

_TICKS_PER_DOLLAR: Final = 10**10
"""Of xAI: docs.x.ai/developers/cost-tracking, 2026-11."""
_MAX_EXPONENT: Final = 30
"""The largest power of ten of an amount that is believed."""


def read_bill(cost: Decimal | None, *, upstream: Decimal | None = None, ticks: int | None = None) -> Cost | None:
    """Return the bill; `None` where there is none, or no amount that can be one.

    Args:
        cost: in USD.
        upstream: what another provider bills beside it, as the caller's own key was used there.
        ticks: the cost in xAI's unit.
    """
    if cost is None and ticks is not None:
        cost = EXACT.divide(Decimal(ticks), _TICKS_PER_DOLLAR)
    if cost is None or not _is_amount(cost):
        return None
    return Cost.of_bill(cost, upstream if upstream is not None and _is_amount(upstream) else None)


def _is_amount(value: Decimal) -> bool:
    """Return whether a number can be an amount: written out, 1e999999999 would fill the memory of all who sum it."""
    return value.is_finite() and value >= 0 and abs(value.adjusted()) <= _MAX_EXPONENT
