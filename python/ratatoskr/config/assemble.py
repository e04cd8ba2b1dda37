"""Make a gateway from a recipe: the only module that names concrete providers, transports and gateways."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

from ratatoskr._log import print_logs_as_asked
from ratatoskr.backend.direct import DirectBackend
from ratatoskr.backend.protocol import Backend, Closeable
from ratatoskr.backend.settings import Settings
from ratatoskr.config.catalogue import CatalogueFiles, own_presets
from ratatoskr.config.guards import Guards
from ratatoskr.config.known_models import describe_parameters_of, refresh_models
from ratatoskr.config.network import check_tls, warn_of_unused_variables
from ratatoskr.config.provider import (
    ProviderConfig,
    find_base_url_notices,
    load_entry_points,
    resolve_base_url,
    resolve_keys,
)
from ratatoskr.config.recipe import LocalConfig, Recipe
from ratatoskr.errors import ConfigurationError, GatewayClosed, RatatoskrError
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.models.catalogue import Catalogue
from ratatoskr.providers.protocol import (
    ChatProvider,
    EmbedProvider,
    FindsModels,
    RemoteEmbedProvider,
    TokenCounter,
)
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs import ProviderSpec
from ratatoskr.providers.tasks import remote_analysts, remote_embedders
from ratatoskr.routing import check_rules
from ratatoskr.transport.client import Transport
from ratatoskr.transport.config import TransportConfig
from ratatoskr.types.frames import hide_arguments
from ratatoskr.types.secret import Secret
from ratatoskr.types.token import KeySource
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.middleware.base import Middleware
    from ratatoskr.types.chat import ChatRequest

__all__ = ["Assembly", "ProviderInputs", "Shared", "assemble"]


class _LocalProviders(Closeable, Protocol):
    """The models of this process."""

    @property
    def embedders(self) -> Sequence[EmbedProvider]:
        """The providers of embeddings."""
        ...

    @property
    def analysts(self) -> Sequence[FindsModels]:
        """The providers of text analysis."""
        ...


T = TypeVar("T")
Part = TypeVar("Part", bound=Closeable)
Provider = TypeVar("Provider", ChatProvider, EmbedProvider, RemoteEmbedProvider, FindsModels)


class Shared(Generic[Part]):
    """A part of one or more gateways, which is closed when the last of them releases it.

    A gateway that is garbage-collected without being closed no longer counts.

    Args:
        value: the part.
        owner: the gateway's assembly that made it.
    """

    def __init__(self, value: Part, owner: Assembly) -> None:
        self.value = value
        self._owners = WeakSet([owner])
        self._lock = threading.Lock()

    def acquire(self, owner: Assembly) -> None:
        """Add an owner.

        Raises:
            GatewayClosed: all owners have released it.
        """
        with self._lock:
            if not self._owners:
                raise GatewayClosed("the gateway whose parts were to be reused is closed")
            self._owners.add(owner)

    async def release(self, owner: Assembly) -> None:
        """Remove an owner, and close the part if it was the last. May be called twice."""
        with self._lock:
            self._owners.discard(owner)
            in_use = bool(self._owners)
        if not in_use:
            await self.value.aclose()


@dataclass(frozen=True, slots=True)
class ProviderInputs:
    """What a provider is made from, resolved; equal inputs and the same transport make an equal provider."""

    config: ProviderConfig
    spec: ProviderSpec | None
    base_url: str
    keys: tuple[Secret | KeySource, ...]
    key_origin: str | None = field(compare=False)
    base_url_origin: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class TransportInputs:
    """What a transport is made from."""

    config: TransportConfig
    client: object


class Assembly:
    """The parts of one gateway, with what they were made from.

    Attributes:
        recipe: what the gateway was made from.
        catalogue: what is known about models; read at the first question.
        inputs: what each provider was made from.
        transport: shared with the gateways that reuse it.
        providers: by name; they hold the transport.
        guards: the limits and budgets.
        local: the models of this process, shared as the transport is; `None` if there are none.
    """

    def __init__(self, recipe: Recipe, previous: Assembly | None = None) -> None:
        recipe.check()
        self.recipe = recipe
        self.inputs = {config.name: _resolve(config) for config in recipe.providers}
        self._own_presets = functools.partial(own_presets, frozenset(self.inputs))
        check_rules(recipe.rules, self.inputs, "rules", self._own_presets)
        check_rules(recipe.fallbacks, self.inputs, "fallback", self._own_presets)
        self.catalogue = Catalogue(CatalogueFiles(dict(recipe.models)))
        check_tls(recipe.transport)
        if recipe.client is None and recipe.providers:
            warn_of_unused_variables(recipe.transport)
        self._transport_inputs = self._resolve_transport()
        reused: list[Shared[Transport] | Shared[_LocalProviders]] = []
        self.transport: Shared[Transport]
        if previous is not None and previous._transport_inputs == self._transport_inputs:
            self.transport = previous.transport
            reused.append(previous.transport)
        else:
            self.transport = Shared(_make_transport(self._transport_inputs), self)
        old = previous if previous is not None and reused else None
        self.providers: dict[str, ChatProvider] = {
            name: old.providers[name]
            if old is not None and old.inputs.get(name) == inputs
            else _make_provider(inputs, self.transport.value)
            for name, inputs in self.inputs.items()
        }
        self.local: Shared[_LocalProviders] | None = None
        if previous is not None and previous.local is not None and previous.recipe.local == recipe.local:
            self.local = previous.local
            reused.append(previous.local)
        elif recipe.local.models or recipe.local.analysis:
            self.local = Shared(_make_local(recipe.local), self)
        self._counter = _make_counter(recipe) if recipe.tokenizers else None
        for part in reused:
            part.acquire(self)
        self.guards: Guards = Guards(recipe, self.catalogue.find, previous.guards if previous is not None else None)

    def _resolve_transport(self) -> TransportInputs:
        recipe = self.recipe
        in_flight = self._by_origin(recipe.in_flight, "in_flight")
        stream_bytes = self._by_origin(recipe.stream_bytes, "stream_bytes")
        config = replace(recipe.transport, in_flight_by_origin=in_flight, stream_bytes_by_origin=stream_bytes)
        return TransportInputs(config, recipe.client)

    def _by_origin(self, limits: Iterable[tuple[str, int]], field: str) -> dict[str, int]:
        """Return the limits of providers by their origin; providers at the same one share the lowest."""
        by_origin: dict[str, int] = {}
        for name, limit in limits:
            parts = urlsplit(self.inputs[name].base_url)
            if not parts.netloc:
                raise ConfigurationError("limits need a base_url for this provider", provider=name, field=field)
            origin = f"{parts.scheme}://{parts.netloc}"  # as the transport writes it, because base URLs are normalized
            by_origin[origin] = min(limit, by_origin.get(origin, limit))
        return by_origin

    def make_counter(self) -> TokenCounter:
        """Return what counts tokens in this process: made at once with the user's own tokenizers, else on first use."""
        if self._counter is None:
            self._counter = _make_counter(self.recipe)
        return self._counter

    def count_prompt(self, request: ChatRequest, provider: str, model: str) -> int | None:
        """Return the exact number of tokens of a prompt; `None` if only an estimate is possible."""
        return self.make_counter().count_prompt(request, model)

    @property
    def settings(self) -> Settings:
        """The gateway's settings."""
        recipe = self.recipe
        origins = {name: inputs.key_origin for name, inputs in self.inputs.items() if inputs.key_origin is not None}
        return Settings(
            recipe.timeouts,
            recipe.retries,
            recipe.policy,
            recipe.rules,
            recipe.fallbacks,
            recipe.substitute,
            origins,
            {name: inputs.base_url_origin for name, inputs in self.inputs.items()},
            recipe.breaker,
            self.catalogue,
            self._own_presets,
            describe_parameters_of,
            count=self.count_prompt,
            refresh=refresh_models,
        )

    async def aclose(self) -> None:
        """Close the parts that no other gateway uses. May be called twice."""
        self.guards.close()
        if self.local is not None:
            await self.local.release(self)
        await self.transport.release(self)


