"""Faults of the body: where it is cut, and which answer is spoiled."""

from __future__ import annotations

import httpx
import pytest

from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, fault
from unit.testing.wires import WIRES

TEXT = "Up the tree and down."


@pytest.mark.parametrize("ending", ["reset", "end", "clean"])
@pytest.mark.parametrize("stream", [False, True], ids=["call", "stream"])
async def test_a_body_is_cut_at_any_byte(ending, stream, wire, client):
    async with ScriptedUpstream(TEXT) as upstream:
        address, body = wire.address(upstream, stream), wire.body(stream=stream)
        whole = (await client.post(address, json=body, headers=wire.headers)).content
        for at in (0, 1, 57, len(whole) - 1, -1, len(whole)):
            await upstream.use([fault(f"cut_{ending}", at=at, turn=ScriptedTurn(TEXT))])
            content = b""
            try:
                async with client.stream("POST", address, json=body, headers=wire.headers) as response:
                    async for chunk in response.aiter_raw():
                        content += chunk
            except httpx.HTTPError:
                assert ending != "clean"
            else:
                assert ending == "clean" or (not stream and at == len(whole))
            # ids differ from answer to answer, lengths do not
            assert len(content) == (at if at >= 0 else len(whole) + at)
            assert upstream.last.sent == len(content)


async def test_a_stream_is_cut_after_so_many_events(client):
    wire = WIRES["anthropic"]
    async with ScriptedUpstream([fault("cut_clean", events=3, turn=ScriptedTurn(TEXT))]) as upstream:
        response = await client.post(wire.address(upstream), json=wire.body(stream=True), headers=wire.headers)
    assert [name for name, _ in wire.events(response.content)] == ["message_start", "content_block_start", "ping"]


async def test_what_is_spoiled_can_be_scripted(ask):
    turn = ScriptedTurn(tool_calls=[ScriptedToolCall("look", '{"at": "the')])
    async with ScriptedUpstream([fault("no_end", turn=turn)]) as upstream:
        response = await ask(upstream, WIRES["chat"], stream=True)
    assert "look" in response.text
    assert "[DONE]" not in response.text
