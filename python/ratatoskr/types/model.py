"""What a gateway reports about models, its providers, and a request that it has not sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from ratatoskr.types.frozen import dataclass, field
from ratatoskr.types.plain import Plain

if TYPE_CHECKING:
    from ratatoskr.types.allowance import BudgetStatus, LimitStatus
    from ratatoskr.types.timeouts import Timeouts
    from ratatoskr.types.usage import CostRange

BreakerState: TypeAlias = Literal["open", "half_open"]
"""Of a circuit breaker that is not closed: others are asked, or the next request is a probe."""


@dataclass(frozen=True, slots=True)
class ModelInfo(Plain):
    """A model and the provider that serves it.

    Attributes:
        id: its name, with the provider's prefix: what `chat` takes, or `embed` for a model in this process.
        provider: name of the provider.
        name: its name there.
        capabilities: what it can do; empty if the provider does not say.
        context_window: tokens, if known.
        dimensions: of its vectors, for embedding models.
    """

    type: ClassVar[Literal["model_info"]] = "model_info"
    id: str
    provider: str
    name: str
    capabilities: tuple[str, ...] = ()
    context_window: int | None = None
    dimensions: int | None = None


@dataclass(frozen=True, slots=True)
class ModelStatus(Plain):
    """Whether a model can be used.

    Attributes:
        status: `ready`, `available`, `loading` or `unavailable`.
        reason: why not.
    """

    type: ClassVar[Literal["model_status"]] = "model_status"
    status: Literal["available", "loading", "ready", "unavailable"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderHealth(Plain):
    """One configured provider, as far as is known without a request.

    Attributes:
        name: of the provider.
        base_url: of its API.
        key_origin: where its key came from (`argument`, an environment variable's name, a file), never the key.
        base_url_origin: where its base URL came from: `argument`, an environment variable's name, or `built in`.
    """

    type: ClassVar[Literal["provider_health"]] = "provider_health"
    name: str
    base_url: str
    key_origin: str | None = None
    base_url_origin: str | None = None


@dataclass(frozen=True, slots=True)
class LocalHealth(Plain):
    """One configured model in this process.

    Attributes:
        model: its repository, or the path of its folder.
        precision: `fp32`, `int8` or `bf16`; that which `auto` chose.
        device: where it runs: `cpu` or `cuda:0`.
        status: as in `ModelStatus`.
        reason: why it is unavailable.
    """

    type: ClassVar[Literal["local_health"]] = "local_health"
    model: str
    precision: str
    device: str
    status: Literal["available", "loading", "ready", "unavailable"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BreakerHealth(Plain):
    """A model at a provider where too many requests have failed lately, so that others are asked first.

    Attributes:
        provider: name of the provider.
        model: its name there.
        state: `open`, or `half_open` when the next request tests whether the model answers again.
        ready_in: seconds until it is half-open.
    """

    type: ClassVar[Literal["breaker_health"]] = "breaker_health"
    provider: str
    model: str
    state: BreakerState
    ready_in: float = 0.0


@dataclass(frozen=True, slots=True)
class Health(Plain):
    """The gateway and its providers.

    Attributes:
        healthy: the gateway is open.
        version: of this package.
        providers: as configured.
        local: the local models, as configured.
        breakers: the circuit breakers that are not closed.
        limits: of requests and tokens, with what is used now.
        budgets: with what is spent in the current window.
    """

    type: ClassVar[Literal["health"]] = "health"
    healthy: bool
    version: str
    providers: tuple[ProviderHealth, ...] = ()
    local: tuple[LocalHealth, ...] = ()
    breakers: tuple[BreakerHealth, ...] = ()
    limits: tuple[LimitStatus, ...] = ()
    budgets: tuple[BudgetStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterChange(Plain):
    """A parameter that would not be sent as it was given.

    Attributes:
        field: its name.
        before: as given.
        after: as sent; `None` where it is left out.
        reason: why.
    """

    type: ClassVar[Literal["parameter_change"]] = "parameter_change"
    field: str
    before: Any
    after: Any
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedRequest(Plain):
    """An HTTP request as it would be sent; keys and secret headers are redacted.

    Attributes:
        method: `POST`.
        url: with its query.
        headers: names in lower case.
        body: the JSON document, with the conversation.
    """

    type: ClassVar[Literal["planned_request"]] = "planned_request"
    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan(Plain):
    """The request that one candidate would be sent.

    Attributes:
        provider: name of the provider.
        model: its name there.
        why: why this one, and why at this position.
        url: where the request would go.
        sent: the parameters as the provider takes them, without the messages.
        changes: parameters that would be changed or left out.
        refused: why it would be skipped, if so.
        only_if_unavailable: whether it is used only if the candidates before it do not have the model.
        request: the whole request, where it was asked for.
        base_url_origin: where the base URL came from: `argument`, an environment variable's name, or `built in`.
        cost: what the call may cost, if the model's price is known.
        retires: the first day on which the model is not served any more, as `2026-12-01`, if it is known.
        breaker: the state of its circuit breaker, unless closed.
        ready_in: seconds for which others come first, because of the breaker or of a rate limit or refusal.
        limits: of requests and tokens that it is subject to, with what is used now.
    """

    type: ClassVar[Literal["plan"]] = "plan"
    provider: str
    model: str
    why: str
    url: str | None = None
    sent: dict[str, Any] | None = field(default=None, repr=False)
    changes: tuple[ParameterChange, ...] = ()
    refused: str | None = None
    only_if_unavailable: bool = False
    request: PlannedRequest | None = field(default=None, repr=False)
    base_url_origin: str | None = field(default=None, repr=False)
    cost: CostRange | None = None
    retires: str | None = None
    breaker: BreakerState | None = None
    ready_in: float = 0.0
    limits: tuple[LimitStatus, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Explanation(Plain):
    """What a call would do; no request was sent.

    Attributes:
        plans: the candidates in order.
        deadlines: in force, in seconds.
        retries: of each candidate.
        budgets: that must allow the call, with what is spent in the current window.
    """

    type: ClassVar[Literal["explanation"]] = "explanation"
    plans: tuple[Plan, ...]
    deadlines: dict[str, float | None] = field(repr=False)
    retries: int
    budgets: tuple[BudgetStatus, ...] = ()

    @staticmethod
    def deadlines_of(timeouts: Timeouts) -> dict[str, float | None]:
        """Return deadlines as JSON values; `None` for one that is switched off."""
        names = ("connect", "first_byte", "idle", "no_progress", "attempt", "total", "stream_life")
        return {name: (v if (v := getattr(timeouts, name)) != float("inf") else None) for name in names}
