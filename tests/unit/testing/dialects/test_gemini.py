"""Gemini's own: blocked prompts, and arrays without SSE."""

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


async def test_gemini_blocks_a_prompt_without_candidates(ask):
    async with ScriptedUpstream(ScriptedTurn(finish="content_filter")) as upstream:
        document = (await ask(upstream, WIRES["gemini"])).json()
    assert document["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in document


async def test_gemini_without_sse_streams_one_array(client):
    async with ScriptedUpstream(TURN) as upstream:
        address = upstream.base_url("google") + "/v1/models/some-model:streamGenerateContent"
        response = await client.post(address, json=WIRES["gemini"].body())
    parts = [part for one in response.json() for part in one["candidates"][0]["content"]["parts"]]
    assert "".join(p["text"] for p in parts if not p.get("thought")) == TURN.text
