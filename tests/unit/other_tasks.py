"""Whether other tasks of the event loop run beside one that never has to wait."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self


def work() -> None:
    """Hold the event loop for longer than a task may."""
    time.sleep(0.006)


class OtherTask:
    """A task that counts, in `async with`, how often it runs."""

    def __init__(self) -> None:
        self.runs = 0

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.runs += 1

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._count())
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._task.cancel()
