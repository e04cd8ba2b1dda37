"""Requests in each dialect, sent by a plain client."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ratatoskr.testing import ScriptedUpstream
from unit.testing.wires import WIRES, Wire


@pytest.fixture(params=list(WIRES))
def wire(request):
    return WIRES[request.param]


@pytest.fixture
async def client():
    async with httpx.AsyncClient(trust_env=False) as made:
        yield made


@pytest.fixture
async def upstream():
    async with ScriptedUpstream() as made:
        yield made


@pytest.fixture
def ask(client):
    """Send one request and read the whole response."""

    async def send(upstream: Any, wire: Wire, *, stream: bool = False, headers: Any = None, **body: Any):
        return await client.post(
            wire.address(upstream, stream),
            json=wire.body(stream=stream, **body),
            headers={**wire.headers, **(headers or {})},
        )

    return send
