"""What a gateway is made of besides its providers: what the builder has decided, and what carries the bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import DEFAULTS, Timeouts


class Carrier(Protocol):
    """What carries the providers' bytes, as far as a gateway cares."""

    @property
    def loop_bound(self) -> bool:
        """Whether it belongs to the event loop that uses it first."""
        ...

    async def preconnect(self, urls: Sequence[str]) -> None:
        """Open connections ahead of use."""
        ...

    async def aclose(self) -> None:
        """Close all of them."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What the builder has decided.

    Attributes:
        timeouts: deadlines where a call says nothing.
        retries: repeats of one candidate.
        policy: what to do with a parameter that a model does not take.
        rules: the user's routing: pattern of a model's name to the names to ask instead.
        fallbacks: patterns of models to the models that may follow them after a failure.
        substitute: whether the built-in chain may be used after any failure.
        key_origins: provider to where its key came from.
    """

    timeouts: Timeouts = DEFAULTS
    retries: int = 2
    policy: ParameterPolicy = "error"
    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()
    fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    substitute: bool = False
    key_origins: Mapping[str, str] = field(default_factory=dict)
