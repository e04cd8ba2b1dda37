"""A scripted upstream in its own thread with its own event loop, for blocking code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ratatoskr.testing.connection import Received

if TYPE_CHECKING:
    from ratatoskr.testing.upstream import Script, ScriptedUpstream

_PATIENCE = 30.0  # seconds for the thread to start or stop, and for what it is asked to do


class ThreadedUpstream:
    """`ScriptedUpstream` for blocking code; created by `ScriptedUpstream.in_thread(…)`.

    with ScriptedUpstream.in_thread("Hello") as upstream:
        httpx.post(upstream.base_url("openai") + "/chat/completions", …)
    """

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-upstream", daemon=True)
        self._thread.start()
        try:
            self._call(self.upstream.start())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._call(self.upstream.aclose())
        finally:
            self._stop()

    def _call(self, coroutine: Any) -> Any:
        if self._loop is None:
            coroutine.close()
            raise RuntimeError("the upstream is not running: use it in a `with` block")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE)

    def _stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)
            self._loop.close()
        self._loop = self._thread = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.upstream.port

    @property
    def requests(self) -> list[Received]:
        """The requests received so far."""
        return list(self.upstream.requests)

    @property
    def last(self) -> Received:
        """The most recent request."""
        return self.upstream.last

    @property
    def count(self) -> int:
        """The number of requests."""
        return self.upstream.count

    @property
    def connections(self) -> int:
        """The number of connections so far."""
        return self.upstream.connections

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return self.upstream.open_connections

    def base_url(self, provider: str, *, scheme: str | None = None) -> str:
        """Return the base URL of `provider`, for a client."""
        return self.upstream.base_url(provider, scheme=scheme)

    def use(self, script: Script) -> None:
        """Replace the rest of the script."""
        self._call(self.upstream.use(script))

    def until(self, happened: Callable[[], bool], timeout: float = 20.0) -> None:
        """Wait until `happened()` returns true.

        Raises:
            TimeoutError: It did not within `timeout` seconds.
        """
        self._call(self.upstream.until(happened, timeout))

    def release(self, events: int = 1) -> None:
        """Let `events` more events of gated turns be sent."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.upstream.release, events)
