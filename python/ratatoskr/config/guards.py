"""What limits and budgets of a recipe become: middleware around every try, and the ledger that they count in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS
from ratatoskr.registry.backoff import SystemClock
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.config.recipe import Recipe
    from ratatoskr.ledger.protocol import Ledger
    from ratatoskr.middleware.base import Middleware
    from ratatoskr.middleware.budget import BudgetMeter, FindModel
    from ratatoskr.middleware.limits import RateLimits
    from ratatoskr.types.allowance import BudgetStatus, LimitStatus
    from ratatoskr.types.budget import Budget
    from ratatoskr.types.limit import Limit
    from ratatoskr.types.model import Explanation

__all__ = ["Guards", "add_budget", "add_limit", "check_ledger"]


def add_limit(
    limits: tuple[Limit, ...], provider: str, model: str, per: float, each_key: bool, given: Mapping[str, Any]
) -> tuple[Limit, ...]:
    """Return the limits with one more, or with one changed that holds for the same models, seconds and keys.

    Raises:
        ConfigurationError: it is invalid.
    """
    from ratatoskr.types.limit import Limit

    for index, known in enumerate(limits):
        if (known.provider, known.model, known.per, known.each_key) == (provider, model, per, each_key):
            return (*limits[:index], replace(known, **given), *limits[index + 1 :])
    return (*limits, Limit(provider, model, per=per, each_key=each_key, **given))


def add_budget(budgets: tuple[Budget, ...], budget: Budget) -> tuple[Budget, ...]:
    """Return the budgets with one more.

    Raises:
        ConfigurationError: it is no budget, or would count in the same accounts as another one.
    """
    from ratatoskr.types.budget import Budget

    if not isinstance(budget, Budget):
        raise ConfigurationError(
            f'budget must be a Budget, such as Budget("10.00"), not {quote(budget)}', field="budget"
        )
    if any(known.account == budget.account for known in budgets):
        raise ConfigurationError(
            f"two budgets {budget.name!r} per {budget.per} would count in the same accounts: give one another name=",
            field="budget",
        )
    return (*budgets, budget)


def check_ledger(ledger: str | Path | Ledger) -> str | Path | Ledger:
    """Return a ledger or the path of its file.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(ledger, str | Path) and str(ledger):
        return ledger
    if not isinstance(ledger, str | Path | type) and all(
        callable(getattr(ledger, name, None)) for name in ("reserve", "settle", "total", "close")
    ):
        return ledger
    raise ConfigurationError(f"ledger must be the path of a file, or a Ledger, not {quote(ledger)}", field="ledger")


class Guards:
    """The limits and budgets of one gateway.

    Args:
        recipe: of the gateway.
        find: returns what is known of a provider's model.
        previous: those of a gateway that this one replaces: what it has counted in memory is kept.
    """

    def __init__(self, recipe: Recipe, find: FindModel, previous: Guards | None = None) -> None:
        self._recipe = recipe
        self._limits: dict[str, RateLimits] = {}
        self._meter: BudgetMeter | None = None
        self._closed = False
        self.ledger: Ledger | None = None
        if recipe.limits or recipe.budgets:
            kept = previous.ledger if previous is not None and previous._recipe.ledger == recipe.ledger else None
            self.ledger = kept or _open_ledger(recipe.ledger)
        if recipe.budgets and self.ledger is not None:
            from ratatoskr.middleware.budget import BudgetMeter

            free = frozenset(spec.name for spec in SPECS.values() if spec.configured_by == "address") | {"local"}
            self._meter = BudgetMeter(recipe.budgets, self.ledger, find, _wall_clock(recipe.clock), free=free)

    def around_tries(self, name: str, provider: object, wraps: tuple[Middleware, ...]) -> tuple[Middleware, ...]:
        """Return what stands around every try at a provider: the budgets, the user's wraps, the limits.

        With wraps, a budget stands on both sides of them: it refuses outside, and settles each request inside.
        """
        outside = wraps if self._meter is None else self._around_wraps(self._meter, wraps)
        limits = [limit for limit in self._recipe.limits if limit.provider == name]
        if not limits or self.ledger is None:
            return outside
        if (made := self._limits.get(name)) is not None:  # what else it offers counts in the same accounts
            return (*outside, made)
        from ratatoskr.middleware.limits import RateLimits

        keys: int = getattr(provider, "key_count", 0)
        order_keys = getattr(provider, "order_keys", None) if keys > 1 else None
        clock = self._recipe.clock or SystemClock()
        guard = RateLimits(limits, self.ledger, clock, order_keys=order_keys, keys=max(keys, 1))
        self._limits[name] = guard
        return (*outside, guard)

    @staticmethod
    def _around_wraps(meter: BudgetMeter, wraps: tuple[Middleware, ...]) -> tuple[Middleware, ...]:
        if not wraps:
            return (meter,)
        from ratatoskr.middleware.budget_tries import ReservesOutside, SettlesInside

        return (ReservesOutside(meter), *wraps, SettlesInside(meter))

    async def health(self) -> tuple[tuple[LimitStatus, ...], tuple[BudgetStatus, ...]]:
        """Return what is used of every limit and budget."""
        limits = [status for guard in self._limits.values() for status in await guard.status()]
        budgets = await self._budgets()
        if self._closed and self.ledger is not None:
            self.ledger.close()
        return tuple(limits), budgets

    async def explain(self, explanation: Explanation) -> Explanation:
        """Return an explanation with the limits of each candidate, and the budgets."""
        plans = []
        for plan in explanation.plans:
            guard = self._limits.get(plan.provider)
            plans.append(replace(plan, limits=tuple(await guard.status(plan.model))) if guard is not None else plan)
        return replace(explanation, plans=tuple(plans), budgets=await self._budgets())

    async def _budgets(self) -> tuple[BudgetStatus, ...]:
        return tuple(await self._meter.status()) if self._meter is not None else ()

    def close(self) -> None:
        """End the waits of calls over a limit with `GatewayClosed`."""
        self._closed = True
        for guard in self._limits.values():
            guard.close()
        if self.ledger is not None:
            self.ledger.close()


def _open_ledger(ledger: str | Path | Ledger | None) -> Ledger:
    if ledger is None:
        from ratatoskr.ledger.memory import MemoryLedger

        return MemoryLedger()
    if isinstance(ledger, str | Path):
        from ratatoskr.ledger.sqlite import SqliteLedger

        return SqliteLedger(ledger)
    return ledger


def _wall_clock(clock: Any) -> Callable[[], float]:
    """Return a clock's time since 1970: a clock for tests may have one, too."""
    now: Callable[[], float] = getattr(clock, "time", time.time)
    return now
