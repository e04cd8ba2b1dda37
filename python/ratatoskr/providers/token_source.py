"""A key that a function returns: asked once for all callers that wait for it, and again before it expires."""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from ratatoskr._fork import call_in_child
from ratatoskr.errors import AuthenticationFailed, Timeout
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.token import KeySource, Token, find_key_problem

_MARGIN: Final = 60.0
"""Seconds before its expiry at which a token is renewed, if that is less than `_SHARE` of its life."""
_SHARE: Final = 0.1
_PAUSE: Final = 1.0
"""Seconds between two calls of a function that returns tokens which are about to expire, or none."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveToken:
    """A token in use. It is compared by identity: a renewed one is another, even if its value is the same."""

    secret: Secret
    renew_at: float = math.inf
    expires_at: float = math.inf


@dataclass(frozen=True, slots=True)
class _Failure:
    message: str


Fetched: TypeAlias = "LiveToken | _Failure | None"
"""A token, what went wrong, or `None` if the call was given up and has to be made again."""
_GIVEN_UP = object()
"""In place of what the function returned: the event loop that it needs has ended."""


class TokenSource:
    """The token of one key function, for callers in any thread and on any event loop.

    Of callers that come together one calls the function and all wait for what it returns. A synchronous function is
    called in a thread of its own; what an asynchronous one returns is awaited on the event loop of the caller that
    began, in a task of its own, so that a caller who is cancelled takes nothing from the others.

    Args:
        source: the function.
        learn: called with each new token, before it is used.
        now: seconds since the epoch.
    """

    def __init__(
        self, source: KeySource, learn: Callable[[Secret], None], now: Callable[[], float] = time.time
    ) -> None:
        self._function = source.function
        self._learn = learn
        self._now = now
        self._token: LiveToken | None = None
        self._call: _Call | None = None
        self._lock = threading.Lock()
        call_in_child(self._forget_parent)

    def _forget_parent(self) -> None:
        self._lock = threading.Lock()
        self._call = None  # the thread that made it is not here

    def ready(self) -> LiveToken | None:
        """Return the token, unless there is none or it has to be renewed."""
        token = self._token
        return token if token is not None and self._now() < token.renew_at else None

    async def fetch(self, deadlines: Deadlines, refused: LiveToken | None = None) -> LiveToken:
        """Return a token that need not be renewed yet.

        Args:
            deadlines: `total` limits the wait.
            refused: was sent and refused; it is not returned.

        Raises:
            AuthenticationFailed: the function failed, or returned something else. Its exception's text is not repeated,
                because it may hold a secret.
            Timeout: the deadline is over. The function is not interrupted.
        """
        try:
            async with asyncio.timeout(deadlines.total):
                while True:
                    outcome = await self._join(refused).wait()
                    if isinstance(outcome, LiveToken):
                        return outcome
                    if outcome is not None:
                        raise AuthenticationFailed(outcome.message, field="key")
        except TimeoutError:
            phase, seconds = deadlines.total_phase, f"{deadlines.total:.3g} s"
            error = Timeout(f"timed out after {seconds} ({phase}) while waiting for the key function", phase=phase)
            error.queued = True
            raise error from None

    def _join(self, refused: LiveToken | None) -> _Call:
        """Return the call of the function that is under way, or a new one."""
        stranded = None
        with self._lock:
            if refused is not None and self._token is refused:
                self._token = None
            if (token := self.ready()) is not None:
                return _Call.of(token)
            call = self._call
            if call is not None and not call.is_stranded:
                return call
            stranded, call = call, _Call(self._function, self._settle)
            self._call = call
        if stranded is not None:
            stranded.finish(_GIVEN_UP)
        call.start()
        return call

    def _settle(self, call: _Call, made: Any) -> Fetched:
        """Keep what a call of the function returned, and return what its callers get."""
        now = self._now()
        result = made if isinstance(made, _Failure) else None if made is _GIVEN_UP else _parse(made, now)
        if isinstance(result, LiveToken):
            self._learn(result.secret)
        with self._lock:
            if self._call is not call:
                return None
            self._call = None
            old = self._token
            if isinstance(result, _Failure) and old is not None and now < old.expires_at:
                result = replace(old, renew_at=min(old.expires_at, now + _PAUSE))  # it is valid for a while yet
            if isinstance(result, LiveToken):
                self._token = result
            return result


def _describe(error: BaseException) -> _Failure:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return _Failure(f"the key function failed with {name}; its text is left out, because it may hold a secret")


def _parse(made: Any, now: float) -> LiveToken | _Failure:
    """Return what the function returned as a token, or what is wrong with it."""
    token = Token(made) if isinstance(made, str) else made
    if not isinstance(token, Token) or not isinstance(token.value, Secret):
        what = type(made).__name__ if not isinstance(made, Token) else f"Token of {type(made.value).__name__}"
        return _Failure(f"the key function returned a {what}, not a Token or a str")
    secret = Secret(token.value.reveal().strip())
    problem = find_key_problem(secret)
    if problem:
        return _Failure(f"what the key function returned {problem}")
    expires_at = token.expires_at
    if isinstance(expires_at, datetime):
        if expires_at.tzinfo is None:
            return _Failure("expires_at of the Token has no time zone: use datetime.replace(tzinfo=timezone.utc)")
        expires_at = expires_at.timestamp()
    if expires_at is None:
        return LiveToken(secret)
    if isinstance(expires_at, bool) or not isinstance(expires_at, (int, float)) or math.isnan(expires_at):
        return _Failure("expires_at of the Token must be seconds since the epoch, or a datetime with a time zone")
    margin = min(_MARGIN, _SHARE * max(0.0, expires_at - now))
    return LiveToken(secret, max(expires_at - margin, now + _PAUSE), expires_at)


class _Call:
    """One call of a key function, and those who wait for it."""

    def __init__(
        self, function: Callable[[], Any] | None = None, settle: Callable[[_Call, Any], Fetched] | None = None
    ) -> None:
        self._function = function
        self._settle = settle
        self._outcome: Future[Fetched] = Future()
        self._finishing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awaiting: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, token: LiveToken) -> _Call:
        """Return a call that has ended."""
        call = cls()
        call._outcome.set_result(token)
        return call

    @property
    def is_stranded(self) -> bool:
        """Whether the event loop that it needs no longer runs."""
        return self._awaiting is not None and self._loop is not None and not self._loop.is_running()

    async def wait(self) -> Fetched:
        """Return the outcome; a caller who is cancelled does not end the call."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: Future[Fetched]) -> None:
            with suppress(RuntimeError):  # the loop of a caller that no longer waits may be closed
                loop.call_soon_threadsafe(done.set)

        if not self._outcome.done():
            self._outcome.add_done_callback(wake)
            await done.wait()
        return self._outcome.result()

    def start(self) -> None:
        """Call the function: on this loop if it is asynchronous, else in a thread."""
        self._loop = asyncio.get_running_loop()
        if inspect.iscoroutinefunction(self._function):
            self._run()
        else:
            context = copy_context()
            threading.Thread(target=context.run, args=(self._run,), name="ratatoskr-key", daemon=True).start()

    def _run(self) -> None:
        try:
            made = self._function() if self._function is not None else None
        except BaseException as error:  # a thread has no one above who could handle it
            self.finish(_describe(error))
            return
        if not inspect.isawaitable(made):
            self.finish(made)
        elif self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._await, made)
            except RuntimeError:  # the loop is closed
                if isinstance(made, Coroutine):
                    made.close()
                self.finish(_GIVEN_UP)

    def _await(self, awaitable: Awaitable[Any]) -> None:
        self._awaiting = asyncio.ensure_future(self._finish_with(awaitable))

    async def _finish_with(self, awaitable: Awaitable[Any]) -> None:
        try:
            made = await awaitable
        except asyncio.CancelledError:  # the loop ends
            self.finish(_GIVEN_UP)
            raise
        except Exception as error:
            self.finish(_describe(error))
        else:
            self.finish(made)

    def finish(self, made: Any) -> None:
        """Give those who wait the outcome; only the first counts."""
        with self._finishing:
            if not self._outcome.done():
                self._outcome.set_result(self._settle(self, made) if self._settle is not None else None)
