"""The deadlines of one request through a user's own client, and how far the request has come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from ratatoskr.errors import RatatoskrError, Timeout
from ratatoskr.transport.client import Deadlines

# Steps of a request as httpcore traces them (https://www.encode.io/httpcore/extensions/, November 2026).
_STEPS: Final[Mapping[str, str]] = {
    "connect_tcp.started": "connect",
    "connect_unix_socket.started": "connect",
    "start_tls.started": "tls",
    "send_request_headers.started": "send",
    "send_request_body.started": "send",
    "send_request_body.complete": "send",
    "receive_response_headers.started": "head",
}


class DeadlineTimer:
    """Watches the deadlines of one request and its traced progress."""

    def __init__(self, deadlines: Deadlines, authority: str) -> None:
        self.deadlines = deadlines
        self.authority = authority
        self.step: str | None = None
        self.by_proxy = False
        self._began = asyncio.get_running_loop().time()
        self._scope: asyncio.Timeout | None = None
        self._due: tuple[str, float | None] = (deadlines.total_phase, deadlines.total)
        self._closed: RatatoskrError | None = None

    @contextlib.asynccontextmanager
    async def limit(self, phase: str, limit: float | None) -> AsyncIterator[None]:
        """Limit the block to `limit` seconds, and to what is left of `total`."""
        if self._closed is not None:
            raise self._closed
        try:
            async with asyncio.timeout(None) as self._scope:
                self._reschedule(phase, limit)
                yield
        except TimeoutError:
            if self._scope is None or not self._scope.expired():
                raise
            raise self._closed or self._timeout(phase) from None
        finally:
            self._scope = None

    def _timeout(self, phase: str) -> Timeout:
        due, limit = self._due
        activity = "reading the response body" if phase == "idle" else "waiting for the response headers"
        if phase == "first_byte" and self.step in {"connect", "tls"}:
            activity = "connecting"
        return Timeout(f"{self.authority}: timed out after {limit:g} s ({due}) while {activity}", phase=due)

    def _reschedule(self, phase: str, limit: float | None) -> None:
        if self._scope is None or self._scope.expired():
            return
        total = self.deadlines.total
        due = [] if limit is None else [(asyncio.get_running_loop().time() + limit, phase, limit)]
        if total is not None:
            due.append((self._began + total, self.deadlines.total_phase, total))
        at, due_phase, due_limit = min(due, default=(None, phase, None))
        self._due = (due_phase, due_limit)
        self._scope.reschedule(at)

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Record the step of the request; called by the client's transport."""
        step = _STEPS.get(event.partition(".")[2])
        if step == "connect" and "host" in info:
            self.by_proxy = f"{info['host']}:{info['port']}" != self.authority
        if getattr(info.get("request"), "method", b"") == b"CONNECT":
            step = step and "proxy"
        if step is not None:
            self.step = step
        if step in {"send", "head"}:
            self._reschedule("first_byte", self.deadlines.first_byte)

    def close(self, reason: RatatoskrError) -> None:
        """End the present and every later wait with `reason`."""
        self._closed = self._closed or reason
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(0)