@hide_arguments
def assemble(recipe: Recipe, *, reuse: EmbeddedGateway | None = None) -> EmbeddedGateway:
    """Return a gateway; no request is sent and no thread is started.

    Args:
        recipe: the whole set-up.
        reuse: an open gateway that this one replaces. Its transport with the open connections, its providers and its
            local models are shared where their part of the set-up is unchanged; whichever gateway is closed last
            closes them.

    Raises:
        ConfigurationError: no provider and no local model, one configured twice, a key or an extra missing, an invalid
            base URL, a PEM file that cannot be used, a rule or a fallback that names a model that no configured
            provider serves.
        GatewayClosed: the gateway to reuse is closed.
    """
    print_logs_as_asked()
    previous = reuse.assembly if reuse is not None else None
    assembly = Assembly(recipe, previous if isinstance(previous, Assembly) else None)
    local = None if assembly.local is None else assembly.local.value
    backend: Backend = DirectBackend(
        {name: _around_tries(assembly, name, provider) for name, provider in assembly.providers.items()},
        assembly.transport.value,
        assembly.settings,
        embedders=[
            *(_around_tries(assembly, one.name, one) for one in (() if local is None else local.embedders)),
            *(_around_tries(assembly, one.name, one) for one in remote_embedders(assembly.providers.values())),
        ],
        analysts=[
            *(_around_tries(assembly, one.name, one) for one in (() if local is None else local.analysts)),
            *(_around_tries(assembly, one.name, one) for one in remote_analysts(assembly.providers.values())),
        ],
        make_counter=assembly.make_counter,
        clock=recipe.clock,
        shared=assembly,
        guards=assembly.guards,
    )
    return EmbeddedGateway(_around_calls(recipe, backend), assembly)


