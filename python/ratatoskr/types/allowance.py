"""What is left of limits and budgets, as plain data."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

from ratatoskr.types.frozen import dataclass
from ratatoskr.types.plain import Plain

__all__ = ["BudgetStatus", "LimitStatus"]


@dataclass(frozen=True, slots=True)
class LimitStatus(Plain):
    """How much of a limit of requests or tokens is in use now.

    Attributes:
        provider: name of the provider.
        model: the pattern of names of models that share the limit.
        counted: `requests`, `tokens`, `input_tokens` or `output_tokens`.
        limit: the most in any `per` seconds.
        per: seconds.
        used: what counts now: what was used, and what requests under way have reserved.
        key: which of the provider's keys it is about, from 0; `None` for all together.
    """

    type: ClassVar[Literal["limit_status"]] = "limit_status"
    provider: str
    model: str
    counted: str
    limit: int
    per: float
    used: int
    key: int | None = None

    @property
    def words(self) -> str:
        """The status in words, such as `3 of 10 requests in 60 s`."""
        key = "" if self.key is None else f" with key {self.key + 1}"
        return f"{self.used} of {self.limit} {self.counted.replace('_', ' ')} in {self.per:g} s{key}"


@dataclass(frozen=True, slots=True)
class BudgetStatus(Plain):
    """How much of a budget is spent in the current window.

    Attributes:
        name: of the budget.
        amount: in US dollars.
        per: `day`, `month`, `total`, or a length of time.
        used: what was spent, and what requests under way have reserved; `None` where each scope has its own amount.
        renewed_in: seconds until the next window; `None` if there is none.
        on: what happens to a call that may cost more than what is left: `error` or `warn`.
    """

    type: ClassVar[Literal["budget_status"]] = "budget_status"
    name: str
    amount: Decimal
    per: str
    used: Decimal | None
    renewed_in: float | None
    on: str = "error"

    @property
    def words(self) -> str:
        """The status in words, such as `1.2300 of 10.00 USD a day`."""
        words = {"day": "a day", "month": "a month", "total": "in total"}.get(self.per, f"per {self.per}")
        used = "each scope may use" if self.used is None else f"{self.used:.4f} of"
        return f"{used} {self.amount:f} USD {words}"
