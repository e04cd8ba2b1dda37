"""The recorded bills of OpenRouter, compared with what its list prices give."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from ratatoskr import Ratatoskr
from recorded.cases import Case, all_cases
from recorded.expected.answer import Answer
from recorded.player import open_player

WEB_SEARCH = Decimal("0.007")
"""What the web plugin costs a request, which is no part of the tokens' price."""
OTHER_UPSTREAM = {"moonshotai/kimi-k2.5-0127", "openai/gpt-oss-20b"}
"""Models that several companies serve at OpenRouter, each at a price of its own."""
RETIRED = {"x-ai/grok-4.1-fast"}
"""Models that the table no longer has."""


def billed_cases() -> list[Case]:
    cases = [case for case in all_cases() if case.provider.startswith("openrouter")]
    read = [(case, case.expected) for case in cases]
    return [case for case, expected in read if isinstance(expected, Answer) and expected.cost is not None]


async def explain_bill(case: Case) -> str:
    """Return how the bill of a recorded answer and the list price of its tokens go together."""
    async with open_player(case) as player, Ratatoskr.builder().ollama().build() as prices:
        response = (await player.play()).response
        assert response is not None
        bill = response.cost
        assert bill is not None
        assert bill.source == "provider", "a bill always wins"
        assert sum((item.amount for item in bill.items), Decimal(0)) == bill.amount
        listed = await prices.cost(response.usage, f"openrouter:{response.model}")
    if listed is None:
        return "retired" if response.model in RETIRED else f"{response.model} has no price"
    if [item.unit for item in bill.items] == ["bill", "upstream"]:
        return "own key" if bill.amount == listed.amount else "own key at another price"
    if bill.amount == listed.amount:
        return "exact"
    if abs(bill.amount - listed.amount - WEB_SEARCH) < Decimal("1e-12"):  # the bill is a binary float's digits
        return "web plugin"
    return "another upstream" if response.model in OTHER_UPSTREAM else f"{bill.amount} is not {listed.amount}"


async def test_bills_are_the_list_price_or_differ_for_a_known_reason() -> None:
    cases = billed_cases()
    if not cases:
        pytest.skip("no recordings")
    found = Counter([await explain_bill(case) for case in cases])
    assert found == {"exact": 13, "web plugin": 2, "own key": 1, "another upstream": 3, "retired": 2}
