"""Requests in each dialect, sent by a plain client."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from ratatoskr.testing import ScriptedUpstream
from unit.testing.wires import WIRES, Wire


@pytest.fixture(params=list(WIRES))
def wire(request):
    return WIRES[request.param]


@pytest.fixture(scope="session")
def tls():
    """One context for all: to read the roots takes longer than most tests."""
    return ssl.create_default_context()


@pytest.fixture
async def client(tls):
    async with httpx.AsyncClient(timeout=60, trust_env=False, verify=tls) as made:
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
