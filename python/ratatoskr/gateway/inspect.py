"""What a gateway serves and would do: the public methods, each of which asks the backend one question.

A class with a `backend` (every `Gateway`) inherits them; any other class that has such methods satisfies the Protocol.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from ratatoskr.errors import ConfigurationError, InvalidInput, NoProvider
from ratatoskr.gateway.request import MessagesLike, ModelLike, backend_of, request_of
from ratatoskr.gateway.signature import shows_parameters
from ratatoskr.types.metadata import ModelMetadata, PresetInfo, RefreshReport, ResolvedPreset
from ratatoskr.types.model import Explanation, Health, ModelInfo, ModelStatus
from ratatoskr.types.query import (
    ExplainRequest,
    GetCapabilities,
    GetCost,
    GetHealth,
    GetModelMetadata,
    GetModelStatus,
    ListModels,
    ListPresets,
    RefreshModels,
    ResolvePreset,
)
from ratatoskr.types.usage import COUNTS, DETAIL_COUNTS, Cost, Usage
from ratatoskr.types.visible import quote

__all__ = ["Inspect"]

_LATEST = 1e18
"""Time stamps beyond it are no times; they need not be numbers of a machine, either."""


class Inspect(Protocol):
    """Describes models, providers and requests, and prepares what calls need."""

    async def list_models(self, provider: str | None = None) -> list[ModelInfo]:
        """Return the models that the configured providers serve, by asking each for its list, and the local ones.

        Args:
            provider: the only one to ask; `local` for the models of this process.

        Raises:
            InvalidInput: `provider` is not a name.
            RatatoskrError: a provider failed. With several, those that answered are returned; `AllAttemptsFailed` is
                raised if all failed.
        """
        return await backend_of(self).inspect(
            ListModels(None if provider is None else check_name(provider, "provider"))
        )

    async def model_status(self, model: str) -> ModelStatus:
        """Return whether a model can be used: a configured provider lists it, or it can be loaded."""
        return await backend_of(self).inspect(GetModelStatus(check_name(model, "model")))

    async def model_metadata(self, model: str) -> ModelMetadata:
        """Return what the catalogue knows about a model, and what it accepts; nothing is sent.

        Args:
            model: as `chat` or `embed` takes it; with a provider's prefix that provider need not be configured.

        Raises:
            InvalidInput: the name cannot be parsed.
            NoProvider: it has no prefix, and no configured provider serves it.
            ConfigurationError: something in `models.toml` is wrong.
        """
        return await backend_of(self).inspect(GetModelMetadata(check_name(model, "model")))

    async def fetch_model_metadata(self, model: str) -> ModelMetadata:
        """Return the same as `model_metadata`, with what the provider's own list of models says first.

        Raises:
            ModelNotFound: the provider does not list it.
            RatatoskrError: the provider failed; also what `model_metadata` raises.
        """
        return await backend_of(self).inspect(GetModelMetadata(check_name(model, "model"), fetch=True))

    async def list_presets(self) -> list[PresetInfo]:
        """Return the presets: the built-in ones, and those of `models.toml`."""
        return await backend_of(self).inspect(ListPresets())

    async def resolve_preset(self, name: str) -> ResolvedPreset:
        """Return what a preset stands for here: the first of its models whose provider is configured.

        Args:
            name: such as `ratatoskr:mid/coding`; the prefix may be left out.

        Raises:
            InvalidInput: a half of the name is missing.
            PresetNotFound: there is no such preset.
            NoProvider: none of its models has a configured provider.
        """
        return await backend_of(self).inspect(ResolvePreset(check_name(name, "name")))

    async def refresh_models(
        self, source: str | None = None, *, sha256: str | None = None, accept: bool = False, dry_run: bool = False
    ) -> RefreshReport:
        """Put a new table of models in force, for this user, and return what it changes.

        Args:
            source: a URL or the path of a file, in the catalogue's own form, in that of OpenRouter's list or of
                genai-prices' JSON; `None` for OpenRouter's own list.
            sha256: the digest that it must have.
            accept: whether a tenth of the models may vanish and prices move five-fold.
            dry_run: whether to change nothing.

        Raises:
            ConfigurationError: the source cannot be read, is not a table, has another digest, or is refused; what was
                in force stays.
            RatatoskrError: it cannot be fetched.
        """
        for name, flag in (("accept", accept), ("dry_run", dry_run)):
            if not isinstance(flag, bool):
                raise ConfigurationError(f"{name} must be true or false, not {quote(flag)}", field=name)
        return await backend_of(self).inspect(RefreshModels(source, sha256, accept, dry_run))

    async def cost(self, usage: Usage, model: str, at: datetime | float | None = None) -> Cost | None:
        """Return what a use of a model costs by the list prices; `None` if its price is unknown.

        A response has its own cost already, which is the provider's bill where there is one.

        Args:
            usage: what was used; its `details` say how it was served.
            model: as `chat` or `embed` takes it; with a provider's prefix that provider need not be configured.
            at: when the answer was complete, a `datetime` (without a zone: UTC) or a time stamp; `None` for now.

        Raises:
            InvalidInput: an argument is of the wrong type, or the name cannot be parsed.
            NoProvider: the name has no prefix, and no configured provider serves it.
        """
        return await backend_of(self).inspect(cost_query(usage, model, at))

    @shows_parameters
    async def explain(
        self, model: ModelLike, messages: MessagesLike = "…", *, body: bool = False, **arguments: Any
    ) -> Explanation:
        """Return what `chat` with the same arguments would do: the candidates, why, their parameters, the deadlines.

        Nothing is sent. For an embedding model, the candidates that would embed with it. Parameters that a candidate
        refuses are in its plan and raise nothing.

        Args:
            model: as `chat` takes it.
            messages: as `chat` takes them.
            body: whether each plan holds the whole HTTP request, its keys redacted.
            **arguments: those of `chat`.

        Raises:
            InvalidInput: the request itself is wrong.
            NoProvider: no configured provider serves the model.
        """
        arguments.pop("retries_on_invalid", None)  # says what happens after an answer
        return await backend_of(self).inspect(ExplainRequest(request_of(messages, model, **arguments), body))

    async def capabilities(self) -> frozenset[str]:
        """Return the names of what this gateway can do."""
        return await backend_of(self).inspect(GetCapabilities())

    async def health(self) -> Health:
        """Return the configured providers, the origin of each key, and the state of each local model; sends nothing."""
        return await backend_of(self).inspect(GetHealth())

    async def preload(self, model: str) -> None:
        """Load a local model, if it is not loaded, so that the first call does not wait for that."""
        await _model_memory(self, "preload")(check_name(model, "model"))

    async def unload(self, model: str) -> None:
        """Unload a local model and release its memory; the next call loads it again."""
        await _model_memory(self, "unload")(check_name(model, "model"))

    async def preconnect(self) -> None:
        """Open a connection to each configured provider, so that the first call does not wait for one."""
        preconnect = getattr(backend_of(self), "preconnect", None)
        if preconnect is not None:
            await preconnect()


def check_name(name: str, field: str) -> str:
    """Return a name; raises `InvalidInput` if it is none."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"{field} must be a name, and not empty, not {quote(name)}", field=field)
    return name.strip()


