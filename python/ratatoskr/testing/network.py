"""`no_network()`: an attempt to connect to another machine raises an exception that names the address.

Built on Python's audit events (https://docs.python.org/3/library/audit_events.html), so it covers the sockets of every
library, and the native client, which raises the event `ratatoskr.request` for each request.
"""

from __future__ import annotations

import functools
import inspect
import ipaddress
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import urlsplit

_F = TypeVar("_F", bound=Callable[..., Any])


class NetworkUsed(RuntimeError):
    """Something tried to use the network inside `no_network()`."""


class no_network:  # noqa: N801  # it is used as a function: context manager and decorator
    """Raise `NetworkUsed` at every attempt to connect to another machine, in all threads; also a decorator.

        with no_network(): ...

        @no_network(loopback=False)
        async def test_without_any_socket(): ...

    Args:
        loopback: Whether connections to this machine are allowed: 127.0.0.0/8, ::1, localhost, Unix sockets.
    """

    def __init__(self, *, loopback: bool = True) -> None:
        self.loopback = loopback

    def __enter__(self) -> Self:
        _guard.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _guard.leave(self)

    def __call__(self, function: _F) -> _F:
        """Wrap a function, async or not."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_guarded_async(*args: Any, **kwargs: Any) -> Any:
                with no_network(loopback=self.loopback):
                    return await function(*args, **kwargs)

            return cast("_F", call_guarded_async)

        @functools.wraps(function)
        def call_guarded(*args: Any, **kwargs: Any) -> Any:
            with no_network(loopback=self.loopback):
                return function(*args, **kwargs)

        return cast("_F", call_guarded)


class _Guard:
    """The only audit hook; hooks cannot be removed, so it keeps a list of the active contexts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hooked = False
        self._active: list[no_network] = []

    def enter(self, one: no_network) -> None:
        with self._lock:
            self._active = [*self._active, one]
            if not self._hooked:
                sys.addaudithook(self._audit)
                self._hooked = True

    def leave(self, one: no_network) -> None:
        with self._lock:
            active = list(self._active)
            active.reverse()
            active.remove(one)
            active.reverse()
            self._active = active

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._active or event not in _EVENTS:
            return
        target = _EVENTS[event](args)
        if target is None:
            return
        local = _is_loopback(target)
        if local and all(one.loopback for one in self._active):
            return
        if event in _NAMES and local:
            return  # resolving a local name uses no network
        if event == "socket.connect":
            args[
                0
            ].close()  # most libraries close a socket only after an OSError, which would look like a network failure
        raise NetworkUsed(f"no_network() is active, but something tried to connect to {_format_target(target)}")


_EVENTS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "socket.connect": lambda args: args[1],
    "socket.sendto": lambda args: args[1],
    "socket.sendmsg": lambda args: args[1],
    "socket.getaddrinfo": lambda args: (args[0] or "localhost", args[1]),
    "socket.gethostbyname": lambda args: (args[0], 0),
    "ratatoskr.request": lambda args: (urlsplit(args[0]).hostname or "", urlsplit(args[0]).port or 0),
}
_NAMES = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_guard = _Guard()


def _is_loopback(target: Any) -> bool:
    if not isinstance(target, tuple):
        return True  # a Unix socket's path
    host = target[0].decode("ascii", "replace") if isinstance(target[0], bytes) else str(target[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.rstrip(".").lower() in {"localhost", ""} or host.lower().endswith(".localhost")


def _format_target(target: Any) -> str:
    return ":".join(str(part) for part in target[:2]) if isinstance(target, tuple) else repr(target)
