"""Faults before the body: statuses, retry delays, redirects."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from ratatoskr.testing import FAULTS, ScriptedUpstream, fault
from unit.testing.wires import WIRES

TEXT = "Up the tree and down."


@pytest.mark.parametrize("status", [*range(300, 600, 7), 304, 404, 429, 529, 599])
async def test_any_status_comes_with_a_body_in_the_dialect(status, wire, ask):
    async with ScriptedUpstream([fault(f"status_{status}", message="So it is.")]) as upstream:
        response = await ask(upstream, wire)
    assert response.status_code == status
    if status != 304:
        assert "So it is." in str(response.json()["error"])


HINTS = {
    "rate_limited_seconds": "1",
    "rate_limited_fraction": "0.25",
    "rate_limited_zero": "0",
    "rate_limited_garbage": "soon, dear",
    "rate_limited_negative": "-5",
    "rate_limited_infinite": "inf",
    "rate_limited_nan": "nan",
    "rate_limited_huge": "1000000000",
    "rate_limited_empty": "",
    "rate_limited_twice": "1, 2",
    "rate_limited_past_date": None,
    "rate_limited_date": None,
    "rate_limited_ms": None,
    "rate_limited_hint": None,
}


@pytest.mark.parametrize("name", [name for name in FAULTS if name.startswith("rate_limited_")])
async def test_hints_when_to_come_back(name, wire, ask):
    async with ScriptedUpstream([fault(name)]) as upstream:
        response = await ask(upstream, wire)
    hint = response.headers.get("retry-after")
    if name == "rate_limited_hint":
        if wire.name == "gemini":
            assert hint is None
            assert response.json()["error"]["details"][0]["retryDelay"] == "1.500000000s"
        elif wire.name in {"anthropic", "ollama"}:
            assert hint == "1.5"
        else:
            assert response.headers["x-ratelimit-reset-requests"] == "1.5s"
        return
    if name == "rate_limited_ms":
        assert response.headers["retry-after-ms"] == "150"
    elif name.endswith("date"):
        assert parsedate_to_datetime(hint).tzinfo is not None
    else:
        assert hint == HINTS[name]


@pytest.mark.parametrize(
    ("name", "status"), [("error_in_200", 529), ("error_in_stream", 429), ("overloaded", 529), ("quota_exhausted", 429)]
)
async def test_errors_say_what_they_are_about(name, status, ask):
    kind = {"kind": "rate_limit", "status": status} if status == 429 and "stream" in name else {}
    said = {
        "chat": {529: "overloaded", 429: "rate_limit_exceeded"},
        "anthropic": {529: "overloaded_error", 429: "rate_limit_error"},
    }
    for wire in said:
        async with ScriptedUpstream([fault(name, **kind)]) as upstream:
            response = await ask(upstream, WIRES[wire], stream=True)
        word = "insufficient_quota" if (name, wire) == ("quota_exhausted", "chat") else said[wire][status]
        assert f'"{word}"' in response.text


async def test_a_redirect_leads_to_another_host_where_it_would_work(wire, client):
    async with ScriptedUpstream([fault("redirect_307")]) as upstream:
        address = wire.address(upstream)
        response = await client.post(address, json=wire.body(), headers=wire.headers)
        assert response.headers["location"] == address.replace("127.0.0.1", "localhost")
        followed = await client.post(response.headers["location"], json=wire.body(), headers=wire.headers)
        assert followed.status_code == 200
