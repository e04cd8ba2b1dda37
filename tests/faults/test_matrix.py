"""Every misbehaviour, in every dialect, called and streamed, over both transports: the class that the table says."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest
from tests.conformance.faces import KEY, MODELS, gateway_to
from tests.faults.outcome import Outcome, outcome_of
from tests.faults.table import PATIENT, TABLE, Row

from ratatoskr.testing import FAULTS, ScriptedTurn, ScriptedUpstream, fault

TEXT = "Up and down the ash tree runs a squirrel, and it carries words that others have said. " * 8
ANSWER = ScriptedTurn(TEXT, deltas=16)
WAYS = ("call", "stream")
TRANSPORTS = ("native", "httpx")
CASES = [(name, model, way) for name in MODELS for way in WAYS for model in [MODELS[name]]]


def test_the_table_is_closed_and_says_how_many_cases_it_makes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault but those of TLS, which need certificates, has a row."""
    assert set(TABLE) == {name for name in FAULTS if not name.startswith("tls_")}
    with capsys.disabled():
        print(f"\n{len(TABLE)} faults, {len(TABLE) * len(CASES) * len(TRANSPORTS)} cases")


def _parameter(row: Row) -> Any:
    # Those that must not run side by side read up to the limits of a line or an event, case after case.
    marks = () if row.narrow > 2 else pytest.mark.timeout(300)
    return pytest.param(row, id=row.name, marks=marks)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("row", [_parameter(row) for row in TABLE.values()])
async def test_a_misbehaviour_is_what_the_table_says_and_the_next_call_works(
    row: Row, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "httpcore")  # which tells of every piece of a body
    client = httpx.AsyncClient(trust_env=False) if transport == "httpx" else None
    settings: dict[str, Any] = {"http_client": client} if client is not None else {}
    async with ScriptedUpstream(fault(row.name, times=None, turn=ANSWER, **row.options)) as upstream:
        gateway = gateway_to(upstream, retries=0, **settings)
        try:
            wrong = await _spoiled(gateway, row, transport)
            assert not wrong, "\n".join(wrong)
            if row.asks:
                await upstream.until(lambda: upstream.count >= len(CASES))  # one that was given up may be on its way
                assert upstream.count == len(CASES), "one request a case, and none elsewhere"
            await upstream.use(())
            for answer in await asyncio.gather(*(gateway.chat("Next?", m, timeouts=PATIENT) for m in MODELS.values())):
                assert answer.content
        finally:
            await gateway.aclose()
            if client is not None:
                await client.aclose()
        await upstream.until(lambda: upstream.open_connections == 0)
    assert KEY not in caplog.text


async def _spoiled(gateway: Any, row: Row, transport: str) -> list[str]:
    """Run the cases of a row; return what is not as it should be."""
    gate = asyncio.Semaphore(row.narrow)

    async def case(name: str, model: str, way: str) -> str:
        async with gate:
            found = await outcome_of(gateway, model, way, row.deadlines(way))
        return _differs(row, found, row.expected(name, way, transport), f"{name}, {way}")

    return [line for line in await asyncio.gather(*(case(*one) for one in CASES)) if line]


def _differs(row: Row, found: Outcome, expected: str, where: str) -> str:
    if found.name != expected:
        return f"{where}: {found.name}, not {expected} ({found.error or found.text[:60]})"
    if found.error is None:
        text = row.text if row.text is not None else TEXT
        longer = found.streamed is not None and where.partition(",")[0] in row.longer
        same = found.text.startswith(text) if longer else found.text == text
        if not same or found.streamed not in (None, found.text):
            return f"{where}: another text: {found.text[:80]!r}, told {str(found.streamed)[:80]!r}"
        return ""
    if found.name.startswith("StreamInterrupted"):
        return "" if found.text and TEXT.startswith(found.text) else f"{where}: other text came: {found.text[:80]!r}"
    for name, value in row.says.items():
        if getattr(found.error, name) != value:
            return f"{where}: {name} is {getattr(found.error, name)!r}, not {value!r}"
    return ""
