"""`Gateway`: every public method, over one backend."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from ratatoskr.gateway.protocol import ModelGateway

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend
    from ratatoskr.sync.gateway import SyncGateway

__all__ = ["Gateway"]


class Gateway(ModelGateway):
    """What callers use; an async context manager. The public methods are those of `ModelGateway`.

    To put a middleware around what a gateway does, give it to `builder.wrap`, or make another gateway over it:
    `Gateway(bind(MyMiddleware(), gateway.backend))`.

    Args:
        backend: answers the requests that the public methods make.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._sync: SyncGateway | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(getattr(self._backend, 'provider_names', ()))})"

    @property
    def backend(self) -> Backend:
        """What answers the requests."""
        return self._backend

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def sync(self) -> SyncGateway:
        """Return this gateway with blocking methods; closing either closes both."""
        if self._sync is None:
            from ratatoskr.sync.gateway import SyncGateway

            self._sync = SyncGateway(self, loop_bound=getattr(self._backend, "loop_bound", True))
        return self._sync

    async def retire(self, grace: float = 30.0) -> None:
        """Refuse new calls, wait for calls and streams under way, then close.

        Args:
            grace: seconds to wait; what is still under way then ends with `GatewayClosed`.
        """
        retire = getattr(self._backend, "retire", None)
        if retire is None:
            await self._backend.aclose()
        else:
            await retire(grace)
        self._stop_sync()

    async def aclose(self) -> None:
        """Close every connection, unload every model; all under way ends with `GatewayClosed`. May be called twice."""
        await self._backend.aclose()
        self._stop_sync()

    def _stop_sync(self) -> None:
        if self._sync is not None:
            self._sync.stop()
