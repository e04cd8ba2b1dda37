"""`Budget`: how much money calls may cost in a window of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from ratatoskr.errors import ConfigurationError
from ratatoskr.types.usage import EXACT, MONEY_DIGITS
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ratatoskr.types.chat import ChatRequest
    from ratatoskr.types.embed import EmbedRequest

__all__ = ["MONEY_UNIT", "Budget", "Period", "to_units"]

Period: TypeAlias = "Literal['day', 'month', 'total'] | timedelta"
"""How long a budget is for."""
Unpriced: TypeAlias = Literal["refuse", "allow"]
WhenSpent: TypeAlias = Literal["error", "warn"]

MONEY_UNIT: Final = Decimal(f"1e-{MONEY_DIGITS}")
"""What money is counted in, in US dollars."""
_UNITS_A_DOLLAR: Final = Decimal(10**MONEY_DIGITS)
_multiply = EXACT.multiply
_MAX_AMOUNT: Final = 9_000_000
"""In US dollars: the largest number of units that a file holds is 2^63 - 1."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that calls may cost in each window of time; what is spent stays spent until the window ends.

    Attributes:
        amount: in US dollars: text such as `"10.00"`, a whole number, or a `Decimal`; never a float.
        per: `day`, `month`, `total`, or a `timedelta`, whose windows are counted from the beginning of 1970 in UTC.
        tz: the time zone in which days and months begin, such as `Europe/Berlin`.
        scope: a function of the request that returns whose budget it is: each text has an amount of its own.
        unpriced: what happens to a call whose model has no known price: `refuse`, or `allow` without counting it.
        on: what happens to a call that may cost more than what is left: `error` (`BudgetExceeded`), or `warn`.
        name: budgets with the same name and windows count in the same accounts of a ledger.

    Raises:
        ConfigurationError: an argument is invalid; `field` names it.
    """

    amount: str | int | Decimal
    per: Period = "day"
    tz: str = "UTC"
    scope: Callable[[ChatRequest | EmbedRequest], str | None] | None = None
    unpriced: Unpriced = "refuse"
    on: WhenSpent = "error"
    name: str = "budget"

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", _parse_amount(self.amount))
        if not (
            self.per in ("day", "month", "total") if isinstance(self.per, str) else isinstance(self.per, timedelta)
        ):
            raise _wrong("per", "day, month, total, or a timedelta", self.per)
        if isinstance(self.per, timedelta) and self.per < timedelta(seconds=1):
            raise _wrong("per", "one second or longer", self.per)
        _ = self.zone
        if self.scope is not None and not callable(self.scope):
            raise _wrong("scope", "a function of the request", self.scope)
        for name, words in (("unpriced", get_args(Unpriced)), ("on", get_args(WhenSpent))):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in words:
                raise _wrong(name, " or ".join(words), getattr(self, name))
        if not isinstance(self.name, str) or not self.name.strip():
            raise _wrong("name", "text that is not empty", self.name)

    @property
    def limit(self) -> int:
        """The amount in units of `MONEY_UNIT`."""
        return to_units(self.amount)  # type: ignore[arg-type]  # a Decimal once it is checked

    @property
    def zone(self) -> ZoneInfo:
        """The time zone.

        Raises:
            ConfigurationError: there is none of that name.
        """
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(self.tz)
        except (KeyError, ValueError, TypeError, OSError):
            raise _wrong("tz", "the name of a time zone, such as Europe/Berlin", self.tz) from None

    @property
    def account(self) -> str:
        """What the names of its accounts begin with: budgets for which it is the same count together."""
        period = self.per if isinstance(self.per, str) else f"{self.per.total_seconds():g}s"
        scoped = "" if self.scope is None else ":scoped"
        return f"budget:{self.name}:{period}:{self.tz}:{self.on}{scoped}"

    @property
    def words(self) -> str:
        """The budget in words, such as `10.00 USD a day`."""
        words = {"day": "a day", "month": "a month", "total": "in total"}
        return f"{self.amount:f} USD {words[self.per] if isinstance(self.per, str) else f'per {self.per}'}"


def to_units(amount: Decimal) -> int:
    """Return an amount of money in units of `MONEY_UNIT`, rounded up; the caller's decimal context does not matter."""
    exact = _multiply(amount, _UNITS_A_DOLLAR)
    units = int(exact)
    return units if exact <= units else units + 1


def _parse_amount(amount: Any) -> Decimal:
    if isinstance(amount, bool) or not isinstance(amount, (str, int, Decimal)):
        hint = "; a float is not exact" if isinstance(amount, float) else ""
        raise _wrong("amount", 'an amount in US dollars, such as "10.00"', amount, hint)
    try:
        value = Decimal(amount.strip() if isinstance(amount, str) else amount)
    except (InvalidOperation, ValueError):
        raise _wrong("amount", 'an amount in US dollars, such as "10.00"', amount) from None
    if not value.is_finite() or not 0 < value <= _MAX_AMOUNT:
        raise _wrong("amount", f"above 0 and at most {_MAX_AMOUNT}", amount)
    return value


def _wrong(field: str, expected: str, value: object, hint: str = "") -> ConfigurationError:
    return ConfigurationError(f"{field} of a budget must be {expected}, not {quote(value)}{hint}", field=field)
