"""How often a task that never waits lets the others run."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from ratatoskr.types import fairness
from ratatoskr.types.fairness import yield_to_loop


class Clock:
    """A clock in place of `time`, which a test sets; also counts the turns of the running loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.turns = 0
        monkeypatch.setattr(fairness, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(fairness, "_thread", fairness._Thread())

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turns += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_it_suspends_once_per_slice(clock: Clock) -> None:
    await yield_to_loop()
    counting = asyncio.create_task(clock.count())
    await asyncio.sleep(0)
    for _ in range(100):
        await yield_to_loop()
    assert clock.turns == 0
    for turns in range(1, 4):
        clock.now += 0.006
        for _ in range(100):
            await yield_to_loop()
        assert clock.turns == turns
    counting.cancel()


async def test_the_tasks_of_a_loop_share_the_slice(clock: Clock) -> None:
    await yield_to_loop()
    counting = asyncio.create_task(clock.count())
    await asyncio.sleep(0)

    async def work() -> None:
        for _ in range(10):
            clock.now += 0.001
            await yield_to_loop()

    await work()
    await work()
    assert clock.turns == 3
    counting.cancel()


async def test_another_thread_has_a_slice_of_its_own(clock: Clock) -> None:
    await yield_to_loop()
    clock.now += 0.006
    thread = threading.Thread(target=lambda: asyncio.run(yield_to_loop()))
    thread.start()
    thread.join()
    counting = asyncio.create_task(clock.count())
    await asyncio.sleep(0)
    await yield_to_loop()
    assert clock.turns == 1
    counting.cancel()
