"""What the builder decides about calls, and the timeouts in force for one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ratatoskr.registry.breaker import BreakerSettings
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import DEFAULTS, UNSET, Timeouts, in_force

if TYPE_CHECKING:
    from ratatoskr.models.catalogue import Catalogue
    from ratatoskr.models.knowledge import CountPrompt
    from ratatoskr.models.presets import Preset
    from ratatoskr.transport.client import Transport
    from ratatoskr.types.metadata import Parameter, RefreshReport
    from ratatoskr.types.query import RefreshModels

_NO_PRESETS: Final[Mapping[str, Preset]] = {}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the builder has decided about calls.

    Attributes:
        timeouts: where a call says nothing.
        retries: repeats of one candidate.
        policy: what happens to a parameter that a model does not take.
        rules: the user's routing: pattern of a model's name to the names to ask instead.
        fallbacks: patterns of models to the models that may follow them after a failure.
        substitute: whether the built-in chain may be used after any failure.
        key_origins: the source of each provider's key.
        base_url_origins: the source of each provider's base URL.
        breaker: when circuit breakers open; `None` for none.
        catalogue: what is known about models; `None` for nothing.
        presets: returns the user's own presets, which come before the built-in ones.
        parameters: returns what a model of a provider that is not configured accepts; the last argument is the most
            tokens of an answer.
        count: counts prompts exactly where it can, to compare them with the windows of models.
        refresh: puts a new table of models in force; the mapping has the addresses of providers.
    """

    timeouts: Timeouts = DEFAULTS
    retries: int = 2
    policy: ParameterPolicy = "error"
    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()
    fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    substitute: bool = False
    key_origins: Mapping[str, str] = field(default_factory=dict)
    base_url_origins: Mapping[str, str] = field(default_factory=dict)
    breaker: BreakerSettings | None = BreakerSettings()
    catalogue: Catalogue | None = None
    presets: Callable[[], Mapping[str, Preset]] = lambda: _NO_PRESETS
    parameters: Callable[[str, str, int | None], Mapping[str, Parameter]] = lambda *_: {}
    count: CountPrompt | None = None
    refresh: Callable[[RefreshModels, Transport, Mapping[str, str]], Awaitable[RefreshReport]] | None = None


class CallTimeouts:
    """Resolves the timeouts of calls: their own, then the builder's, then the defaults.

    Args:
        base: the builder's.
    """

    def __init__(self, base: Timeouts) -> None:
        self._base = base
        self._for_calls = in_force(base, streamed=False)
        self._for_streams = in_force(base, streamed=True)

    def resolve(self, timeouts: Timeouts, *, streamed: bool = False) -> Timeouts:
        """Return the timeouts of one call, none of them inherited any more."""
        if timeouts is UNSET:
            return self._for_streams if streamed else self._for_calls
        return in_force(timeouts.over(self._base), streamed=streamed)
