"""`bind`: puts a middleware around a backend or a provider, once, so that a call goes from function to function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from ratatoskr.backend.stream import OpenStream, open_stream
from ratatoskr.errors import ConfigurationError, GatewayClosed
from ratatoskr.middleware.answers import check_answers
from ratatoskr.middleware.base import CAPABILITIES, Middleware, overridden
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatRequest, ChatResponse
    from ratatoskr.types.event import ChatEvent

T = TypeVar("T")
Ask: TypeAlias = Callable[[Any, CallOptions], Any]

__all__ = ["WHOLE_CALL", "bind", "bind_all"]

_WHOLE_BACKEND = ("chat", "open_stream", "embed", "inspect", "aclose")
WHOLE_CALL = CallOptions("", Deadlines())
"""The options of a whole call: the request has its model and timeouts, no provider is chosen yet."""


def bind(middleware: Middleware, target: T, *, check: bool | None = None) -> T:
    """Return a backend or a provider with a middleware around it.

    The result has the methods of the target; those that the middleware does not override are the target's own. A target
    without any method that the middleware overrides is returned as it is.

    Args:
        middleware: to put around.
        target: a `Backend`, or a provider of chats or embeddings.
        check: whether a call raises `ConfigurationError` where a method returns anything but an answer; `None` for what
            is a whole backend.

    Raises:
        ConfigurationError: no middleware, one that overrides nothing, or a target that is neither.
    """
    names = overridden(middleware)
    is_backend = hasattr(target, "inspect")
    if isinstance(target, _Bound):
        asks = dict(target.asks)
        check = target.check if check is None else check
    else:
        asks = _backend_asks(target) if is_backend else _provider_asks(target)
    if not asks or isinstance(target, type):
        raise ConfigurationError(f"neither a backend nor a provider: {quote(target)}", field="target")
    applied = [name for name in names if name in asks]
    if not applied:
        return target
    if check is None:
        check = is_backend and all(hasattr(target, name) for name in _WHOLE_BACKEND)
    for name in applied:
        around = _stream_through if name == "open_stream" else _through
        asks[name] = around(check_answers(middleware, name) if check else getattr(middleware, name), asks[name])
    bound = _BoundBackend(target, asks, check) if is_backend else _BoundProvider(target, asks, check)
    return cast("T", bound)


def bind_all(middleware: Sequence[Middleware], target: T, *, check: bool | None = None) -> T:
    """Return a backend or a provider with several middleware around it, the first one outermost; see `bind`."""
    for one in reversed(middleware):
        target = bind(one, target, check=check)
    return target


def _through(method: Callable[..., Any], ask: Ask) -> Ask:
    return lambda request, call: method(request, call, ask)


def _stream_through(method: Callable[..., Awaitable[OpenStream]], ask: Ask) -> Ask:
    """Return the function that opens a stream; what a middleware had opened when it failed is closed."""

    async def open_through(request: ChatRequest, call: CallOptions) -> OpenStream:
        opened: list[OpenStream] = []

        async def ask_and_keep(request: ChatRequest, call: CallOptions) -> OpenStream:
            stream: OpenStream = await ask(request, call)
            opened.append(stream)
            return stream

        try:
            return await method(request, call, ask_and_keep)
        except BaseException:
            for stream in opened:
                stream.close()
            raise

    return open_through


def _backend_asks(backend: Any) -> dict[str, Ask]:
    return {
        one.name: _without_options(getattr(backend, one.name)) for one in CAPABILITIES if hasattr(backend, one.name)
    }


def _without_options(method: Callable[[Any], Any]) -> Ask:
    return lambda request, call: method(request)


def _provider_asks(provider: Any) -> dict[str, Ask]:
    asks = {one.name: getattr(provider, one.provider) for one in CAPABILITIES if hasattr(provider, one.provider)}
    if "open_stream" in asks:
        asks["open_stream"] = lambda request, call: open_stream(provider, request, call)
    return asks


class _Bound:
    """What `bind` makes. What else the target has (`retire`, `preload`, `loop_bound`, …) is found here, too."""

    def __init__(self, target: Any, asks: dict[str, Ask], check: bool) -> None:
        self.wrapped = target
        self.asks = asks
        self.check = check
        for name in dir(target):  # methods as attributes of its own, where `isinstance` with a Protocol looks for them
            if name.startswith("_") or hasattr(type(self), name):
                continue
            if callable(inspect.getattr_static(target, name, None)):
                setattr(self, name, getattr(target, name))

    def __getattr__(self, name: str) -> Any:
        if name == "wrapped":  # not set yet, as while copying
            raise AttributeError(name)
        return getattr(self.wrapped, name)


class _BoundBackend(_Bound):
    """A `Backend` with middleware around it."""

    def __init__(self, target: Any, asks: dict[str, Ask], check: bool) -> None:
        super().__init__(target, asks, check)
        for name, ask in asks.items():
            setattr(self, name, _as_whole_call(ask))

    async def aclose(self) -> None:
        """Close the backend; a middleware that answers without asking is not called either from now on."""
        for name in self.asks:
            setattr(self, name, _refuse)
        await self.wrapped.aclose()


def _refuse(request: Any) -> Any:
    raise GatewayClosed("the gateway is closed")


def _as_whole_call(ask: Ask) -> Callable[[Any], Any]:
    return lambda request: ask(request, WHOLE_CALL)


class _BoundProvider(_Bound):
    """A provider with middleware around it. Backends call its `open_stream` in place of `open`."""

    def __init__(self, target: Any, asks: dict[str, Ask], check: bool) -> None:
        super().__init__(target, asks, check)
        self.name = target.name  # an attribute of its own, for `isinstance` with a Protocol
        for one in CAPABILITIES:
            if one.name in asks:
                setattr(self, one.provider, asks[one.name])
        if "open_stream" in asks:
            self.open_stream = asks["open_stream"]
            self.open = _as_source(asks["open_stream"])


def _as_source(ask: Ask) -> Ask:
    async def open_source(request: ChatRequest, call: CallOptions) -> _OpenedSource:
        return _OpenedSource(await ask(request, call))

    return open_source


class _OpenedSource:
    """The events of an opened stream from its first one on."""

    def __init__(self, opened: OpenStream) -> None:
        self._opened = opened
        self.provider = opened.source.provider

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._opened.source.request_id

    async def batch(self) -> list[ChatEvent]:
        """Return the first events, then those that have arrived."""
        if self._opened.events:
            events, self._opened.events = self._opened.events, []
            return events
        return await self._opened.source.batch()

    def response(self) -> ChatResponse[Any]:
        """Return what has arrived so far."""
        return self._opened.source.response()

    def close(self) -> None:
        """Close the upstream."""
        self._opened.close()
