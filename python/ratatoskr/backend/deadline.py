"""`asyncio.timeout` that ends in a `Timeout` which names the limit and what was waited for."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Literal, Self

from ratatoskr.errors import RatatoskrError, Timeout

__all__ = ["Deadline", "timed_out"]

Phase = Literal["attempt", "total", "no_progress", "stream_life"]


class Deadline:
    """An async context manager that cancels its block after some seconds and raises `Timeout`.

    Args:
        seconds: `None` for no limit.
        phase: which of the timeouts it is.
        waiting_for: what the block waits for, as in "the first event".
    """

    __slots__ = ("_phase", "_scope", "_seconds", "_waiting_for")

    def __init__(self, seconds: float | None, phase: Phase, waiting_for: str) -> None:
        self._seconds = seconds
        self._phase = phase
        self._waiting_for = waiting_for
        self._scope = asyncio.timeout(seconds)

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._scope.__aexit__(kind, error, traceback)
        except TimeoutError as caught:
            if isinstance(caught, RatatoskrError) or self._seconds is None:
                raise
            raise timed_out(self._seconds, self._phase, self._waiting_for) from None

    def extend(self, seconds: float) -> None:
        """Move the deadline, if there is one, by some seconds."""
        when = self._scope.when()
        if when is not None:
            self._scope.reschedule(when + seconds)


def timed_out(seconds: float, phase: Phase, waiting_for: str) -> Timeout:
    """Return the error for a limit that has passed."""
    return Timeout(f"timed out after {seconds:.3g} s ({phase}) while waiting for {waiting_for}", phase=phase)
