"""What a gateway is made of besides its providers: its settings and its transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import DEFAULTS, Timeouts


class Carrier(Protocol):
    """The part of a transport that a gateway uses itself."""

    @property
    def loop_bound(self) -> bool:
        """Whether it belongs to the event loop that uses it first."""
        ...

    async def preconnect(self, urls: Sequence[str]) -> None:
        """Open connections ahead of use."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class Closeable(Protocol):
    """The parts of a gateway, which other gateways may share."""

    async def aclose(self) -> None:
        """Close the parts that no other gateway uses. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that hold for every call.

    Attributes:
        timeouts: deadlines of calls that set none themselves.
        retries: the number of retries at each candidate.
        policy: what to do with a parameter that a model does not support.
        rules: the user's routing: patterns of model names to the names to use instead.
        fallbacks: patterns of models to the models that may follow them after a failure.
        substitute: whether the built-in chain may be used after any failure.
        key_origins: the source of each provider's key.
    """

    timeouts: Timeouts = DEFAULTS
    retries: int = 2
    policy: ParameterPolicy = "error"
    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()
    fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    substitute: bool = False
    key_origins: Mapping[str, str] = field(default_factory=dict)
