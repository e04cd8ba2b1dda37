"""`Ratatoskr`, where gateways are made, and `Builder`, which collects a `Recipe` step by step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypedDict, get_args

from ratatoskr.config.assemble import assemble
from ratatoskr.config.base_url import base_url_from_environment, is_listening
from ratatoskr.config.network import Pem, check_path, check_proxy
from ratatoskr.config.provider import Keys, ProviderConfig, check_headers, check_keys
from ratatoskr.config.recipe import Precision, Recipe
from ratatoskr.config.secrets import find_keys
from ratatoskr.errors import ConfigurationError
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.models.rules import Api
from ratatoskr.providers.specs import QUIRKS, SPECS, compatible
from ratatoskr.registry.backoff import Clock
from ratatoskr.types.chat import PARAM_NAMES
from ratatoskr.types.frames import hide_arguments, hide_arguments_of_methods
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.timeouts import Timeouts, timeouts_of

if TYPE_CHECKING:
    import httpx
    from typing_extensions import Unpack

    from ratatoskr.local.engine.device import Device

StreamEnd: TypeAlias = Literal["required", "optional"]
_RESERVED_NAMES = {"ratatoskr": "a preset"} | {
    prefix: description for spec in SPECS.values() for prefix, description in spec.model_prefixes
}
"""Names before a colon that cannot be a host's, with what they mean."""


class ProviderOptions(TypedDict, total=False):
    """The options of every provider besides its key; see `Builder.provider`."""

    base_url: str | None
    headers: Mapping[str, str] | None
    allow_insecure: bool


class Ratatoskr:
    """The entry point: `Ratatoskr.builder()` for your own set-up, `Ratatoskr.from_env()` for the environment's."""

    @staticmethod
    def builder() -> Builder:
        """Return a new builder."""
        return Builder()

    @staticmethod
    def from_env() -> EmbeddedGateway:
        """Return a gateway with every provider that has a key, and Ollama if it can be reached.

        Ollama is added if `OLLAMA_HOST` is set or its port on this machine accepts connections.

        Raises:
            ConfigurationError: there is no provider.
        """
        builder = Builder()
        for name in providers_of_environment():
            builder.provider(name)
        return builder.build()

    @staticmethod
    @hide_arguments
    def from_config(path: str | Path | None = None) -> EmbeddedGateway:
        """Return a gateway with the settings of a `config.toml`, and every provider that has a key.

        Args:
            path: of the file; if left out, the first that exists of `$RATATOSKR_CONFIG`,
                `~/.config/ratatoskr/config.toml`, `~/.ratatoskr/config.toml` and `/etc/ratatoskr/config.toml`. Without
                any, the gateway is that of `from_env`.

        Raises:
            ConfigurationError: the file is wrong, or there is no provider.
        """
        from ratatoskr.config.apply import apply_config
        from ratatoskr.config.file import ConfigFile, read_config
        from ratatoskr.config.paths import find_config

        found = Path(path) if path is not None else find_config()
        config = ConfigFile() if found is None else read_config(found)
        builder = Builder()
        apply_config(builder, config, providers_of_environment())
        return builder.build()


def providers_of_environment() -> Iterator[str]:
    """Yield the names of the providers that have a key, then of those that can be reached without one."""
    for spec in sorted(SPECS.values(), key=lambda spec: spec.configured_by == "address"):
        if spec.configured_by == "key":
            present = find_keys(spec.name) is not None
        else:
            present = base_url_from_environment(spec) is not None or is_listening(spec)
        if present:
            yield spec.name


