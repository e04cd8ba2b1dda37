"""Chat Completions' own: the usage in streams."""

from __future__ import annotations

from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, TokenCounts
from unit.testing.wires import WIRES

TURN = ScriptedTurn(
    "Hello, it is warm.",
    reasoning="They ask about the weather.",
    usage=TokenCounts(input=10, output=20, reasoning=5, cache_read=3, cache_write=2),
    signature="c2lnbmVk",
    request_id="my-request",
)


async def test_chat_completions_tells_usage_in_streams_only_when_asked(ask):
    wire = WIRES["chat"]
    async with ScriptedUpstream(TURN) as upstream:
        without = wire.events((await ask(upstream, wire, stream=True)).content)
        options = {"stream_options": {"include_usage": True}}
        asked = wire.events((await ask(upstream, wire, stream=True, **options)).content)
    assert not any("usage" in data for _, data in without[:-1])
    assert [data["usage"] for _, data in asked[:-2]] == [None] * (len(asked) - 2)
    assert asked[-2][1]["choices"] == []
    assert asked[-2][1]["usage"]["total_tokens"] == 40
    assert asked[-1][1] == "[DONE]"
