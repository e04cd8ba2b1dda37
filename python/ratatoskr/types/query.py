"""Questions about a gateway and its models, as plain data: what `Backend.inspect` takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.metadata import ModelMetadata, PresetInfo, RefreshReport, ResolvedPreset
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus
from ratatoskr.types.usage import Cost, Usage

A = TypeVar("A", covariant=True)


class Query(Generic[A]):
    """A question whose answer is of type `A`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class GetCapabilities(Query[frozenset[str]]):
    """What the gateway can do."""


@dataclass(frozen=True, slots=True)
class GetHealth(Query[Health]):
    """Which providers and local models are configured, and their state."""


@dataclass(frozen=True, slots=True)
class GetModelStatus(Query[ModelStatus]):
    """Whether a model can be used.

    Attributes:
        model: the name as `chat` or `embed` takes it.
    """

    model: str


@dataclass(frozen=True, slots=True)
class ListModels(Query[list[ModelInfo]]):
    """The models that the configured providers serve.

    Attributes:
        provider: the name of the only provider to ask; `None` for all.
    """

    provider: str | None = None


@dataclass(frozen=True, slots=True)
class GetModelMetadata(Query[ModelMetadata]):
    """What is known about a model.

    Attributes:
        model: the name as `chat` or `embed` takes it.
        fetch: whether its provider is asked, too.
    """

    model: str
    fetch: bool = False


@dataclass(frozen=True, slots=True)
class ListPresets(Query[list[PresetInfo]]):
    """The presets, those of the user among them."""


@dataclass(frozen=True, slots=True)
class ResolvePreset(Query[ResolvedPreset]):
    """What a preset stands for.

    Attributes:
        name: `ratatoskr:<tier>/<slot>`; the prefix may be left out.
    """

    name: str


@dataclass(frozen=True, slots=True)
class RefreshModels(Query[RefreshReport]):
    """A new table of models.

    Attributes:
        source: a URL or the path of a file; `None` for OpenRouter's own list.
        sha256: the digest that it must have.
        accept: whether models may vanish and prices move by any factor.
        dry_run: whether to change nothing.
    """

    source: str | None = None
    sha256: str | None = None
    accept: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class GetCost(Query[Cost | None]):
    """What a use of a model costs.

    Attributes:
        usage: what it used.
        model: the name as `chat` or `embed` takes it.
        at: when the answer was complete, as a time stamp; `None` for now.
    """

    usage: Usage
    model: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class ExplainRequest(Query[Explanation]):
    """What a request would do, without sending it.

    Attributes:
        request: its model may also be one that embeds.
        body: whether each plan holds the whole HTTP request.
    """

    request: ChatRequest
    body: bool = False
