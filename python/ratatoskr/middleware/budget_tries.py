"""Budgets where the user has wraps around tries: reserved outside of them, settled inside.

A wrap of tries may answer without asking, ask twice, or fail after the provider has answered. So `ReservesOutside`
reserves before the wraps are called, and `SettlesInside`, next to the provider, settles what each request has cost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ratatoskr.middleware.budget import BudgetMeter

if TYPE_CHECKING:
    from ratatoskr.backend.stream import OpenStream
    from ratatoskr.middleware.base import AskChat, AskEmbed, AskStream
    from ratatoskr.middleware.budget import _PaidTry
    from ratatoskr.providers.protocol import CallOptions
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.embed import Embeddings, EmbedRequest

__all__ = ["ReservesOutside", "SettlesInside"]

Q = TypeVar("Q", "ChatRequest", "EmbedRequest")
A = TypeVar("A")


class _Reserved:
    """What was reserved for a try; `paid` is taken by the first request to the provider."""

    __slots__ = ("paid", "request")

    def __init__(self, request: ChatRequest | EmbedRequest, paid: _PaidTry) -> None:
        self.request = request
        self.paid: _PaidTry | None = paid


_RESERVED: Final[ContextVar[_Reserved | None]] = ContextVar("ratatoskr_reserved", default=None)


class _SplitMeter(BudgetMeter):
    """One side of a meter of the same budgets.

    Args:
        meter: whose accounts it counts in, and which has warned.
    """

    def __init__(self, meter: BudgetMeter) -> None:
        vars(self).update(vars(meter))


class ReservesOutside(_SplitMeter):
    """Reserves what a try may cost before the user's wraps; gives it back where none of them asks the provider."""

    async def chat(self, request: ChatRequest, call: CallOptions, ask: AskChat) -> ChatResponse[Any]:
        """Return the answer to a chat that the budgets allow."""
        return await self._ask(request, call, ask)

    async def open_stream(self, request: ChatRequest, call: CallOptions, ask: AskStream) -> OpenStream:
        """Return a stream that the budgets allow."""
        return await self._ask(request, call, ask)

    async def embed(self, request: EmbedRequest, call: CallOptions, ask: AskEmbed) -> Embeddings:
        """Return vectors that the budgets allow."""
        return await self._ask(request, call, ask)

    async def _ask(self, request: Q, call: CallOptions, ask: Callable[[Q, CallOptions], Awaitable[A]]) -> A:
        reserved = _Reserved(request, self._begin_now(request, call) or await self._begin(request, call))
        token = _RESERVED.set(reserved)
        try:
            return await ask(request, call)
        finally:
            _RESERVED.reset(token)
            paid, reserved.paid = reserved.paid, None
            if paid is not None:
                self._replace(paid, 0)


class SettlesInside(_SplitMeter):
    """Settles each request to the provider: the first one by what was reserved outside, any other by its own."""

    def _begin_now(self, request: ChatRequest | EmbedRequest, call: CallOptions) -> _PaidTry | None:
        """Return what was reserved for this request; reserve it where a wrap has changed it, or asks again."""
        reserved = _RESERVED.get()
        if reserved is not None and reserved.paid is not None:
            paid, reserved.paid = reserved.paid, None
            if request is reserved.request:
                return paid
            self._replace(paid, 0)
        return super()._begin_now(request, call)
