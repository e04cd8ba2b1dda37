"""Budgets: the worst case reserved, the bill settled, refused in time; windows that do not trickle back."""

from __future__ import annotations

import asyncio
import decimal
import logging
import math
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ratatoskr.backend.stream import OpenStream
from ratatoskr.errors import (
    BudgetExceeded,
    ConfigurationError,
    ConnectionFailed,
    InvalidInput,
    QuotaExhausted,
    ServiceUnavailable,
    Timeout,
)
from ratatoskr.ledger.memory import MemoryLedger
from ratatoskr.middleware.budget import BudgetMeter
from ratatoskr.models.price import Price
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types import ChatOptions, ChatRequest, ChatResponse, Cost, Message, Usage
from ratatoskr.types.budget import Budget
from ratatoskr.types.embed import Embeddings, EmbedRequest
from ratatoskr.types.timeouts import Deadlines
from unit.middleware.test_limits import Source, answer, chat_request, counted
from unit.middleware.virtual_time import run

DOLLAR = 10**12
CALL = CallOptions("m", Deadlines(), provider="test", attempt=1)


@dataclass
class Model:
    """A million tokens of input cost 1 dollar, of output 10."""

    prices: Price | None = Price(input="1", output="10")
    max_output_tokens: int | None = 1000


class Meter:
    """A meter with a clock and a ledger to look into."""

    def __init__(self, *budgets: Budget, model: Model | None = Model(), ledger=None, count=0, free=frozenset()) -> None:  # noqa: B008
        self.now = 1e9
        self.ledger = ledger or MemoryLedger()
        self.meter = BudgetMeter(
            budgets, self.ledger, lambda *_: model, lambda: self.now, counted(count), free=frozenset(free)
        )

    async def spent(self) -> Decimal:
        """Return what every account of the ledger holds, in dollars."""
        totals = [await self.ledger.total(name, self.now) for name in self.ledger._accounts]
        return Decimal(sum(totals)) / DOLLAR

    async def chat(self, response: Any = None, max_tokens: int | None = 1000, **changes: Any) -> Any:
        async def ask(request, call):
            if isinstance(response, BaseException):
                raise response
            return response or answer(0, 1000)

        request = replace(chat_request(max_tokens), **changes)
        return await self.meter.chat(request, CALL, ask)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": "0.00"}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 10.0}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "ten"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "Infinity"}, "amount"),
        ({"amount": "1e9"}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": "1", "per": "week"}, "per"),
        ({"amount": "1", "per": 60}, "per"),
        ({"amount": "1", "per": timedelta(0)}, "per"),
        ({"amount": "1", "per": timedelta(seconds=-5)}, "per"),
        ({"amount": "1", "tz": "Mars/Olympus"}, "tz"),
        ({"amount": "1", "tz": "../../etc/passwd"}, "tz"),
        ({"amount": "1", "tz": None}, "tz"),
        ({"amount": "1", "scope": "user"}, "scope"),
        ({"amount": "1", "unpriced": "ask"}, "unpriced"),
        ({"amount": "1", "on": "log"}, "on"),
        ({"amount": "1", "name": ""}, "name"),
    ],
)
def test_a_wrong_budget_is_refused_when_it_is_made(arguments, field):
    with pytest.raises(ConfigurationError, match=f"{field} of a budget must be") as caught:
        Budget(**arguments)
    assert caught.value.field == field


@pytest.mark.parametrize("amount", ["10.00", 10, Decimal(10), " 10 "])
def test_an_amount_is_text_a_whole_number_or_a_decimal_in_any_context(amount):
    with decimal.localcontext() as context:
        context.prec = 1
        context.traps[decimal.Inexact] = True
        context.traps[decimal.FloatOperation] = True
        assert Budget(amount).limit == 10 * DOLLAR
        assert Budget("1234.567890123456").limit == 1_234_567_890_123_456


