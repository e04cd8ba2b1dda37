"""What a gateway tells of models, of its providers, and of a request that it has not sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ratatoskr.types.codec import Plain
from ratatoskr.types.timeouts import Timeouts


@dataclass(frozen=True, slots=True)
class ModelInfo(Plain):
    """A model that somebody serves.

    Attributes:
        id: its name, with the provider's prefix: what `chat` takes, or `embed` for a model in this process.
        provider: who serves it.
        name: its name there.
        capabilities: what it is known to do; empty where the provider does not tell.
        context_window: tokens, where told.
        dimensions: numbers of a vector, for models that embed.
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
    """One configured provider; nothing was sent to find this out.

    Attributes:
        name: of the provider.
        base_url: where it is asked.
        key_origin: where its key came from (`argument`, an environment variable's name, a file), never the key.
    """

    type: ClassVar[Literal["provider_health"]] = "provider_health"
    name: str
    base_url: str
    key_origin: str | None = None


@dataclass(frozen=True, slots=True)
class LocalHealth(Plain):
    """One configured model of this process.

    Attributes:
        model: its repository, or the path of its folder.
        precision: `fp32` or `int8`.
        device: where it runs: `cpu` or `cuda:0`.
        status: as `model_status` tells.
        reason: why it is unavailable.
    """

    type: ClassVar[Literal["local_health"]] = "local_health"
    model: str
    precision: str
    device: str
    status: Literal["available", "loading", "ready", "unavailable"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Health(Plain):
    """The gateway and its providers.

    Attributes:
        healthy: the gateway is open.
        version: of this package.
        providers: as configured.
        local: models of this process, as configured.
    """

    type: ClassVar[Literal["health"]] = "health"
    healthy: bool
    version: str
    providers: tuple[ProviderHealth, ...] = ()
    local: tuple[LocalHealth, ...] = ()


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
class Plan(Plain):
    """What would be asked of one candidate.

    Attributes:
        provider: who would be asked.
        model: its name there.
        why: why this one, and why at this place.
        url: where the request would go.
        sent: the parameters in the provider's words, without the messages.
        changes: parameters that would be changed or left out.
        refused: why it would be skipped, if so.
        only_if_unavailable: whether it is asked only if those before it do not have the model.
    """

    type: ClassVar[Literal["plan"]] = "plan"
    provider: str
    model: str
    why: str
    url: str | None = None
    sent: dict[str, Any] | None = None
    changes: tuple[ParameterChange, ...] = ()
    refused: str | None = None
    only_if_unavailable: bool = False


@dataclass(frozen=True, slots=True)
class Explanation(Plain):
    """What a call would do; nothing was sent.

    Attributes:
        plans: the candidates in order.
        deadlines: in force, in seconds.
        retries: repeats of each candidate.
    """

    type: ClassVar[Literal["explanation"]] = "explanation"
    plans: tuple[Plan, ...]
    deadlines: dict[str, float | None]
    retries: int

    @staticmethod
    def deadlines_of(timeouts: Timeouts) -> dict[str, float | None]:
        """Return deadlines as JSON values; `None` for one that is switched off."""
        names = ("connect", "first_byte", "idle", "no_progress", "attempt", "total", "stream_life")
        return {name: (v if (v := getattr(timeouts, name)) != float("inf") else None) for name in names}
