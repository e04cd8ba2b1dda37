"""Whether a backend is open, and what is under way in it."""

from __future__ import annotations

import asyncio
import contextlib

from ratatoskr.errors import GatewayClosed


class Lifecycle:
    """Admits calls while the backend is open and knows those under way; usable from several threads and loops."""

    def __init__(self) -> None:
        self._under_way: set[object] = set()
        self._refusal: str | None = None
        self._closed = False
        self._idle: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    @property
    def is_open(self) -> bool:
        """Whether new calls are admitted."""
        return self._refusal is None

    @property
    def is_running(self) -> bool:
        """Whether calls under way may go on."""
        return not self._closed

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._under_way

    def check_open(self) -> None:
        """Raise `GatewayClosed` unless new calls are admitted."""
        if self._refusal is not None:
            raise GatewayClosed(self._refusal)

    def enter(self) -> object:
        """Admit a call and return what `leave` takes.

        Raises:
            GatewayClosed: the backend is closed or is being retired.
        """
        if self._refusal is not None:
            raise GatewayClosed(self._refusal)
        call = object()
        self._under_way.add(call)
        return call

    def leave(self, call: object) -> None:
        """Note that a call has ended; may be called twice."""
        self._under_way.discard(call)
        if self._idle is not None and not self._under_way:
            loop, event = self._idle
            with contextlib.suppress(RuntimeError):  # the loop that waited is closed
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Admit no call from now on, and let none go on."""
        self._closed = True
        self._refusal = "the gateway is closed"

    async def drain(self, grace: float) -> bool:
        """Admit no call from now on and wait for those under way; return whether all have ended within `grace`."""
        if self._refusal is None:
            self._refusal = "the gateway is being retired and takes no new calls"
        event = asyncio.Event()
        self._idle = (asyncio.get_running_loop(), event)
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), grace)
        return not self._under_way
