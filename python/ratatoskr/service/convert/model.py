"""What a gateway says of its models, its providers and itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ratatoskr.service.convert.codec import Codec, Words, beyond, list_as_json, numbers_beyond, refuse
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.allowance import BudgetStatus, LimitStatus
from ratatoskr.types.frozen import replace
from ratatoskr.types.model import BreakerHealth, Health, LocalHealth, ModelInfo, ModelStatus, ProviderHealth

__all__ = ["HEALTH", "MODEL_STATUS", "capabilities_from_pb", "capabilities_to_pb", "model_from_pb", "model_to_pb"]

MODEL_STATUS: Final = Codec(
    ModelStatus, pb.ModelStatusResponse, words={"status": Words(pb.ModelStatus, "MODEL_STATUS_")}
)
HEALTH: Final = Codec(
    Health,
    pb.HealthResponse,
    providers=Codec(ProviderHealth, pb.ProviderHealth),
    local=Codec(LocalHealth, pb.LocalHealth),
    to_text={
        "breakers": list_as_json(BreakerHealth),
        "limits": list_as_json(LimitStatus),
        "budgets": list_as_json(BudgetStatus),
    },
)

_CAPABILITIES: Final[dict[str, pb.ModelCapability]] = {
    "chat": pb.MODEL_CAPABILITY_CHAT,
    "generate": pb.MODEL_CAPABILITY_GENERATE,
    "embed": pb.MODEL_CAPABILITY_EMBED,
    "nli": pb.MODEL_CAPABILITY_NLI,
    "classify": pb.MODEL_CAPABILITY_CLASSIFY,
    "stance": pb.MODEL_CAPABILITY_STANCE,
    "chat_stream": pb.MODEL_CAPABILITY_CHAT_STREAMING,
    "tools": pb.MODEL_CAPABILITY_TOOL_USE,
    "count_tokens": pb.MODEL_CAPABILITY_TOKEN_COUNTING,
    "local": pb.MODEL_CAPABILITY_LOCAL_INFERENCE,
}
"""The listed capabilities by our names; others travel by name alone."""
_NAMES: Final = {number: name for name, number in _CAPABILITIES.items()}


def capability_numbers(names: Iterable[str]) -> list[pb.ModelCapability]:
    """Return those capabilities that the listed fields have."""
    return [_CAPABILITIES[name] for name in names if name in _CAPABILITIES]


def capabilities_to_pb(names: frozenset[str], *, limits: pb.Limits | None = None) -> pb.CapabilitiesResponse:
    """Return what a gateway can do, and what one call may hold."""
    ordered = sorted(names)
    return pb.CapabilitiesResponse(capabilities=capability_numbers(ordered), names=ordered, limits=limits)


def capabilities_from_pb(message: pb.CapabilitiesResponse) -> frozenset[str]:
    """Return what a gateway can do."""
    if message.names:
        return frozenset(message.names)
    return frozenset(_NAMES[number] for number in message.capabilities if number in _NAMES)


def model_to_pb(model: ModelInfo) -> pb.ModelInfo:
    """Return a model."""
    try:
        message = pb.ModelInfo(
            id=model.id,
            provider=model.provider,
            name=model.name,
            capabilities=capability_numbers(model.capabilities),
            capability_names=model.capabilities,
        )
    except (ValueError, TypeError) as error:
        raise refuse("models", model, error) from None
    for name in ("context_window", "dimensions"):
        value = getattr(model, name)
        if value is not None:
            try:
                setattr(message, name, value)
            except ValueError:
                beyond(message, name, value)
    return message


def model_from_pb(message: pb.ModelInfo) -> ModelInfo:
    """Return a model, of a daemon that knows only the listed fields too."""
    names = [_NAMES[number] for number in message.capabilities if number in _NAMES]
    model = ModelInfo(
        message.id,
        message.provider,
        message.name if message.HasField("name") else message.id.removeprefix(f"{message.provider}:"),
        tuple(message.capability_names) or tuple(names),
        message.context_window if message.HasField("context_window") else None,
        message.dimensions if message.HasField("dimensions") else None,
    )
    return replace(model, **numbers_beyond(message)) if message.HasField("beyond") else model
