"""What is taken at most: calls, streams and octets under way, calls a second, and what one message may hold."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ratatoskr.config.server import LimitsSection
from ratatoskr.errors import InvalidInput, RateLimited
from ratatoskr.service.daemon.clients import Client
from ratatoskr.service.server.call import Call

__all__ = ["Limiter", "check_message"]

_WAIT: Final = 1.0
"""Seconds that a caller is asked to wait for calls under way to end."""
_KEPT_FREE: Final = 64
"""Calls of health and administration beyond all others."""
_MAX_BUCKETS: Final = 10_000


class Limiter:
    """Counts what is under way; one for all listeners.

    Args:
        limits: in force; may be replaced at any time.
        clock: monotonic seconds.
    """

    def __init__(self, limits: LimitsSection, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.calls = 0
        self.streams = 0
        self.octets = 0
        self.calls_of: Counter[str] = Counter()
        self.streams_of: Counter[str] = Counter()
        self._kept_free = 0
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, call: Call, client: Client) -> Callable[[], None]:
        """Count a call and return what to call at its end.

        Raises:
            RateLimited: a limit is reached; the message names it, and how long to wait.
        """
        if call.kept_free:
            if self._kept_free >= _KEPT_FREE:
                raise _full("calls of health and administration", _KEPT_FREE)
            self._kept_free += 1
            return self._release_kept_free
        limits, name = self.limits, client.name
        stream = call.method is not None and call.method.streams
        if self.calls >= limits.calls:
            raise _full("calls", limits.calls)
        if self.calls_of[name] >= client.calls:
            raise _full(f"calls of {name}", client.calls)
        if stream and self.streams >= limits.streams:
            raise _full("streams", limits.streams)
        if stream and self.streams_of[name] >= client.streams:
            raise _full(f"streams of {name}", client.streams)
        if self.octets and self.octets + call.size > limits.bytes_in_flight:
            raise _full("bytes of requests", limits.bytes_in_flight)
        if client.rate:
            self._take(client)
        self.calls += 1
        self.calls_of[name] += 1
        self.octets += call.size
        if stream:
            self.streams += 1
            self.streams_of[name] += 1

        def release() -> None:
            self.calls -= 1
            self.octets -= call.size
            _lower(self.calls_of, name)
            if stream:
                self.streams -= 1
                _lower(self.streams_of, name)

        return release

    def _release_kept_free(self) -> None:
        self._kept_free -= 1

    def _take(self, client: Client) -> None:
        """Take a token of the client's bucket."""
        now = self._clock()
        left, since = self._buckets.get(client.name, (float(client.burst), now))
        left = min(float(client.burst), left + max(now - since, 0.0) * client.rate)
        if left < 1.0:
            raise RateLimited(
                f"{client.name} may make {client.rate:g} calls a second", retry_after=(1.0 - left) / client.rate
            )
        if len(self._buckets) >= _MAX_BUCKETS:
            self._buckets.clear()
        self._buckets[client.name] = (left - 1.0, now)


def _full(what: str, limit: int) -> RateLimited:
    return RateLimited(f"this daemon takes {limit} {what} at once", retry_after=_WAIT)


def _lower(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if counter[name] <= 0:
        del counter[name]


_LISTS: Final = ("texts", "documents", "pairs", "labels", "hypotheses")
_TEXTS: Final = ("text", "premise", "hypothesis", "query")
_NESTED: Final = ("chat", "request")
_TOKENISED: Final = frozenset({"TokenCountRequest", "TokenizeRequest", "TokenizeBatchRequest"})
_MAX_TOKENISED: Final = 16 * 1024 * 1024
_MEDIA: Final = ("image", "audio", "file")


def check_message(message: Any, limits: LimitsSection) -> None:
    """Raise `InvalidInput`, which names field and limit, for a message that holds too much."""
    checks = _checks_of(message.DESCRIPTOR)
    for name in checks.nested:
        if message.HasField(name):
            check_message(getattr(message, name), limits)
    most = limits.text_bytes if not checks.tokenised else _MAX_TOKENISED
    for name in checks.texts:
        _check_text(getattr(message, name), name, most)
    for name in checks.lists:
        values = getattr(message, name)
        _check_count(values, name, limits.texts)
        for value in values:
            for text in (value,) if isinstance(value, str) else (value.premise, value.hypothesis):
                _check_text(text, name, most)
    if checks.messages:
        _check_count(message.messages, "messages", limits.messages)
        _check_media(message, limits)
    if checks.tools:
        _check_count(message.tools, "tools", limits.tools)


@dataclass(frozen=True, slots=True)
class _Checks:
    """The fields of a message that are looked at."""

    nested: tuple[str, ...]
    texts: tuple[str, ...]
    lists: tuple[str, ...]
    messages: bool
    tools: bool
    tokenised: bool


@functools.cache  # there are some dozen
def _checks_of(descriptor: Any) -> _Checks:
    fields = descriptor.fields_by_name
    return _Checks(
        tuple(name for name in _NESTED if name in fields and fields[name].message_type is not None),
        tuple(name for name in _TEXTS if name in fields),
        tuple(name for name in _LISTS if name in fields),
        "messages" in fields,
        "tools" in fields,
        descriptor.name in _TOKENISED,
    )


def _check_media(message: Any, limits: LimitsSection) -> None:
    count = 0
    for one in message.messages:
        for part in one.parts:
            kind = part.WhichOneof("part")
            media = [part] if kind in _MEDIA else part.tool_result.content if kind == "tool_result" else ()
            for inner in media:
                if (kind := inner.WhichOneof("part")) in _MEDIA:
                    count += 1
                    if (size := len(getattr(inner, kind).data)) > limits.image_bytes:
                        raise InvalidInput(
                            f"{kind} has {size} bytes; this daemon takes {limits.image_bytes}", field="messages"
                        )
    if count > limits.images:
        raise InvalidInput(f"there are {count} images and files; this daemon takes {limits.images}", field="messages")


def _check_count(values: Any, name: str, limit: int) -> None:
    if len(values) > limit:
        raise InvalidInput(f"{name} has {len(values)} items; this daemon takes {limit} in a call", field=name)


def _check_text(text: str, name: str, limit: int) -> None:
    if len(text) * 4 > limit and (size := len(text.encode("utf-8", "surrogatepass"))) > limit:
        raise InvalidInput(f"{name} has a text of {size} bytes; this daemon takes {limit}", field=name)
