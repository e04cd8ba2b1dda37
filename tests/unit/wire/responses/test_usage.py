"""Token counts and cost."""

from decimal import Decimal

from ratatoskr.types import (
    Usage,
)


def test_usage_is_disjoint_and_model_and_id_are_those_of_the_response(wire):
    turn = wire.decode([wire.output[2]])
    assert turn.usage == Usage(100, 50, 60, 10, 20, "provider")
    assert (turn.model, turn.response_id, turn.cost) == ("gpt-5.5-2026-04-23", "resp_1", None)


def test_openrouters_cost_keeps_all_digits(wire):
    turn = wire.decode([wire.output[2]], usage={"input_tokens": 1, "cost": 1.8e-05})
    assert turn.cost.amount == Decimal("0.000018")
    assert turn.usage == Usage(1, None, None, None, None, "provider")
