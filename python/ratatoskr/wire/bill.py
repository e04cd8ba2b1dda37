"""What a provider bills for an answer, where the answer says so."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ratatoskr.types.usage import EXACT, Cost

_TICKS_PER_DOLLAR: Final = 10**10
"""Of xAI: docs.x.ai/developers/cost-tracking, 2026-11."""


def read_bill(cost: Decimal | None, *, upstream: Decimal | None = None, ticks: int | None = None) -> Cost | None:
    """Return the bill; `None` where there is none, or no amount that can be one.

    Args:
        cost: in USD.
        upstream: what another provider bills beside it, as the caller's own key was used there.
        ticks: the cost in xAI's unit.
    """
    if cost is None and ticks is not None:
        cost = EXACT.divide(Decimal(ticks), _TICKS_PER_DOLLAR)
    if cost is None or not cost.is_finite() or cost < 0:
        return None
    return Cost.of_bill(cost, upstream if upstream is not None and upstream.is_finite() and upstream >= 0 else None)
