"""Prices answers: the bill where a provider sends one, otherwise from the price of its model, when it is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ratatoskr.models.cost import Moment, cost_of
from ratatoskr.types.pending import Pending

if TYPE_CHECKING:
    from ratatoskr.models.price import Price
    from ratatoskr.types.usage import Cost, Usage

__all__ = ["PricedModel", "Prices", "Pricing"]


class PricedModel(Protocol):
    """What is known of a model, of which only the price matters here."""

    @property
    def prices(self) -> Price | None:
        """What it costs; `None` if that is unknown."""
        ...


class Prices(Protocol):
    """Where prices are from, such as the catalogue of models."""

    def find(self, provider: str, model: str) -> PricedModel | None:
        """Return what is known about a model of a provider; `None` if nothing is."""
        ...

    def basis(self, provider: str) -> str:
        """Return the table of a provider that is in force, and its date."""
        ...


class Pricing:
    """Prices what models have used.

    Args:
        prices: by provider and model; asked when a cost is read, or never.
        now: the time stamp at which an answer is complete.
    """

    def __init__(self, prices: Prices, now: Callable[[], float] = time.time) -> None:
        self._prices = prices
        self._now = now

    @classmethod
    def of(cls, prices: Prices | None) -> Pricing | None:
        """Return the pricing by these prices; `None` without any."""
        return None if prices is None else cls(prices)

    def price_of(self, provider: str, *models: str) -> Price | None:
        """Return the price of the first of these names that has one."""
        for model in models:
            found = self._prices.find(provider, model) if model else None
            if found is not None and found.prices is not None:
                return found.prices
        return None

    def cost_of(self, usage: Usage, provider: str, *models: str, at: Moment = None) -> Cost | None:
        """Return what a use of a model costs; `None` if its price is unknown.

        Args:
            usage: what it used.
            provider: that served it.
            models: its names, the one that the answer has first.
            at: when the answer was complete; `None` for now.
        """
        price = self.price_of(provider, *models)
        if price is None:
            return None
        moment = self._now() if at is None else at
        return cost_of(usage, price, at=moment, basis=self._prices.basis(provider))

    def when_read(self, usage: Usage, provider: str, *models: str) -> Cost | None:
        """Return what stands for the cost of an answer that is complete now, until somebody reads it."""
        if usage.input_tokens is None or usage.source == "local":
            return None
        pending: Any = _PendingCost(self, usage, provider, models, self._now())
        return pending  # type: ignore[no-any-return]  # of a field that resolves it


class _PendingCost(Pending):
    """The cost of an answer, which is worked out when it is read."""

    __slots__ = ("_at", "_models", "_pricing", "_provider", "_usage")

    def __init__(self, pricing: Pricing, usage: Usage, provider: str, models: tuple[str, ...], at: float) -> None:
        self._pricing = pricing
        self._usage = usage
        self._provider = provider
        self._models = models
        self._at = at

    def resolve(self) -> Cost | None:
        return self._pricing.cost_of(self._usage, self._provider, *self._models, at=self._at)
