"""Vectors one by one: other tasks run, however fast they come."""

from __future__ import annotations

from ratatoskr.testing import ScriptedGateway
from unit.other_tasks import OtherTask, work


async def test_other_tasks_run_between_the_vectors_of_one_window() -> None:
    async with ScriptedGateway() as gateway, OtherTask() as other:
        number = 0
        async for _ in gateway.embed_iter(iter(["c"] * 160), "m"):
            if number % 16 == 0:
                work()
            number += 1
    assert number == 160
    assert other.runs >= 9
