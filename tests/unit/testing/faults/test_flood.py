"""Faults that send too much have the size that they say."""

from __future__ import annotations

import zlib

import pytest

from ratatoskr.testing import ScriptedUpstream, fault
from unit.testing.wires import WIRES

TEXT = "Up the tree and down."


async def test_a_huge_line_has_its_size(client):
    async with ScriptedUpstream([fault("huge_line", size=300_000)]) as upstream:
        wire = WIRES["chat"]
        response = await client.post(wire.address(upstream), json=wire.body(stream=True))
    assert 300_000 <= max(map(len, response.content.split(b"\n"))) < 400_000


@pytest.mark.parametrize(("name", "layers"), [("gzip_bomb", 1), ("gzip_bomb_stacked", 2)])
async def test_a_bomb_is_small_and_unpacks_to_its_size(name, layers, client):
    size = 8 * 1024 * 1024
    async with ScriptedUpstream([fault(name, size=size)]) as upstream:
        wire = WIRES["chat"]
        async with client.stream("POST", wire.address(upstream), json=wire.body()) as response:
            content = b"".join([chunk async for chunk in response.aiter_raw()])
    assert len(content) < 20_000
    for _ in range(layers - 1):
        content = zlib.decompressobj(31).decompress(content)
    assert len(zlib.decompressobj(-15).decompress(content[10:])) == size
