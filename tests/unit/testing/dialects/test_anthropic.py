"""Anthropic's own: request ids, content blocks, required fields."""

from __future__ import annotations

import pytest

from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault
from unit.testing.wires import WIRES


async def test_anthropic_names_a_refused_request_alike_in_head_and_body(ask):
    async with ScriptedUpstream(fault("overloaded")) as upstream:
        response = await ask(upstream, WIRES["anthropic"])
    assert response.json()["request_id"] == response.headers["request-id"]


async def test_blocks_go_out_as_they_are(ask):
    block = {"type": "redacted_thinking", "data": "b3BhcXVl"}
    async with ScriptedUpstream(ScriptedTurn("Hello", blocks=[block])) as upstream:
        document = (await ask(upstream, WIRES["anthropic"])).json()
        events = WIRES["anthropic"].events((await ask(upstream, WIRES["anthropic"], stream=True)).content)
    assert document["content"][0] == block
    assert events[1][1]["content_block"] == block


@pytest.mark.parametrize(
    ("headers", "more", "told"),
    [
        ({}, {}, "anthropic-version"),
        ({"anthropic-version": "2023-06-01"}, {"max_tokens": None}, "max_tokens: Field required"),
        ({"anthropic-version": "2026-10-21"}, {"temperature": 1}, "temperature: Extra inputs are not permitted"),
    ],
)
async def test_anthropic_insists_on_its_version_and_max_tokens(client, upstream, headers, more, told):
    wire = WIRES["anthropic"]
    response = await client.post(wire.address(upstream), json=wire.body(**more), headers=headers)
    assert response.status_code == 400
    assert told in response.json()["error"]["message"]