def test_500_concurrent_calls_stay_within_one_dollar():
    """Each of them may cost a cent, and costs between half and a whole one."""
    chance, billed = random.Random(3), []

    async def main() -> list[Any]:
        meter = Meter(Budget("1.00"))

        async def ask(request, call):
            await asyncio.sleep(chance.random())
            response = answer(0, chance.randint(500, 1000))
            billed.append(Decimal(response.usage.output_tokens) / 100_000)
            return response

        calls = [meter.meter.chat(chat_request(1000), CALL, ask) for _ in range(500)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert await meter.spent() == sum(billed)
        return found

    found = run(main())
    assert sum(billed) <= 1
    refused = [one for one in found if isinstance(one, BudgetExceeded)]
    assert len(refused) + len(billed) == 500
    assert len(billed) >= 100


def test_a_bill_above_its_own_worst_case_is_all_that_goes_over():
    async def main() -> Decimal:
        meter = Meter(Budget("1.00"))
        expensive = replace(answer(0, 1000), cost=Cost(Decimal("0.03"), source="provider"))
        for _ in range(98):
            await meter.chat()
        await asyncio.gather(*[meter.chat(expensive) for _ in range(4)], return_exceptions=True)
        return await meter.spent()

    assert run(main()) == Decimal("0.98") + Decimal("0.03")


def test_four_calls_of_9_cents_against_25_cents_left():
    """garrytan/gbrain#4365: two pass."""

    async def main() -> list[Any]:
        meter = Meter(Budget("0.25"))
        bill = replace(answer(0, 9000), cost=Cost(Decimal("0.09"), source="provider"))
        calls = [meter.chat(bill, 9000) for _ in range(4)]
        meter.meter._find = lambda *_: Model(max_output_tokens=9000)
        return await asyncio.gather(*calls, return_exceptions=True)

    found = run(main())
    assert [isinstance(one, BudgetExceeded) for one in found] == [False, False, True, True]


def test_what_is_spent_stays_spent_until_the_window_ends():
    """wso2/api-platform#2936."""

    async def main() -> None:
        meter = Meter(Budget("0.01", per=timedelta(hours=1)))
        end = math.ceil(meter.now / 3600) * 3600
        await meter.chat()
        for now in (meter.now, end - 1.0):
            meter.now = now
            with pytest.raises(BudgetExceeded) as caught:
                await meter.chat()
            assert caught.value.retry_after == pytest.approx(end - now)
        meter.now = float(end)
        await meter.chat()

    run(main())


def test_a_refusal_says_what_is_left_and_what_the_call_may_cost():
    async def main() -> BudgetExceeded:
        meter = Meter(Budget("10.00", per="total"), count=1_000_000)
        for _ in range(9):
            await meter.chat(answer(1_000_000, 1000))
        with pytest.raises(BudgetExceeded) as caught:
            await meter.chat()
        return caught.value

    error = run(main())
    assert isinstance(error, QuotaExhausted)
    assert (error.provider, error.model, error.retry_after, error.retryable) == ("ratatoskr", "m", None, False)
    assert error.message == (
        "the budget of 10.00 USD in total has 0.91 USD left, and this call may cost 1.01 USD "
        "(1000000 input and 1000 output tokens)"
    )


@pytest.mark.parametrize(
    ("outcome", "cents"),
    [
        (answer(0, 100), "0.1"),
        (replace(answer(0, 100), cost=Cost(Decimal("0.0042"), source="provider")), "0.42"),
        (replace(answer(0, 0), cost=Cost(Decimal(0), source="provider")), "0"),  # free is a price
        (ServiceUnavailable(status=503), "0"),
        (ConnectionFailed(sent=False), "0"),
        (InvalidInput(field="messages"), "0"),
        (ConnectionFailed(sent=True), "1"),
        (Timeout(phase="total"), "1"),
        (Timeout(phase="connect"), "0"),
        (asyncio.CancelledError(), "1"),
        (ServiceUnavailable(partial=answer(0, 50)), "0.05"),
        (ChatResponse(Message.assistant("x" * 300), finish_reason="stop"), "0.1"),  # defilantech/LLMKube#1852
    ],
)
def test_a_try_costs_its_bill_or_what_it_may_have_cost(outcome, cents):
    async def main() -> Decimal:
        meter = Meter(Budget("1.00"))
        if isinstance(outcome, BaseException):
            with pytest.raises(type(outcome)):
                await meter.chat(outcome)
        else:
            await meter.chat(outcome)
        return await meter.spent()

    assert run(main()) == Decimal(cents) / 100


@pytest.mark.parametrize(
    ("error", "close", "cents"),
    [(None, False, "0.5"), (None, True, "0.1"), (ServiceUnavailable(), False, "0.1")],
    ids=["complete", "abandoned", "broken"],
)
def test_a_stream_costs_what_came_of_it(error, close, cents):
    async def main() -> Decimal:
        meter = Meter(Budget("1.00"))
        whole = replace(answer(0, 500), message=Message.assistant("x" * 300))

        async def ask(request, call):
            return OpenStream(Source([whole], error), [])

        stream = await meter.meter.open_stream(chat_request(1000), CALL, ask)
        assert await meter.spent() == Decimal("0.01")
        await stream.source.batch()
        if close:
            stream.close()
        elif error is None:
            await stream.source.batch()
        else:
            with pytest.raises(ServiceUnavailable):
                await stream.source.batch()
        return await meter.spent()

    assert run(main()) == Decimal(cents) / 100


def test_embeddings_are_charged_by_their_input():
    async def main() -> Decimal:
        meter = Meter(Budget("1.00"), count=500_000)
        import numpy as np

        async def ask(request, call):
            assert await meter.spent() == Decimal("0.5")
            return Embeddings(np.zeros((1, 2), np.float32), "m", Usage(400_000, 0, source="provider"))

        await meter.meter.embed(EmbedRequest(["text"], "m"), CALL, ask)
        return await meter.spent()

    assert run(main()) == Decimal("0.4")


@pytest.mark.parametrize("model", [None, Model(None), Model(Price(input="1")), Model(Price(output="1"))])
def test_a_model_without_a_price_is_refused_before_sending(model):
    """onyx-dot-app/onyx#14947: an unknown price is never zero."""

    async def main() -> InvalidInput:
        with pytest.raises(InvalidInput, match="no price of test:m is known") as caught:
            await Meter(Budget("1.00"), model=model, count=5).chat()
        return caught.value

    assert run(main()).field == "model"


def test_a_model_without_a_price_is_allowed_where_the_budget_says_so_and_a_bill_still_counts():
    async def main() -> Decimal:
        meter = Meter(Budget("1.00", unpriced="allow"), model=None)
        await meter.chat()
        assert await meter.spent() == 0
        await meter.chat(replace(answer(1, 1), cost=Cost(Decimal("0.3"), source="provider")))
        spent = await meter.spent()
        await meter.chat(replace(answer(1, 1), cost=Cost(Decimal("0.7"), source="provider")))
        with pytest.raises(BudgetExceeded, match="the price of this call is not known"):
            await meter.chat()
        return spent

    assert run(main()) == Decimal("0.3")


def test_a_server_of_ones_own_costs_nothing_unless_it_has_a_price():
    async def main() -> list[Decimal]:
        free = Meter(Budget("0.001"), model=None, free={"test"})
        await free.chat()
        priced = Meter(Budget("1.00"), free={"test"})
        await priced.chat()
        return [await free.spent(), await priced.spent()]

    assert run(main()) == [0, Decimal("0.01")]


def test_a_price_of_zero_is_a_price():
    """BerriAI/litellm#25204."""

    async def main() -> Decimal:
        meter = Meter(Budget("0.01"), model=Model(Price(input="0", output="0")))
        for _ in range(50):
            await meter.chat()
        return await meter.spent()

    assert run(main()) == 0


def test_without_max_tokens_the_most_that_the_model_writes_counts():
    async def main() -> list[str]:
        messages = []
        for most in (3000, None):
            with pytest.raises(BudgetExceeded) as caught:
                await Meter(Budget("0.01"), model=Model(max_output_tokens=most)).chat(None, None)
            messages.append(caught.value.message)
        await Meter(Budget("0.01"), model=Model(max_output_tokens=1000)).chat(None, 10**9)
        return messages

    known, unknown = run(main())
    assert "3000 output tokens" in known
    assert "32768 output tokens" in unknown


@pytest.mark.parametrize(
    ("raw", "output"),
    [
        ({"max_tokens": 700}, 700),
        ({"max_completion_tokens": 700}, 700),
        ({"generationConfig": {"maxOutputTokens": 700}}, 700),
        ({"n": 7}, 700),
    ],
)
def test_raw_options_that_change_the_output_count(raw, output):
    async def main() -> str:
        options = ChatOptions(max_tokens=100, raw_provider_options=raw)
        with pytest.raises(BudgetExceeded) as caught:
            await Meter(Budget("0.001")).chat(options=options)
        return caught.value.message

    assert f"{output} output tokens" in run(main())


def test_each_scope_has_a_budget_of_its_own():
    def scope(request: ChatRequest | EmbedRequest) -> str | None:
        return request.options.user if isinstance(request, ChatRequest) else None

    async def main() -> None:
        meter = Meter(Budget("0.01", scope=scope))
        for user in ("ask", "embla", None, "x" * 5000, "x" * 5001):
            await meter.chat(options=ChatOptions(max_tokens=1000, user=user))
            with pytest.raises(BudgetExceeded):
                await meter.chat(options=ChatOptions(max_tokens=1000, user=user))
        with pytest.raises(ConfigurationError, match="scope must return text or None, not int"):
            await Meter(Budget("0.01", scope=lambda _: 5)).chat()  # type: ignore[arg-type,return-value]

    run(main())


def test_all_budgets_must_allow_a_call_and_each_is_charged():
    async def main() -> Decimal:
        meter = Meter(Budget("1.00", per="day"), Budget("0.015", per="month"))
        await meter.chat()
        with pytest.raises(BudgetExceeded, match="a month"):
            await meter.chat()
        return await meter.spent()

    assert run(main()) == Decimal("0.02")


def test_a_budget_that_warns_refuses_nothing_and_says_so_in_the_answer_and_once_in_the_log(caplog):
    async def main() -> list[Any]:
        meter = Meter(Budget("0.015", on="warn"))
        return [await meter.chat() for _ in range(3)]

    with caplog.at_level(logging.WARNING, "ratatoskr.budget"):
        first, *others = run(main())
    assert first.warnings == ()
    assert [[notice.code for notice in one.warnings] for one in others] == [["budget_exceeded"]] * 2
    assert [record.message for record in caplog.records] == ["a budget is exceeded"]
