"""Every fault, in every dialect, as a call and as a stream, over both transports, has the outcome in the table."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest
from tests.conformance.faces import KEY, MODELS, gateway_to
from tests.faults.outcome import Outcome, outcome_of
from tests.faults.table import PATIENT, TABLE, FaultRow

from ratatoskr.testing import FAULTS, ScriptedTurn, ScriptedUpstream, fault

TEXT = "Up and down the ash tree runs a squirrel, and it carries words that others have said. " * 8
ANSWER = ScriptedTurn(TEXT, deltas=16)
MODES = ("call", "stream")
TRANSPORTS = ("native", "httpx")
CASES = [(name, model, mode) for name in MODELS for mode in MODES for model in [MODELS[name]]]


def test_the_table_is_closed_and_says_how_many_cases_it_makes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault has a row, except those of TLS, which need certificates."""
    assert set(TABLE) == {name for name in FAULTS if not name.startswith("tls_")}
    with capsys.disabled():
        print(f"\n{len(TABLE)} faults, {len(TABLE) * len(CASES) * len(TRANSPORTS)} cases")


def _parameter(row: FaultRow) -> Any:
    # These read up to the limits of a line or an event, one case after another, which takes long on a busy machine.
    marks = pytest.mark.timeout(300) if row.concurrency == 2 else ()
    return pytest.param(row, id=row.name, marks=marks)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("row", [_parameter(row) for row in TABLE.values()])
async def test_a_misbehaviour_is_what_the_table_says_and_the_next_call_works(
    row: FaultRow, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "httpcore")  # which logs every piece of a body
    client = httpx.AsyncClient(trust_env=False) if transport == "httpx" else None
    settings: dict[str, Any] = {"http_client": client} if client is not None else {}
    async with ScriptedUpstream(fault(row.name, times=None, turn=ANSWER, **row.options)) as upstream:
        gateway = gateway_to(upstream, retries=0, **settings)
        try:
            mismatches = await _find_mismatches(upstream, gateway, row, transport)
            assert not mismatches, "\n".join(mismatches)
            if row.counts_requests:
                await upstream.until(lambda: upstream.count >= len(CASES))  # one may still be on its way
                assert upstream.count == len(CASES), "one request a case, and none elsewhere"
            await upstream.use(())
            for answer in await asyncio.gather(*(gateway.chat("Next?", m, timeout=PATIENT) for m in MODELS.values())):
                assert answer.content
        finally:
            await gateway.aclose()
            if client is not None:
                await client.aclose()
        await upstream.until(lambda: upstream.open_connections == 0)
    assert KEY not in caplog.text


async def _find_mismatches(upstream: ScriptedUpstream, gateway: Any, row: FaultRow, transport: str) -> list[str]:
    """Run the cases of a row and return the mismatches."""
    gate = asyncio.Semaphore(row.concurrency)

    async def case(name: str, model: str, mode: str) -> str:
        async with gate:
            found = await outcome_of(gateway, model, mode, row.deadlines(mode))
            if row.closes:
                await upstream.until(lambda: upstream.open_connections == 0)
        return _describe_mismatch(row, found, row.expected(name, mode, transport), f"{name}, {mode}")

    return [line for line in await asyncio.gather(*(case(*one) for one in CASES)) if line]


def _describe_mismatch(row: FaultRow, found: Outcome, expected: str, where: str) -> str:
    if found.name != expected:
        return f"{where}: {found.name}, not {expected} ({found.error or found.text[:60]})"
    if found.error is None:
        text = row.text if row.text is not None else TEXT
        if found.text != text or found.streamed not in (None, found.text):
            return f"{where}: wrong text: {found.text[:80]!r}, streamed {str(found.streamed)[:80]!r}"
        return ""
    if found.name.startswith("StreamInterrupted"):
        may_continue = where.partition(",")[0] in row.may_continue
        same = found.text.startswith(TEXT) if may_continue else found.text and TEXT.startswith(found.text)
        return "" if same else f"{where}: wrong partial text: {found.text[:80]!r}"
    for name, value in row.attributes.items():
        if getattr(found.error, name) != value:
            return f"{where}: {name} is {getattr(found.error, name)!r}, not {value!r}"
    return ""
