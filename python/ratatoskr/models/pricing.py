"""Prices answers: the bill where a provider sends one, otherwise from the price of its model, when it is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ratatoskr.models.cost import Moment, cost_of, worst_case
from ratatoskr.types.pending import Pending
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.types.usage import CostRange

if TYPE_CHECKING:
    from ratatoskr.models.price import Price
    from ratatoskr.types.chat import ChatRequest
    from ratatoskr.types.usage import Cost, Usage

__all__ = ["PricedModel", "Prices", "Pricing", "estimate_tokens"]


class PricedModel(Protocol):
    """What is known of a model, of which only the price matters here."""

    @property
    def prices(self) -> Price | None:
        """What it costs; `None` if that is unknown."""
        ...

    @property
    def max_output_tokens(self) -> int | None:
        """The most tokens of an answer; `None` if that is unknown."""
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

    def find(self, provider: str, *models: str) -> PricedModel | None:
        """Return what is known about the first of these names that has a price."""
        for model in models:
            found = self._prices.find(provider, model) if model else None
            if found is not None and found.prices is not None:
                return found
        return None

    def cost_of(self, usage: Usage, provider: str, *models: str, at: Moment = None) -> Cost | None:
        """Return what a use of a model costs; `None` if its price is unknown.

        Args:
            usage: what it used.
            provider: that served it.
            models: its names, the one that the answer has first.
            at: when the answer was complete; `None` for now.
        """
        found = self.find(provider, *models)
        if found is None or found.prices is None:
            return None
        moment = self._now() if at is None else at
        return cost_of(usage, found.prices, at=moment, basis=self._prices.basis(provider))

    def range_of(self, request: ChatRequest, provider: str, model: str) -> CostRange | None:
        """Return what a request may cost before it is sent; `None` if the model's price is unknown."""
        found = self.find(provider, model)
        if found is None or found.prices is None:
            return None
        tokens, tier, now = estimate_tokens(request), request.options.service_tier, self._now()
        most = request.options.max_tokens or found.max_output_tokens
        low = worst_case(tokens, 0, found.prices, now, service_tier=tier)
        high = None if most is None else worst_case(tokens, most, found.prices, now, service_tier=tier)
        if low is None:
            return None
        return CostRange(low, high, "USD", tokens, most, self._prices.basis(provider))

    def when_read(self, usage: Usage, provider: str, *models: str) -> Cost | None:
        """Return a placeholder for the cost of an answer that is complete now; reading it calculates the cost."""
        if usage.input_tokens is None or usage.source == "local":
            return None
        pending: Any = _PendingCost(self, usage, provider, models, self._now())
        return pending  # type: ignore[no-any-return]  # of a field that resolves it


def estimate_tokens(request: ChatRequest) -> int:
    """Return about how many tokens the texts of a request have: four bytes of English text are one."""
    texts = [message.text for message in request.messages]
    tools = [tool for tool in request.tools if isinstance(tool, ToolDefinition)]
    texts += [f"{tool.name}{tool.description}{tool.parameters}" for tool in tools]
    return sum(len(text.encode("utf-8", "replace")) // 4 + 4 for text in texts)


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
