"""`EmbeddedGateway`: a gateway whose backend is in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratatoskr.gateway.base import Gateway

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend, Closeable

__all__ = ["EmbeddedGateway"]


class EmbeddedGateway(Gateway):
    """A gateway in this process. It belongs to no event loop and may be used from several.

    Made by `Ratatoskr.builder()` or `Ratatoskr.from_env()`; an async context manager.

    Args:
        backend: answers the requests.
        assembly: the parts that it was assembled from, which another gateway may reuse.
    """

    def __init__(self, backend: Backend, assembly: Closeable | None = None) -> None:
        super().__init__(backend)
        self.assembly = assembly
