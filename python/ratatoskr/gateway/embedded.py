"""`EmbeddedGateway`: a gateway whose backend is in this process."""

from __future__ import annotations

from ratatoskr.gateway.base import Gateway

__all__ = ["EmbeddedGateway"]


class EmbeddedGateway(Gateway):
    """A gateway in this process. It belongs to no event loop and may be used from several.

    Made by `Ratatoskr.builder()` or `Ratatoskr.from_env()`; an async context manager.
    """
