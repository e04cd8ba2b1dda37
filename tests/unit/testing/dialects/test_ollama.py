"""Ollama's own: `/api/generate`."""

from __future__ import annotations

from unit.testing.wires import WIRES


async def test_ollama_generates_too(client, upstream):
    wire = WIRES["ollama"]
    body = {"model": "m", "prompt": "Tell me.", "stream": False}
    whole = (await client.post(upstream.base_url("ollama") + "/api/generate", json=body)).json()
    assert whole["done"] is True
    streamed = await client.post(upstream.base_url("ollama") + "/api/generate", json={**body, "stream": True})
    assert "".join(data["response"] for _, data in wire.events(streamed.content)) == whole["response"]
