"""Responses' own: numbered events with one end."""

from __future__ import annotations

from dataclasses import replace

from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, TokenCounts
from unit.testing.wires import WIRES

TURN = ScriptedTurn(
    "Hello, it is warm.",
    reasoning="They ask about the weather.",
    usage=TokenCounts(input=10, output=20, reasoning=5, cache_read=3, cache_write=2),
    signature="c2lnbmVk",
    request_id="my-request",
)


async def test_responses_number_their_events_and_end_once(ask):
    async with ScriptedUpstream(replace(TURN, refusal="No more.")) as upstream:
        events = WIRES["responses"].events((await ask(upstream, WIRES["responses"], stream=True)).content)
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    assert [name for name, _ in events if name in {"response.completed", "response.incomplete"}] == [events[-1][0]]
    assert all(name == data["type"] for name, data in events)