@hide_arguments_of_methods
class Builder:
    """Collects the set-up of a gateway. Every method returns the builder; `build()` checks the whole and makes it."""

    def __init__(self) -> None:
        self._recipe = Recipe()

    def recipe(self) -> Recipe:
        """Return the set-up so far as one frozen value."""
        return self._recipe

    def build(self) -> EmbeddedGateway:
        """Make the gateway; no request is sent and no thread is started.

        Raises:
            ConfigurationError: no provider and no local model, one configured twice, a key or an extra missing, an
                invalid base URL.
        """
        return assemble(self._recipe)

    def _set(self, **changes: Any) -> Self:
        self._recipe = replace(self._recipe, **changes)
        return self

    def _set_local(self, **changes: Any) -> Self:
        return self._set(local=replace(self._recipe.local, **changes))

    def _set_transport(self, **changes: Any) -> Self:
        return self._set(transport=replace(self._recipe.transport, **changes))

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
        """Add a provider by name: a built-in one, or one that an installed package registers.

        Args:
            name: the prefix of its models' names.
            key: one or several; if left out, it comes from the environment or the secrets file.
            base_url: in place of the provider's own.
            headers: sent with every request.
            allow_insecure: allow plain http to another machine.
        """
        return self._add(ProviderConfig(name, base_url=base_url, allow_insecure=allow_insecure), key, headers)

    def _add(self, config: ProviderConfig, key: Keys, headers: Mapping[str, str] | None) -> Self:
        config = replace(config, keys=check_keys(config.name, key), headers=check_headers(config.name, headers))
        return self._set(providers=(*self._recipe.providers, config))

    def openrouter(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add OpenRouter; its free models need no key. Options as in `provider`."""
        return self.provider("openrouter", key, **options)

    def anthropic(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Anthropic. Options as in `provider`."""
        return self.provider("anthropic", key, **options)

    def openai(self, key: Keys = None, *, api: Api = "auto", **options: Unpack[ProviderOptions]) -> Self:
        """Add OpenAI. Options as in `provider`.

        Args:
            key: one or several.
            api: the endpoint; `auto` uses Responses for models that reason and Chat Completions for all others.
            **options: as in `provider`.
        """
        if api not in get_args(Api):
            raise ConfigurationError(f"api must be auto, responses or chat_completions, not {api!r}", field="api")
        self.provider("openai", key, **options)
        *before, config = self._recipe.providers
        return self._set(providers=(*before, replace(config, api=api)))

    def google(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Google Gemini. Options as in `provider`."""
        return self.provider("google", key, **options)

    def ollama(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Ollama, at `OLLAMA_HOST` or on this machine. Options as in `provider`."""
        return self.provider("ollama", key, **options)

    def huggingface(self, key: Keys = None, **options: Unpack[ProviderOptions]) -> Self:
        """Add Hugging Face, by its router. Options as in `provider`."""
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
        done: StreamEnd = "required",
        quirks: Collection[str] = (),
        refused: Collection[str] = (),
    ) -> Self:
        """Add a host with OpenAI's Chat Completions API.

        Args:
            name: the prefix of its models, as in `name:model`.
            base_url: what precedes `/chat/completions`; a query, as in `?api-version=…`, is sent with every request.
            key: one or several, if it needs one.
            headers: sent with every request.
            allow_insecure: allow plain http to another machine.
            done: whether streams end with `[DONE]`; if it is `optional`, a finish reason and a clean end suffice.
            quirks: how the host differs from OpenAI, by the names in `ratatoskr.providers.specs.QUIRKS`.
            refused: parameters of a chat that it does not accept, such as `logprobs`.
        """
        if not name or not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(f"a provider's name is letters, digits, - and _, not {name!r}", field="name")
        if name in _RESERVED_NAMES:
            raise ConfigurationError(
                f"{name} before a colon means {_RESERVED_NAMES[name]}; choose another name", field="name"
            )
        if done not in get_args(StreamEnd):
            raise ConfigurationError(f"done must be required or optional, not {done!r:.80}", field="done")
        _check_names(quirks, tuple(QUIRKS), "quirks")
        _check_names(refused, (*PARAM_NAMES, "tool_choice"), "refused")
        spec = compatible(name, str(base_url), no_done=done == "optional", quirks=quirks, refused=refused)
        return self._add(ProviderConfig(name, (), base_url, (), "auto", allow_insecure, spec), key, headers)

    # models of this process

    def local_embeddings(self, model: str | Path, precision: Precision = "fp32") -> Self:
        """Embed with a model in this process. It needs the extra `[local]` or `[cuda]`, and is loaded on first use.

        Args:
            model: a name in the catalogue (`AllMiniLmL6V2`), `organisation/name` of a model in the store, or a folder.
            precision: `fp32`, or `int8` for an approximation that is about twice as fast on a CPU.
        """
        if precision not in get_args(Precision):
            raise ConfigurationError(f"precision must be fp32 or int8, not {precision!r}", field="precision")
        return self._set_local(models=(*self._recipe.local.models, (model, precision)))

    def device(self, device: Device) -> Self:
        """Run local models on a device: `Device.cpu()`, the default, or `Device.cuda(0)`."""
        from ratatoskr.local.engine.device import Device

        if not isinstance(device, Device):
            raise ConfigurationError(f"device must be Device.cpu() or Device.cuda(0), not {device!r}", field="device")
        return self._set_local(device=device)

    def threads(self, n: int) -> Self:
        """Tokenise and compute local models in `n` threads.

        By default one for each CPU that the process may use, as its affinity and the quota of its container allow.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ConfigurationError(f"threads must be a whole number above 0, not {n!r}", field="threads")
        return self._set_local(threads=n)

    def cache_dir(self, path: str | Path) -> Self:
        """Keep local models in a folder, in place of `$RATATOSKR_CACHE_DIR` or the user's cache."""
        if not isinstance(path, str | Path) or not str(path):
            raise ConfigurationError(f"cache_dir must be the path of a folder, not {path!r}", field="cache_dir")
        return self._set_local(cache_dir=path)

    def ram_budget(self, bytes: int) -> Self:
        """Limit the bytes that local models add to this process; the least recently used are unloaded for others.

        By default four fifths of the memory limit of the process's control groups, as of a container, if there is one.
        """
        if isinstance(bytes, bool) or not isinstance(bytes, int) or bytes < 1:
            raise ConfigurationError(
                f"ram_budget must be a whole number of bytes above 0, not {bytes!r}", field="ram_budget"
            )
        return self._set_local(ram_budget=bytes)

    # behaviour

    def timeout(
        self,
        total: float | Timeouts | None = None,
        *,
        connect: float | None = None,
        first_byte: float | None = None,
        idle: float | None = None,
        no_progress: float | None = None,
        attempt: float | None = None,
        stream_life: float | None = None,
    ) -> Self:
        """Set deadlines in seconds for calls that set none themselves; see `Timeouts`, which is also taken whole."""
        new = Timeouts(connect, first_byte, idle, no_progress, attempt, None, stream_life)
        return self._set(timeouts=new.over(timeouts_of(total)).over(self._recipe.timeouts))

    def retries(self, n: int) -> Self:
        """Set the number of retries at each candidate; 0 means one attempt."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise ConfigurationError(f"retries must be a whole number, 0 or more, not {n!r}", field="retries")
        return self._set(retries=n)

    def parameter_policy(self, policy: ParameterPolicy) -> Self:
        """Set what happens to a parameter that a model does not support: `error`, `drop` (with a warning) or `pass`.

        The same holds for a history that providers refuse: `drop` adds an error result to a call without one, leaves
        out a result without a call, and adds a message of the user behind an answer that the model does not continue.
        """
        if policy not in get_args(ParameterPolicy):
            raise ConfigurationError(f"parameter_policy must be error, drop or pass, not {policy!r}", field="policy")
        return self._set(policy=policy)

    def routing(self, rules: Mapping[str, str | Sequence[str]] | None = None, *, substitute: bool = False) -> Self:
        """Set your own routing rules, which come before the built-in table.

        Args:
            rules: patterns of model names (`*` for anything) to the names to use instead, in order.
            substitute: allow another provider of the same model after any failure, not only if the model is missing.
        """
        if rules is not None and not isinstance(rules, Mapping):
            raise ConfigurationError(
                f"rules must map patterns to names of models, not be a {type(rules).__name__}", field="rules"
            )
        pairs = tuple((pattern, _check_models(models, "rules")) for pattern, models in (rules or {}).items())
        return self._set(rules=pairs, substitute=substitute)

    def fallback(self, pattern: str, models: str | Sequence[str]) -> Self:
        """Allow other models after a failure of those whose name matches the pattern (`*` for anything)."""
        return self._set(fallbacks=(*self._recipe.fallbacks, (pattern, _check_models(models, "fallback"))))

    def limits(self, provider: str, in_flight: int | None = None, *, stream_bytes: int | None = None) -> Self:
        """Set limits of one provider; what is `None` stays as it is.

        Args:
            provider: its name.
            in_flight: concurrent requests, 256 by default; further ones wait until their deadline. Providers at the
                same host share the lowest limit.
            stream_bytes: the size of a whole stream, 256 MiB by default; a larger one ends with `StreamInterrupted`.
        """
        for name, value in (("in_flight", in_flight), ("stream_bytes", stream_bytes)):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number above 0, not {value!r:.80}", field=name)
            limits: tuple[tuple[str, int], ...] = getattr(self._recipe, name)
            self._set(**{name: tuple({**dict(limits), provider: value}.items())})
        return self

    def http_client(self, client: httpx.AsyncClient) -> Self:
        """Send every request by your own httpx or httpx2 client; the gateway is then bound to its event loop."""
        return self._set(client=client)

    def proxy(self, url: str) -> Self:
        """Send every request through a proxy (http, https, socks5, socks5h). Environment variables are not read."""
        return self._set_transport(proxy=check_proxy(url))

    def unix_socket(self, path: str | Path) -> Self:
        """Send every request to a Unix socket, whatever the host of its URL; a proxy is then not used."""
        return self._set_transport(unix_socket=path)

    def tls(
        self,
        ca: Pem | None = None,
        cert: Pem | None = None,
        key: str | Path | None = None,
    ) -> Self:
        """Trust further certificate authorities, or send your own certificate; all in PEM.

        Args:
            ca: the path of a file of certificates, or their text as bytes.
            cert: the path of your certificate and its chain, or their text as bytes.
            key: the path of its private key, which may also be in the file `cert`.
        """
        for name, source in (("ca", ca), ("cert", cert), ("key", key)):
            check_path(name, source)
        return self._set_transport(tls_ca=ca, tls_cert=cert, tls_key=key)

    def clock(self, clock: Clock) -> Self:
        """Replace real time and randomness in retries; for tests."""
        return self._set(clock=clock)


def _check_names(names: Collection[str], known: Sequence[str], field: str) -> None:
    several = isinstance(names, Collection) and not isinstance(names, str)
    unknown = [name for name in names if name not in known] if several else [names]
    if unknown:
        raise ConfigurationError(
            f"{field} must be names, each one of {', '.join(known)}; not {unknown[0]!r:.80}", field=field
        )


def _check_models(models: str | Sequence[str], field: str) -> tuple[str, ...]:
    names = (models,) if isinstance(models, str) else tuple(models)
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ConfigurationError(f"{field} must name models, one or more, not {models!r:.80}", field=field)
    return names