def _around_calls(recipe: Recipe, backend: Backend) -> Backend:
    """Return the backend with what stands around every call, from outside: the user's wraps, the chain."""
    return _bind_all(recipe.wraps, backend)


def _around_tries(assembly: Assembly, name: str, provider: Provider) -> Provider:
    """Return a provider with what stands around every try at it.

    From outside: the budgets, which charge each try for itself, the user's wraps, the limits, the provider.
    """
    return _bind_all(assembly.guards.around_tries(name, provider, assembly.recipe.try_wraps), provider)


def _bind_all(middleware: Sequence[Middleware], target: T) -> T:
    if not middleware:
        return target
    from ratatoskr.middleware.bind import bind_all

    return bind_all(middleware, target, check=True)


def _resolve(config: ProviderConfig) -> ProviderInputs:
    base_url, base_url_origin = resolve_base_url(config)
    keys, origin = resolve_keys(config)
    return ProviderInputs(config, config.spec, base_url, keys, origin, base_url_origin)


def _make_transport(inputs: TransportInputs) -> Transport:
    if inputs.client is not None:
        from ratatoskr.transport.httpx import HttpxTransport

        return HttpxTransport(inputs.client, inputs.config)
    from ratatoskr.transport.native import NativeTransport

    config = inputs.config
    if config.proxy is None or not config.no_proxy:
        return NativeTransport(config)
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out

    from ratatoskr.transport.bypass import BypassTransport

    def bypasses(host: str) -> bool:
        return bool(proxy_bypass_environment(host, {"no": config.no_proxy}))

    return BypassTransport(NativeTransport(config), NativeTransport(replace(config, proxy=None)), bypasses)


def _make_provider(inputs: ProviderInputs, transport: Transport) -> ChatProvider:
    config = inputs.config
    headers = {name: value.reveal() for name, value in config.headers}
    if inputs.spec is not None:
        return HttpProvider(
            inputs.spec,
            transport,
            inputs.keys,
            base_url=inputs.base_url,
            headers=headers,
            api=config.api,
            deployments=dict(config.deployments),
            notices=find_base_url_notices(config),
        )
    try:
        make: Callable[..., ChatProvider] = load_entry_points()[config.name].load()
        made = make(transport=transport, keys=inputs.keys, base_url=inputs.base_url or None, headers=headers or None)
    except RatatoskrError:
        raise
    except Exception as error:  # of a package of others
        text = f"the package that provides it failed with {type(error).__name__}"
        raise ConfigurationError(text, provider=config.name) from error
    if not all(callable(getattr(made, name, None)) for name in ("chat", "open")):
        text = f"the package that provides it made {quote(made)}, which is not a provider of chats"
        raise ConfigurationError(text, provider=config.name)
    return made


def _make_local(config: LocalConfig) -> _LocalProviders:
    from ratatoskr.local.provider import local_providers

    return local_providers(
        config.models,
        config.analysis,
        device=config.device,
        threads=config.threads,
        cache_dir=config.cache_dir,
        ram_budget=config.ram_budget,
    )


def _make_counter(recipe: Recipe) -> TokenCounter:
    from ratatoskr.local.tokens import TokenizerRegistry

    return TokenizerRegistry(dict(recipe.tokenizers), cache_dir=recipe.local.cache_dir)
