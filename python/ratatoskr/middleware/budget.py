"""`BudgetMeter`: reserves what a try may cost at most, and settles it by what it did cost."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from ratatoskr.errors import BudgetExceeded, ConfigurationError, InvalidInput, RatatoskrError
from ratatoskr.ledger.memory import as_local
from ratatoskr.ledger.period import TimeWindow, find_window
from ratatoskr.ledger.protocol import Charge, Hold, Ledger, Refusal
from ratatoskr.middleware.base import Middleware
from ratatoskr.middleware.estimate import CountInput, estimate_input, estimate_usage, largest_output
from ratatoskr.middleware.watch import watch
from ratatoskr.models.cost import cost_of, worst_units
from ratatoskr.models.pricing import PricedModel
from ratatoskr.registry.policy import maybe_billed
from ratatoskr.types.allowance import BudgetStatus
from ratatoskr.types.attempt import Notice
from ratatoskr.types.budget import MONEY_UNIT, Budget, to_units
from ratatoskr.types.usage import EXACT, Usage

if TYPE_CHECKING:
    from datetime import tzinfo

    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.middleware.base import AskChat, AskEmbed, AskStream
    from ratatoskr.models.price import Price
    from ratatoskr.providers.protocol import CallOptions
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.embed import Embeddings, EmbedRequest
    from ratatoskr.types.usage import Cost

__all__ = ["BudgetMeter", "FindModel", "MeteredModel"]

_UNKNOWN_OUTPUT: Final = 32_768
"""The most output tokens of a model for which no source says how many it writes."""
_MAX_SCOPE: Final = 128
"""The most characters of a scope in the name of an account; of a longer one, the digest stands there."""

_new: Final = tuple.__new__  # of a `NamedTuple`, without the function of Python that its class adds
_logger = logging.getLogger("ratatoskr.budget")


class MeteredModel(PricedModel, Protocol):
    """What a budget needs to know of a model."""

    @property
    def max_output_tokens(self) -> int | None:
        """The most tokens of an answer."""
        ...


FindModel: TypeAlias = Callable[[str, str], "MeteredModel | None"]
"""Returns what is known of a provider's model."""


@dataclass(slots=True)
class _BudgetAccount:
    """One budget, and what does not change between calls.

    Attributes:
        budget: as configured.
        limit: in units of money.
        zone: of its days.
        prefix: of the names of its accounts.
        refuses: the limit where it is enforced.
        window: the latest one, and the name of its account without a scope.
    """

    budget: Budget
    limit: int
    zone: tzinfo
    prefix: str
    refuses: int | None
    window: tuple[TimeWindow, str] = (TimeWindow(0.0, 0.0), "")

    @classmethod
    def of(cls, budget: Budget) -> _BudgetAccount:
        """Return the account of a budget."""
        limit = budget.limit
        return cls(budget, limit, budget.zone, budget.account, limit if budget.on == "error" else None)

    def window_at(self, now: float) -> tuple[TimeWindow, str]:
        """Return the window that a moment is in, and the name of its account."""
        (start, end), _ = found = self.window
        if not start <= now < end:
            window = find_window(self.budget.per, self.zone, now)
            found = self.window = (window, f"{self.prefix}:{window.start:.0f}:")
        return found

    def charge(self, request: ChatRequest | EmbedRequest, amount: int, now: float) -> Charge:
        """Return what a request reserves."""
        (start, end), name = self.window
        if not start <= now < end:
            (_, end), name = self.window_at(now)
        if self.budget.scope is not None:
            name += _scope(self.budget.scope(request))
        return _new(Charge, (name, amount, self.refuses, math.inf, end))


@dataclass(slots=True)
class _PaidTry:
    """A try that reserves what it may cost.

    Attributes:
        charges: for each budget.
        now: when it began.
        worst: the most that it may cost, in units of money.
        input_tokens: as counted.
        output_tokens: that the most allows for.
        price: of the model; `None` if it is unknown.
        hold: what is reserved.
        warned: which budgets are exceeded and only warn.
    """

    charges: list[Charge]
    now: float
    worst: int
    input_tokens: int
    output_tokens: int
    price: Price | None
    hold: Hold = Hold((), None, ())
    warned: tuple[Budget, ...] = ()