def cost_query(usage: Usage, model: str, at: datetime | float | None) -> GetCost:
    """Return the question for a cost.

    Raises:
        InvalidInput: an argument is of the wrong type.
    """
    if not isinstance(usage, Usage):
        raise InvalidInput(f"usage must be a Usage, not {type(usage).__name__}", field="usage")
    for part, names in ((usage, COUNTS), (usage.details, DETAIL_COUNTS)):
        for name in names if part is not None else ():
            count = getattr(part, name)
            if count is not None and (type(count) is not int or count < 0):
                raise InvalidInput(f"{name} must be a whole number, not below 0, not {count!r}", field=f"usage.{name}")
    if not isinstance(model, str) or not model.strip():
        raise InvalidInput(f"model must be the name of one model, not {model!r}", field="model")
    if isinstance(at, datetime):
        at = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    if at is not None and (isinstance(at, bool) or not isinstance(at, int | float) or not -_LATEST < at < _LATEST):
        raise InvalidInput(f"at must be a datetime or a time stamp, not {at!r}", field="at")
    return GetCost(usage, model, at)


def _model_memory(gateway: object, name: str) -> Any:
    method = getattr(backend_of(gateway), name, None)
    if method is None:
        raise NoProvider(f"this gateway has no local models to {name}")
    return method
