"""What a call costs: exact decimals, from what the answer says that it used and the price of its model."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratatoskr.models.price import Price
    from ratatoskr.types.usage import Cost, Usage

__all__ = ["cost_of", "worst_case"]


def cost_of(
    usage: Usage,
    price: Price,
    *,
    at: datetime | float | None = None,
    service_tier: str | None = None,
    speed: str | None = None,
    region: str | None = None,
    batch: bool = False,
    basis: str = "",
) -> Cost | None:
    """Return what a call costs; `None` where a rate of the input or output that it used is unknown.

    Args:
        usage: what it used; its `details` say how it was served.
        price: of the model.
        at: when it was complete, a time stamp or a `datetime` (without a zone: UTC); `None` for now.
        service_tier: where the usage says none.
        speed: where the usage says none.
        region: where the usage says none.
        batch: whether it came from a batch.
        basis: the table that the price is from, and its date.
    """
    raise NotImplementedError


def worst_case(
    input_tokens: int,
    max_output: int,
    price: Price,
    at: datetime | float | None = None,
    *,
    service_tier: str | None = None,
    speed: str | None = None,
    region: str | None = None,
    batch: bool = False,
    caches: bool = False,
) -> Decimal | None:
    """Return the most that a call may cost; `None` where a rate of input or output is unknown.

    Args:
        input_tokens: the most tokens of the whole prompt.
        max_output: the most tokens of the answer, reasoning included.
        price: of the model.
        at: when it will be complete; `None` for now.
        service_tier: that may be used.
        speed: that may be used.
        region: where it may be processed.
        batch: whether it is part of a batch.
        caches: whether the prompt may be written to a cache, which some providers charge more for.
    """
    raise NotImplementedError
