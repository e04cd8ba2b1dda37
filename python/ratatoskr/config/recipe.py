"""`Recipe`: the whole set-up of a gateway as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ratatoskr.config.provider import ProviderConfig
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.models.catalogue import ModelChange
from ratatoskr.providers.specs import SPECS, example_variables
from ratatoskr.registry.backoff import Clock
from ratatoskr.registry.breaker import BreakerSettings
from ratatoskr.transport.config import TransportConfig
from ratatoskr.types.local import AnalysisModel
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Timeouts

if TYPE_CHECKING:
    from ratatoskr.ledger.protocol import Ledger
    from ratatoskr.local.engine.device import Device
    from ratatoskr.middleware.base import Middleware
    from ratatoskr.types.budget import Budget
    from ratatoskr.types.limit import Limit

Pairs: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Patterns of model names, each with the names that it stands for, in order."""


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """The models that run in this process.

    Attributes:
        models: names or folders of models for embeddings, each with its precision.
        analysis: models for text analysis: what each does, its name, folder or two files, its precision, and the names
            of its labels.
        device: where they run; `None` for the CPU.
        threads: threads that tokenise and compute; `None` for those of the device.
        cache_dir: the folder of the model store; `None` for the default.
        ram_budget: the number of bytes that they may add to this process.
    """

    models: tuple[tuple[str | Path, PrecisionChoice], ...] = ()
    analysis: tuple[AnalysisModel, ...] = ()
    device: Device | None = None
    threads: int | None = None
    cache_dir: str | Path | None = None
    ram_budget: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a gateway is made of. Equal recipes make equal gateways; its repr contains no secret.

    Attributes:
        providers: in the order in which they were added.
        local: the models of this process.
        timeouts: deadlines of calls that set none themselves.
        retries: the number of retries at each candidate.
        breaker: when circuit breakers open; `None` for none.
        policy: what to do with a parameter that a model does not support.
        rules: the user's routing, which comes before the built-in table.
        fallbacks: the models that may follow after any failure.
        substitute: whether the built-in chain may be used after any failure.
        tokenizers: the user's own: patterns of model names, each with a tokenizer or another model.
        in_flight: the number of concurrent requests of a provider, where it differs from the default.
        stream_bytes: the largest size of a provider's streams, where it differs from the default.
        models: what the user knows better about models, by provider and model.
        transport: proxy, TLS and socket.
        client: an httpx client in place of the native transport.
        clock: in place of real time and randomness; for tests.
        limits: of requests and tokens, by provider and model.
        budgets: all of which must allow a call.
        ledger: where limits and budgets count: the path of a file, or a `Ledger`; `None` for memory.
        wraps: middleware around every call, the first one outermost.
        try_wraps: middleware around every try at a provider, the first one outermost.
    """

    providers: tuple[ProviderConfig, ...] = ()
    local: LocalConfig = LocalConfig()
    timeouts: Timeouts = Timeouts()
    retries: int = 2
    breaker: BreakerSettings | None = BreakerSettings()
    policy: ParameterPolicy = "error"
    rules: Pairs = ()
    fallbacks: Pairs = ()
    substitute: bool = False
    tokenizers: tuple[tuple[str, str | Path], ...] = ()
    in_flight: tuple[tuple[str, int], ...] = ()
    stream_bytes: tuple[tuple[str, int], ...] = ()
    models: tuple[tuple[tuple[str, str], ModelChange], ...] = ()
    transport: TransportConfig = TransportConfig()
    client: Any = field(default=None, repr=False)
    clock: Clock | None = None
    limits: tuple[Limit, ...] = ()
    budgets: tuple[Budget, ...] = ()
    ledger: str | Path | Ledger | None = None
    wraps: tuple[Middleware, ...] = ()
    try_wraps: tuple[Middleware, ...] = ()

    def check(self, advice: str = "call e.g. builder().openai(key)") -> None:
        """Check what depends on more than one argument.

        Args:
            advice: what to do where there is no provider and no local model, besides to set a variable.

        Raises:
            ConfigurationError: there is no provider and no local model, a provider is configured twice, or settings
                exclude one another.
        """
        if not self.providers and not self.local.models and not self.local.analysis:
            raise ConfigurationError(f"no provider is configured: {advice}, or set {example_variables()}")
        names = [provider.name for provider in self.providers]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError("configured twice", provider=name)
        limited = {name for name, _ in self.in_flight + self.stream_bytes} | {one.provider for one in self.limits}
        unknown = limited - set(names)
        if unknown:
            raise ConfigurationError(
                f"limits for {', '.join(sorted(unknown))}, which is not configured", field="limits"
            )
        for (provider, model), _ in self.models:
            if provider not in SPECS and provider not in (*names, "local"):
                raise ConfigurationError(
                    f"model({f'{provider}:{model}'!r:.200}) is of no provider: {provider!r:.100} is neither built in"
                    " nor configured",
                    field="model",
                )
        if self.client is not None and (self.in_flight or self.transport != TransportConfig()):
            raise ConfigurationError(
                "your own client has its own proxy, TLS, socket and limits: set them on it, not here, except for"
                " stream_bytes",
                field="http_client",
            )
