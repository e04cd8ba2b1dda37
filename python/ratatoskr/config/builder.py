"""`Ratatoskr`, where gateways are made: the only place that knows concrete providers and transports."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias, TypedDict, get_args

from ratatoskr.backend.direct import DirectBackend
from ratatoskr.backend.settings import Settings
from ratatoskr.config import secrets
from ratatoskr.config.provider import (
    Keys,
    ProviderConfig,
    address_of,
    check_headers,
    keys_of,
    names_of,
    origin_of,
    provider_of,
)
from ratatoskr.errors import ConfigurationError
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.providers import specs as rows
from ratatoskr.providers.protocol import ChatProvider, EmbedProvider
from ratatoskr.registry.backoff import Clock
from ratatoskr.transport.client import Transport
from ratatoskr.transport.config import TransportConfig
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Timeouts

if TYPE_CHECKING:
    import httpx
    from typing_extensions import Unpack

    from ratatoskr.local.engine.device import Device

_PROXY = re.compile(r"(https?|socks5h?)://[^/\s]+", re.IGNORECASE)
Precision: TypeAlias = Literal["fp32", "int8"]
Api: TypeAlias = Literal["auto", "responses", "chat_completions"]


class ProviderOptions(TypedDict, total=False):
    """What every provider takes besides its key; see `Builder.provider`."""

    base_url: str | None
    headers: Mapping[str, str] | None
    allow_insecure: bool


class Ratatoskr:
    """The way in: `Ratatoskr.builder()` for a gateway as you want it, `Ratatoskr.from_env()` for what is there."""

    @staticmethod
    def builder() -> Builder:
        """Begin a gateway."""
        return Builder()

    @staticmethod
    def from_env() -> EmbeddedGateway:
        """Return a gateway with every provider that has a key, and Ollama if it is in reach.

        Ollama counts if `OLLAMA_HOST` is set or its port on this machine answers.

        Raises:
            ConfigurationError: there is none.
        """
        builder = Builder()
        for name in rows.SPECS:
            if name != "ollama" and secrets.key_for(name) is not None:
                builder.provider(name)
        if secrets.ollama_host() is not None or _answers("127.0.0.1", 11434):
            builder.ollama()
        return builder.build()


class Builder:
    """Collects what a gateway is to be; every method returns the builder, `build()` checks and makes it."""

    def __init__(self) -> None:
        self._wanted: list[ProviderConfig] = []
        self._local: list[tuple[str | Path, Precision]] = []
        self._device: Device | None = None
        self._cache_dir: str | Path | None = None
        self._ram_budget: int | None = None
        self._timeouts = Timeouts()
        self._retries = 2
        self._policy: ParameterPolicy = "error"
        self._rules: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self._substitute = False
        self._fallbacks: list[tuple[str, tuple[str, ...]]] = []
        self._in_flight: dict[str, int] = {}
        self._client: Any = None
        self._config = TransportConfig()
        self._clock: Clock | None = None

    # providers

    def provider(
        self,
        name: str,
        key: Keys = None,
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
    ) -> Self:
        """Add a provider by name: a built-in one, or one that an installed package announces.

        Args:
            name: as in the prefix of its models' names.
            key: one or several; left out, it comes from the environment or the secrets file.
            base_url: in place of the provider's own.
            headers: added to every request.
            allow_insecure: allow plain http to another machine.
        """
        self._wanted.append(ProviderConfig(name, key, base_url, headers, "auto", allow_insecure))
        return self

    def openrouter(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add OpenRouter; it answers free models without a key. Options as in `provider`."""
        return self.provider("openrouter", key, **options)

    def anthropic(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Anthropic. Options as in `provider`."""
        return self.provider("anthropic", key, **options)

    def openai(self, key: Keys = None, *, api: Api = "auto", **options: Unpack[ProviderOptions]) -> Self:
        """Add OpenAI. Options as in `provider`.

        Args:
            key: one or several.
            api: the endpoint to use; `auto` takes Responses for models that reason, Chat Completions for the rest.
            **options: as in `provider`.
        """
        if api not in get_args(Api):
            raise ConfigurationError(f"api must be auto, responses or chat_completions, not {api!r}", field="api")
        self.provider("openai", key, **options)
        self._wanted[-1] = replace(self._wanted[-1], api=api)
        return self

    def google(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Google Gemini. Options as in `provider`."""
        return self.provider("google", key, **options)

    def ollama(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Ollama, at `OLLAMA_HOST` or on this machine. Options as in `provider`."""
        return self.provider("ollama", key, **options)

    def huggingface(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add the router of Hugging Face. Options as in `provider`."""
        return self.provider("huggingface", key, **options)

    def groq(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Groq. Options as in `provider`."""
        return self.provider("groq", key, **options)

    def mistral(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Mistral. Options as in `provider`."""
        return self.provider("mistral", key, **options)

    def deepseek(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add DeepSeek. Options as in `provider`."""
        return self.provider("deepseek", key, **options)

    def together(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Together. Options as in `provider`."""
        return self.provider("together", key, **options)

    def xai(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add xAI. Options as in `provider`."""
        return self.provider("xai", key, **options)

    def compatible(
        self,
        name: str,
        *,
        base_url: str,
        key: Keys = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure: bool = False,
    ) -> Self:
        """Add a host that speaks OpenAI's Chat Completions.

        Args:
            name: prefix for its models, as in `name:model`.
            base_url: what stands before `/chat/completions`.
            key: one or several, if it wants one.
            headers: added to every request.
            allow_insecure: allow plain http to another machine.
        """
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(f"a provider's name is letters, digits, - and _, not {name!r}", field="name")
        if name in _TAKEN:
            raise ConfigurationError(f"{name} before a colon means {_TAKEN[name]}; choose another name", field="name")
        row = rows.compatible(name, base_url)
        self._wanted.append(ProviderConfig(name, key, base_url, headers, "auto", allow_insecure, row))
        return self

    # models of this process

    def local_embeddings(self, model: str | Path, precision: Precision = "fp32") -> Self:
        """Embed with a model in this process; it needs the extra `[local]`, or `[cuda]`, and is loaded at first use.

        Args:
            model: a name of the catalogue (`AllMiniLmL6V2`), `organisation/name` of a model in the store, or a folder.
            precision: `fp32`, or `int8` for an approximation that is about twice as fast on a CPU.
        """
        if precision not in get_args(Precision):
            raise ConfigurationError(f"precision must be fp32 or int8, not {precision!r}", field="precision")
        self._local.append((model, precision))
        return self

    def device(self, device: Device) -> Self:
        """Run local models there: `Device.cpu()`, which is the default, or `Device.cuda(0)`."""
        from ratatoskr.local.engine.device import Device

        if not isinstance(device, Device):
            raise ConfigurationError(f"device must be Device.cpu() or Device.cuda(0), not {device!r}", field="device")
        self._device = device
        return self

    def cache_dir(self, path: str | Path) -> Self:
        """Keep local models there, in place of `$RATATOSKR_CACHE_DIR` or the user's cache."""
        if not isinstance(path, str | Path) or not str(path):
            raise ConfigurationError(f"cache_dir must be the path of a folder, not {path!r}", field="cache_dir")
        self._cache_dir = path
        return self

    def ram_budget(self, bytes: int) -> Self:
        """Let local models add so many bytes to this process at most; those used longest ago make room for others."""
        if isinstance(bytes, bool) or not isinstance(bytes, int) or bytes < 1:
            raise ConfigurationError(f"ram_budget must be bytes, a whole number, not {bytes!r}", field="ram_budget")
        self._ram_budget = bytes
        return self

    # behaviour

    def timeouts(
        self,
        connect: float | None = None,
        first_byte: float | None = None,
        idle: float | None = None,
        no_progress: float | None = None,
        attempt: float | None = None,
        total: float | None = None,
        stream_life: float | None = None,
    ) -> Self:
        """Set deadlines in seconds where a call says nothing; see `Timeouts`."""
        new = Timeouts(connect, first_byte, idle, no_progress, attempt, total, stream_life)
        self._timeouts = new.over(self._timeouts)
        return self

    def timeout(self, total: float) -> Self:
        """Set the deadline of a whole call in seconds."""
        return self.timeouts(total=total)

    def retries(self, n: int) -> Self:
        """Repeat a failed try so often at each candidate; 0 is one try."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise ConfigurationError(f"retries must be a whole number, 0 or more, not {n!r}", field="retries")
        self._retries = n
        return self

    def parameter_policy(self, policy: ParameterPolicy) -> Self:
        """Say what happens to a parameter that a model does not take: `error`, `drop` (with a warning) or `pass`."""
        if policy not in get_args(ParameterPolicy):
            raise ConfigurationError(f"parameter_policy must be error, drop or pass, not {policy!r}", field="policy")
        self._policy = policy
        return self

    def routing(self, rules: Mapping[str, str | Sequence[str]] | None = None, *, substitute: bool = False) -> Self:
        """Route by rules of your own, which come before the built-in table.

        Args:
            rules: pattern of a model's name (`*` for anything) to the names to ask instead, in order.
            substitute: allow another provider of the same model after any failure, not only where the model is missing.
        """
        if rules is not None and not isinstance(rules, Mapping):
            raise ConfigurationError(
                f"rules must map patterns to names of models, not be a {type(rules).__name__}", field="rules"
            )
        self._rules = tuple((pattern, names_of(names, "rules")) for pattern, names in (rules or {}).items())
        self._substitute = substitute
        return self

    def fallback(self, pattern: str, models: str | Sequence[str]) -> Self:
        """Allow models after a failure of those whose name fits the pattern (`*` for anything)."""
        self._fallbacks.append((pattern, names_of(models, "fallback")))
        return self

    def limits(self, provider: str, in_flight: int = 256) -> Self:
        """Limit the requests under way to one provider; more wait for their turn until their deadline."""
        if isinstance(in_flight, bool) or not isinstance(in_flight, int) or in_flight < 1:
            raise ConfigurationError(f"in_flight must be a whole number above 0, not {in_flight!r}", field="in_flight")
        self._in_flight[provider] = in_flight
        return self

    def http_client(self, client: httpx.AsyncClient) -> Self:
        """Send everything by an httpx or httpx2 client of your own; the gateway is then bound to its event loop."""
        self._client = client
        return self

    def proxy(self, url: str) -> Self:
        """Send everything through a proxy (http, https, socks5, socks5h); no environment variable does that."""
        if not isinstance(url, str) or not _PROXY.match(url):
            raise ConfigurationError(
                "proxy must be (http|https|socks5|socks5h)://[user:password@]host:port", field="proxy"
            )
        self._config = replace(self._config, proxy=url)
        return self

    def unix_socket(self, path: str | Path) -> Self:
        """Send everything to a Unix socket, whatever the host of a provider's address; a proxy is then not used."""
        self._config = replace(self._config, unix_socket=path)
        return self

    def tls(
        self,
        ca: str | Path | bytes | None = None,
        cert: str | Path | bytes | None = None,
        key: str | Path | None = None,
    ) -> Self:
        """Trust further authorities, or show a certificate of your own; all in PEM."""
        self._config = replace(self._config, tls_ca=ca, tls_cert=cert, tls_key=key)
        return self

    def clock(self, clock: Clock) -> Self:
        """Take time and chance for retries from elsewhere; for tests."""
        self._clock = clock
        return self

    # the end

    def build(self) -> EmbeddedGateway:
        """Make the gateway; nothing is sent and no thread is started.

        Raises:
            ConfigurationError: no provider and no local model, one named twice, a key or an extra missing, an address
                that cannot be.
        """
        if not self._wanted and not self._local:
            raise ConfigurationError(
                "no provider is configured: call e.g. builder().openai(key), or set OPENROUTER_API_KEY, "
                "ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY"
            )
        names = [wanted.name for wanted in self._wanted]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError("configured twice", provider=name)
        addresses = {wanted.name: address_of(wanted) for wanted in self._wanted}
        transport = self._transport(addresses)
        providers: dict[str, ChatProvider] = {}
        origins: dict[str, str] = {}
        for wanted in self._wanted:
            keys, origin = keys_of(wanted)
            if origin is not None:
                origins[wanted.name] = origin
            check_headers(wanted, has_key=bool(keys))
            providers[wanted.name] = provider_of(wanted, transport, keys, addresses[wanted.name])
        settings = Settings(
            self._timeouts,
            self._retries,
            self._policy,
            self._rules,
            tuple(self._fallbacks),
            self._substitute,
            origins,
        )
        backend = DirectBackend(providers, transport, settings, embedders=self._embedders(), clock=self._clock)
        return EmbeddedGateway(backend)

    def _embedders(self) -> tuple[EmbedProvider, ...]:
        if not self._local:
            return ()
        from ratatoskr.local.provider import local_provider

        local = local_provider(self._local, device=self._device, cache_dir=self._cache_dir, ram_budget=self._ram_budget)
        return (local,)

    def _transport(self, addresses: Mapping[str, str]) -> Transport:
        unknown = self._in_flight.keys() - addresses.keys()
        if unknown:
            raise ConfigurationError(f"limits for {', '.join(sorted(unknown))}, which is not configured")
        if self._client is not None:
            if self._in_flight or self._config != TransportConfig():
                raise ConfigurationError(
                    "a client of your own brings its proxy, TLS, socket and limits: set them on it, not here",
                    field="http_client",
                )
            from ratatoskr.transport.httpx import HttpxTransport

            return HttpxTransport(self._client)
        from ratatoskr.transport.native import NativeTransport

        by_origin = {origin_of(addresses[name]): limit for name, limit in self._in_flight.items()}
        return NativeTransport(replace(self._config, in_flight_by_origin=by_origin))


_TAKEN: Final = {"ratatoskr": "a preset", "ft": "a fine-tuned model of OpenAI"}


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False
