"""The items of a cost: their quantities add up to the usage, and their amounts to the cost."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.models.cost import cost_of, worst_case
from ratatoskr.models.price import UNITS, Price, TieredRate
from ratatoskr.types.usage import Cost, Usage, UsageDetails

RATES = st.decimals(0, 500, places=9).map(lambda rate: f"{rate:f}")
TIERED = st.builds(lambda base, above, rate: TieredRate(base, ((above, rate),)), RATES, st.integers(1, 10**6), RATES)
PRICES = st.builds(
    Price,
    input=RATES | TIERED,
    output=RATES | TIERED,
    **{unit: st.none() | RATES for unit in UNITS if unit not in {"input", "output", "pages", "seconds", "characters"}},
)


@st.composite
def usages(draw: Any) -> Usage:
    """Return a usage whose parts fit into their totals."""

    def parts(total: int, names: list[str]) -> dict[str, int]:
        found = {}
        for name in names:
            found[name] = draw(st.integers(0, total))
            total -= found[name]
        return found

    prompt, answer = draw(st.integers(0, 10**7)), draw(st.integers(0, 10**6))
    inputs = parts(prompt, ["read", "write", "input_audio_tokens", "input_image_tokens", "input_video_tokens"])
    outputs = parts(answer, ["reasoning", "output_audio_tokens", "output_image_tokens"])
    read, write, thought = inputs.pop("read"), inputs.pop("write"), outputs.pop("reasoning")
    details = UsageDetails(
        cache_write_long_tokens=draw(st.integers(0, write)), web_searches=draw(st.integers(0, 9)), **inputs, **outputs
    )
    return Usage(prompt, answer, read, write, thought, "provider", details=draw(st.none() | st.just(details)))


@given(usages(), PRICES)
def test_items_add_up(usage: Usage, price: Price) -> None:
    cost = cost_of(usage, price, at=0.0)
    assert cost is not None
    units = {item.unit: item.quantity for item in cost.items}
    assert len(units) == len(cost.items)
    assert sum(n for unit, n in units.items() if unit.startswith(("input", "cache"))) == usage.input_tokens
    assert sum(n for unit, n in units.items() if unit.startswith(("output", "reasoning"))) == usage.output_tokens
    assert sum((item.amount for item in cost.items), Decimal(0)) == cost.amount
    assert cost.amount >= 0


@given(usages(), PRICES)
def test_a_cost_survives_json_and_pickle_unchanged(usage: Usage, price: Price) -> None:
    cost = cost_of(usage, price, at=0.0)
    assert cost is not None
    assert Cost.from_json(cost.to_json()) == cost
    assert pickle.loads(pickle.dumps(cost)) == cost  # made here


@given(usages(), usages(), PRICES)
def test_sums_are_exact(first: Usage, second: Usage, price: Price) -> None:
    costs = [cost_of(usage, price, at=0.0) for usage in (first, second)]
    assert costs[0] is not None
    assert costs[1] is not None
    both = costs[0] + costs[1]
    assert both.amount == costs[0].amount + costs[1].amount
    assert sum((item.amount for item in both.items), Decimal(0)) == both.amount


@given(st.integers(0, 10**7), st.integers(0, 10**6), PRICES, st.booleans())
def test_no_text_call_costs_more_than_its_worst_case(prompt: int, answer: int, price: Price, thinks: bool) -> None:
    most = worst_case(prompt, answer, price, 0.0)
    thought = answer if thinks else 0
    cost = cost_of(Usage(prompt, answer, None, None, thought, "provider"), price, at=0.0)
    assert cost is not None
    assert most is not None
    assert cost.amount <= most