class BudgetMeter(Middleware):
    """Keeps tries within budgets: around every try, so that each is charged for itself.

    Args:
        budgets: all of which must allow a call.
        ledger: counts.
        find: returns the price of a model.
        now: returns seconds since 1970.
        count: returns the input tokens of a request.
        free: the names of providers that cost nothing where no price says otherwise, as servers of your own.
    """

    def __init__(
        self,
        budgets: Sequence[Budget],
        ledger: Ledger,
        find: FindModel,
        now: Callable[[], float],
        count: CountInput = estimate_input,
        free: frozenset[str] = frozenset(),
    ) -> None:
        self._accounts = [_BudgetAccount.of(budget) for budget in budgets]
        self._warns = any(account.refuses is None for account in self._accounts)
        self._refuses_unpriced = any(budget.unpriced == "refuse" for budget in budgets)
        self._ledger = ledger
        self._local = as_local(ledger)
        self._find = find
        self._now = now
        self._count = count
        self._free = free
        self._warned: dict[str, float] = {}

    async def chat(self, request: ChatRequest, call: CallOptions, ask: AskChat) -> ChatResponse[Any]:
        """Return the answer to a chat that the budgets allow."""
        current = self._begin_now(request, call) or await self._begin(request, call)
        try:
            response = await ask(request, call)
        except BaseException as error:
            self._fail(current, error)
            raise
        self._settle(current, response)
        return _add_notices(response, current) if current.warned else response

    async def open_stream(self, request: ChatRequest, call: CallOptions, ask: AskStream) -> OpenStream:
        """Return a stream that the budgets allow; an abandoned one costs what has come of it."""
        current = self._begin_now(request, call) or await self._begin(request, call)
        try:
            stream = await ask(request, call)
        except BaseException as error:
            self._fail(current, error)
            raise
        return watch(stream, on_end=lambda response, error: self._settle(current, response, error))

    async def embed(self, request: EmbedRequest, call: CallOptions, ask: AskEmbed) -> Embeddings:
        """Return vectors that the budgets allow."""
        current = self._begin_now(request, call) or await self._begin(request, call)
        try:
            embeddings = await ask(request, call)
        except BaseException as error:
            self._fail(current, error)
            raise
        usage = embeddings.usage
        if usage.input_tokens is None:
            usage = Usage(current.input_tokens, 0, source="estimated")
        self._replace(current, self._units(current, None, usage))
        return embeddings

    async def status(self) -> list[BudgetStatus]:
        """Return what is spent of each budget in the current window."""
        found, now = [], self._now()
        for account in self._accounts:
            budget = account.budget
            window, name = account.window_at(now)
            units = None if budget.scope is not None else await self._ledger.total(name, now)
            used = None if units is None else EXACT.multiply(Decimal(units), MONEY_UNIT)
            wait = window.end - now if window.end < math.inf else None
            found.append(BudgetStatus(budget.name, Decimal(budget.amount), str(budget.per), used, wait, budget.on))
        return found

    def _begin_now(self, request: ChatRequest | EmbedRequest, call: CallOptions) -> _PaidTry | None:
        """Reserve what a try may cost at most, without a coroutine; return `None` where that takes one.

        Raises:
            BudgetExceeded: a budget does not have that much left.
            InvalidInput: no price is known.
        """
        local = self._local
        if local is None:
            return None
        want = self._want(request, call)
        return self._take(want, local.reserve_now(want.charges, want.now), call)

    async def _begin(self, request: ChatRequest | EmbedRequest, call: CallOptions) -> _PaidTry:
        """Reserve what a try may cost at most.

        Raises:
            BudgetExceeded: a budget does not have that much left.
            InvalidInput: no price is known.
        """
        want = self._want(request, call)
        return self._take(want, await self._ledger.reserve(want.charges, want.now), call)

    def _want(self, request: ChatRequest | EmbedRequest, call: CallOptions) -> _PaidTry:
        """Return a try with what it has to reserve."""
        now = self._now()
        input_tokens = self._count(request, call.provider or "", call.model)
        price, worst, output_tokens = self._worst_case(request, call, input_tokens, now)
        charges = [account.charge(request, worst, now) for account in self._accounts]
        return _PaidTry(charges, now, worst, input_tokens, output_tokens, price)

    def _take(self, current: _PaidTry, found: Hold | Refusal, call: CallOptions) -> _PaidTry:
        """Return a try with what was reserved for it."""
        if not isinstance(found, Hold):
            raise self._refusal_error(current, found, call)
        current.hold = found
        if self._warns:
            for account, charge, total in zip(self._accounts, current.charges, found.totals, strict=True):
                if charge.limit is None and total > account.limit:
                    current.warned += (account.budget,)
                    self._warn(account, charge)
        return current

    def _refusal_error(self, current: _PaidTry, refusal: Refusal, call: CallOptions) -> BudgetExceeded:
        account, until = self._accounts[refusal.position], current.charges[refusal.position].until
        left = f"the budget of {account.budget.words} has {_money(max(account.limit - refusal.total, 0))} left"
        tokens = f"{current.input_tokens} input and {current.output_tokens} output tokens"
        needs = f"this call may cost {_money(current.worst)} ({tokens})"
        if current.price is None:
            needs = "the price of this call is not known"
        wait = until - current.now if until < math.inf else None
        return BudgetExceeded(f"{left}, and {needs}", provider="ratatoskr", model=call.model, retry_after=wait)

    def _worst_case(
        self, request: ChatRequest | EmbedRequest, call: CallOptions, input_tokens: int, now: float
    ) -> tuple[Price | None, int, int]:
        """Return the price of the model, the most that a call may cost, and the output tokens that this allows for."""
        model = self._find(call.provider or "", call.model)
        price, output_tokens = None, largest_output(request)
        if model is not None:
            price, most = model.prices, model.max_output_tokens
            if most is not None and (output_tokens is None or most < output_tokens):
                output_tokens = most
        if output_tokens is None:
            output_tokens = _UNKNOWN_OUTPUT
        if price is not None:
            tier, caches = None, False
            options = getattr(request, "options", None)
            if options is not None:
                tier = options.service_tier
                caches = bool(options.cache_prompt) or _has_cache_marks(request)
            worst = worst_units(input_tokens, output_tokens, price, now, tier, caches)
            if worst is not None:
                return price, worst, output_tokens
        if call.provider not in self._free and self._refuses_unpriced:
            name = f"{call.provider}:{call.model}" if call.provider else call.model
            raise InvalidInput(
                f"no price of {name} is known, and a budget is set: give its price with the builder's "
                "model(…, price=…), or set the budget's unpriced='allow'",
                field="model",
                provider=call.provider,
                model=call.model,
            )
        unknown = 0 if call.provider in self._free else 1  # one unit: nothing is left of a budget that is spent
        return None, unknown, output_tokens

    def _settle(self, current: _PaidTry, response: ChatResponse[Any], error: BaseException | None = None) -> None:
        """Replace what was reserved by what an answer cost, also one that was abandoned or broke off."""
        usage = response.usage
        complete = error is None and response.finish_reason != "unknown"
        if usage.input_tokens is None or usage.output_tokens is None or not complete:
            usage = estimate_usage(current.input_tokens, response)
        self._replace(current, self._units(current, response.cost, usage))

    def _fail(self, current: _PaidTry, error: BaseException) -> None:
        """Give back what a try that failed cannot cost, and keep what the provider may bill."""
        amount = current.worst
        if isinstance(error, RatatoskrError):
            partial = error.partial
            if partial is not None and (partial.cost is not None or partial.usage.input_tokens is not None):
                amount = self._units(current, partial.cost, estimate_usage(current.input_tokens, partial))
            elif not maybe_billed(error) and not any(attempt.maybe_billed for attempt in error.attempts):
                amount = 0
        self._replace(current, amount)

    def _units(self, current: _PaidTry, cost: Cost | None, usage: Usage) -> int:
        """Return what a usage costs: the bill, else what the price says, else the reserved amount."""
        if cost is None or (cost.source != "provider" and (cost.estimated or usage.source == "estimated")):
            cost = cost_of(usage, current.price, at=self._now()) if current.price is not None else cost
        if cost is None:
            return current.worst if current.price is not None else 0
        return max(to_units(cost.amount), 0)

    def _replace(self, current: _PaidTry, amount: int) -> None:
        self._ledger.settle(current.hold, [amount] * len(current.hold.charges), self._now())

    def _warn(self, account: _BudgetAccount, charge: Charge) -> None:
        """Log once in each window that a budget is exceeded."""
        if self._warned.get(account.prefix) != charge.until:
            self._warned[account.prefix] = charge.until
            _logger.warning("a budget is exceeded", extra={"budget": account.budget.words})


def _scope(scope: object) -> str:
    if scope is None:
        return ""
    if not isinstance(scope, str):
        raise ConfigurationError(f"scope must return text or None, not {type(scope).__name__}", field="scope")
    return scope if len(scope) <= _MAX_SCOPE else hashlib.sha256(scope.encode("utf-8", "replace")).hexdigest()


def _has_cache_marks(request: Any) -> bool:
    for message in request.messages:
        for part in message.content:
            if part.cache:
                return True
    return False


def _money(units: int) -> str:
    """Return an amount in words, with two digits that count, and never with an exponent."""
    amount = float(EXACT.multiply(Decimal(units), MONEY_UNIT))
    return f"{amount:.2f} USD" if units >= 10**12 else f"{Decimal(f'{amount:.2g}'):f} USD"


def _add_notices(response: ChatResponse[Any], current: _PaidTry) -> ChatResponse[Any]:
    notices = [Notice("budget_exceeded", f"the budget of {one.words} is exceeded") for one in current.warned]
    return replace(response, warnings=(*response.warnings, *notices))
