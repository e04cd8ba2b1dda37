"""Every fault, timed: each case ends within its deadline + 100 ms, and the next call works at once."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field

import httpx
import pytest
from tests.conformance.faces import KEY, MODELS, provider_of
from tests.faults.outcome import outcome_of
from tests.faults.table import PATIENT, TABLE, FaultRow
from tests.soak.measure import measure_resources, quantile, wait_for_resources
from tests.soak.upstream_process import UpstreamProcess

from ratatoskr import EmbeddedGateway, Ratatoskr

pytestmark = pytest.mark.slow
LATE = 0.1
AGAIN = 2
MODES = ("call", "stream")
TEXT = "Up and down the ash tree runs a squirrel, and it carries words that others have said. " * 8
SOONEST = 0.3
"""Seconds within which a case ends if no deadline is under test."""
SLOW = {
    "endless_line": 3.0,
    "endless_event": 3.0,
    "endless_empty": 3.0,
    "huge_line": 3.0,
    "byte_by_byte": 3.0,
    "split_utf8": 3.0,
}
"""Rows in which the upstream has to write much before the client can end."""


@dataclass(slots=True)
class Clocked:
    """How late the cases of a transport ended, and how long the calls after them took, in seconds."""

    late: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    again: int = 0
    wrong: list[str] = field(default_factory=list)


def _gateway(upstream: UpstreamProcess, client: httpx.AsyncClient | None) -> EmbeddedGateway:
    builder = Ratatoskr.builder().retries(0)
    for model in MODELS.values():
        provider = provider_of(model)
        if provider == "compatible":
            builder.compatible("house", base_url=upstream.base_url(provider), key=KEY)
        elif provider not in [config.name for config in builder.recipe().providers]:
            builder.provider(provider, KEY, base_url=upstream.base_url(provider))
    return (builder.http_client(client) if client is not None else builder).build()


def _deadline(row: FaultRow, mode: str) -> float:
    """Return the seconds within which a case must end."""
    times = row.deadlines(mode)
    under_test = [
        getattr(times, name)
        for name in ("connect", "first_byte", "idle", "no_progress", "total")
        if getattr(times, name) != getattr(PATIENT, name)
    ]
    return min(under_test, default=SLOW.get(row.name, SOONEST))


async def _case(
    gateway: EmbeddedGateway, upstream: UpstreamProcess, row: FaultRow, model: str, mode: str
) -> tuple[float, float, str]:
    """Return by how much a case passed its deadline, the duration of the next call, and the outcome."""
    upstream.fault(row.name, TEXT, **{key: None if value == math.inf else value for key, value in row.options.items()})
    began = time.monotonic()
    found = await outcome_of(gateway, model, mode, row.deadlines(mode))
    late = time.monotonic() - began - _deadline(row, mode)
    upstream.fault("")
    began = time.monotonic()
    assert (await gateway.chat("Next?", model, timeout=PATIENT)).content
    return late, time.monotonic() - began, found.name


@pytest.mark.parametrize("transport", ["native", "httpx"])
async def test_soak_every_misbehaviour_ends_in_time_and_the_next_call_works_at_once(transport: str) -> None:
    client = httpx.AsyncClient(trust_env=False) if transport == "httpx" else None
    clocked = Clocked()
    with UpstreamProcess() as upstream:
        async with _gateway(upstream, None) as warm:
            await warm.chat("First?", MODELS["compatible"])
        await upstream.until(lambda state: state["open"] == 0)
        await asyncio.sleep(0.2)  # the client's side of closing
        before, tasks = measure_resources(), asyncio.all_tasks()
        gateway = _gateway(upstream, client)
        for model in MODELS.values():
            await gateway.chat("First?", model)
        for row in TABLE.values():
            for name, model in MODELS.items():
                for mode in MODES:
                    late, after, outcome = await _case(gateway, upstream, row, model, mode)
                    for _ in range(AGAIN):  # the machine may have been busy
                        if late <= LATE and after <= LATE:
                            break
                        clocked.again += 1
                        await asyncio.sleep(0.5)
                        late, after, outcome = await _case(gateway, upstream, row, model, mode)
                    clocked.late.append(late)
                    clocked.after.append(after)
                    where = f"{row.name}, {name}, {mode}"
                    if late > LATE or after > LATE:
                        clocked.wrong.append(f"{where}: {late:+.3f} s, then {after:.3f} s")
                    if outcome != row.expected(name, mode, transport):
                        clocked.wrong.append(f"{where}: {outcome}")
        await gateway.aclose()
        if client is not None:
            await client.aclose()
        last = await upstream.until(lambda state: state["open"] == 0)
        after_all = await wait_for_resources(before)
    p50, p99, most = (1000 * quantile(clocked.after, share) for share in (0.5, 0.99, 1.0))
    print(
        f"\n{len(clocked.late)} cases over {transport}: latest {1000 * max(clocked.late):+.0f} ms after its deadline; "
        f"next call p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {most:.0f} ms; {clocked.again} run again on their own; "
        f"{len(clocked.wrong)} wrong; left: {last['open']} connections, "
        f"{after_all.descriptors - before.descriptors} descriptors"
    )
    assert clocked.wrong == []
    assert asyncio.all_tasks() == tasks
    assert after_all.threads <= before.threads
    assert last["open"] == 0
    assert after_all.descriptors <= before.descriptors
