"""The rates that hold at a time are kept until others may hold, and never longer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ratatoskr.models.cost import cost_of, worst_case, worst_units
from ratatoskr.models.price import Change, Price, TieredRate, Variant, Window
from ratatoskr.models.schedule import Schedule, Served
from ratatoskr.types.budget import to_units
from ratatoskr.types.usage import Usage

NIGHT = Window("22:00", "02:30", weekdays=(5, 6), except_days=(date(2026, 11, 7),))
NOON = Window("11:00", "24:00")
PRICE = Price(
    input=TieredRate("2", ((1000, "4"),)),
    output="8",
    changes=(
        Change(since=date(2026, 11, 1), input="3", output="9"),
        Change(until=date(2026, 11, 9), windows=(NIGHT,), input="1", output="5"),
    ),
    variants=(
        Variant(service_tier="flex", since=date(2026, 11, 4), windows=(NOON,), input="0.5"),
        Variant(batch=True, multiplier="0.123456789"),
    ),
)
START = datetime(2026, 10, 30, tzinfo=UTC).timestamp()
EDGES = [START + 86_400 * day + second for day in range(12) for second in (0, 9_000, 39_600, 79_200)]

near_edges = st.builds(
    lambda edge, apart: edge + apart, st.sampled_from(EDGES), st.sampled_from([-1.0, -0.25, 0.0, 0.25, 1.0, 1800.0])
)
served = st.tuples(st.sampled_from([None, "flex"]), st.none(), st.none(), st.booleans())


@given(st.lists(st.tuples(near_edges, served, st.sampled_from([1, 1000, 1001])), min_size=1, max_size=40))
def test_rates_that_were_kept_are_those_that_hold(asked: list[tuple[float, Served, int]]) -> None:
    kept = Schedule(PRICE)
    for moment, how, prompt in asked:
        found, fresh = kept.in_force(moment, how, prompt), Schedule(PRICE).in_force(moment, how, prompt)
        assert found == fresh
        assert found.since <= moment < found.until


def test_rates_are_kept_from_one_border_to_the_next() -> None:
    schedule, plain = Schedule(PRICE), (None, None, None, False)
    saturday = datetime(2026, 10, 31, 12, tzinfo=UTC).timestamp()
    first = schedule.in_force(saturday, plain, 1)
    assert (first.since, first.until) == (saturday - 3600, saturday + 10 * 3600)
    assert schedule.in_force(saturday + 3 * 3600, plain, 1) is first
    assert schedule.in_force(saturday + 10 * 3600, plain, 1) is not first
    always = Schedule(Price(input="1")).in_force(0.0, plain, 1)
    assert always.since < -1e300
    assert always.until > 1e300


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.decimals("0", "99999", places=18), st.booleans())
def test_what_is_reserved_is_the_worst_case_rounded_up(prompt: int, answer: int, rate: Decimal, caches: bool) -> None:
    price = Price(input=f"{rate:f}", cache_write="3.75", output="15.000000000000000001", requests="0.7")
    exact = worst_case(prompt, answer, price, 0.0, caches=caches)
    assert exact is not None
    assert worst_units(prompt, answer, price, 0.0, None, caches) == to_units(exact)


@given(st.integers(0, 10**9), st.decimals("0", "99999", places=18))
def test_amounts_have_no_zeros_at_their_end(tokens: int, rate: Decimal) -> None:
    cost = cost_of(Usage(tokens, 0, source="provider"), Price(input=f"{rate:f}", output="1"), at=0.0)
    assert cost is not None
    text = str(cost.amount)
    assert [item.amount for item in cost.items] == [cost.amount] * bool(tokens)
    assert "E+" not in text
    assert not ("." in text and "E" not in text and text.endswith("0"))
