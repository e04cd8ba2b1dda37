"""The gateway of one command: a daemon, or the providers, addresses and keys of this process."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

from ratatoskr._files import state_folder
from ratatoskr.cli.daemon import daemon_client
from ratatoskr.cli.settings import daemon_url, load_config, network, provider_sections
from ratatoskr.config.secrets import find_keys
from ratatoskr.errors import ConfigurationError, NoProvider, RatatoskrError
from ratatoskr.models.embeddings import find_embedding_model
from ratatoskr.providers.specs import SPECS, example_variables
from ratatoskr.routing import provider_prefix, resolve

if TYPE_CHECKING:
    from ratatoskr.config.builder import Builder
    from ratatoskr.gateway.base import Gateway
    from ratatoskr.gateway.embedded import EmbeddedGateway
    from ratatoskr.local.precision import PrecisionChoice
    from ratatoskr.sync.gateway import SyncGateway


@contextmanager
def gateway_for(
    models: Sequence[str] = (),
    *,
    providers: Sequence[str] = (),
    base_urls: Sequence[str] = (),
    allow_insecure: bool = False,
) -> Iterator[SyncGateway]:
    """Open the gateway and close it at the end.

    It is that of a daemon where one is named, or has its socket on this machine, unless addresses of providers are
    given. Else, if each model names its provider, only those are configured, so that a wrong key or address of another
    does not matter; otherwise all that have a key, and Ollama if it is reachable.

    Args:
        models: the models of the command.
        providers: providers to configure whether a model names them or not.
        base_urls: `PROVIDER=URL`, in place of the provider's own address; an unknown name is a host with the Chat
            Completions API. Then only providers named here, by a model or in `providers` are configured, unless a
            model needs another.
        allow_insecure: allow plain http to other machines for the providers named.

    Raises:
        ConfigurationError: a key is missing, an address is malformed, the secrets file is readable by others.
    """
    gateway = provider_gateway(
        models, providers=providers, base_urls=base_urls, allow_insecure=allow_insecure, daemon=True
    ).sync()
    try:
        yield gateway
    finally:
        gateway.close()


def provider_gateway(
    models: Sequence[str] = (),
    *,
    providers: Sequence[str] = (),
    base_urls: Sequence[str] = (),
    allow_insecure: bool = False,
    daemon: bool = False,
) -> Gateway:
    """Return a gateway to providers, as `gateway_for` opens it; with `daemon`, to a daemon if there is one."""
    addresses = _parse_base_urls(base_urls)
    url = daemon_url(unless="--base-url" if addresses else None) if daemon else None
    if url is not None:
        return daemon_client(url)
    _check_presets(models)  # a daemon has presets of its own
    return _gateway(models, providers, addresses, allow_insecure)


def _check_presets(models: Sequence[str]) -> None:
    """Raise `InvalidInput` or `PresetNotFound` for a wrong name of a preset, whatever providers there are."""
    from ratatoskr.models.presets import PREFIX, find_preset

    for model in models:
        if model.strip().startswith(PREFIX):
            from ratatoskr.config.catalogue import own_presets

            find_preset(model, own_presets())


def gateway_of_any(base_urls: Sequence[str] = (), allow_insecure: bool = False) -> AbstractContextManager[SyncGateway]:
    """Open the gateway of a command that needs no provider: to those named or configured, or else without a key."""
    keyless = next(spec.name for spec in SPECS.values() if spec.base_url and not spec.needs_key)
    is_empty = not base_urls and not any(_configured_providers())
    return gateway_for(providers=(keyless,) if is_empty else (), base_urls=base_urls, allow_insecure=allow_insecure)


def _gateway(
    models: Sequence[str], providers: Sequence[str], addresses: dict[str, str], allow_insecure: bool
) -> EmbeddedGateway:
    from ratatoskr import Ratatoskr

    sections = provider_sections()
    known = {*addresses, *sections}
    named = [*providers, *(provider_prefix(model, known) for model in models)]
    if not addresses and (None in named or not named):
        return _gateway_of_all()
    names = dict.fromkeys([*addresses, *(name for name in named if name is not None)])
    if not all(_is_served(model, names) for model in models):
        names |= dict.fromkeys(_configured_providers())
    builder = Ratatoskr.builder()
    for name in names:
        if name in addresses:
            section = sections.get(name)
            headers = (section and section.headers) or None
            _add(builder, name, addresses[name], headers, allow_insecure or bool(section and section.allow_insecure))
        else:
            _add_configured(builder, name, allow_insecure=allow_insecure)
    return _with_settings(builder).build()


def _add(
    builder: Builder, name: str, base_url: str | None, headers: Mapping[str, str] | None, allow_insecure: bool
) -> None:
    """Add a provider that is built in, or a host with the Chat Completions API."""
    if name in SPECS:
        _require_key(name)
        builder.provider(name, base_url=base_url, headers=headers, allow_insecure=allow_insecure)
    elif base_url is not None:
        builder.compatible(name, base_url=base_url, headers=headers, allow_insecure=allow_insecure)
    else:
        known = ", ".join(SPECS)
        raise ConfigurationError(f"unknown provider {name!r}; known are {known}, others need --base-url")


def _add_configured(builder: Builder, name: str, *, allow_insecure: bool = False) -> None:
    """Add a provider with its settings in `config.toml`, if there are any; the environment's address comes first."""
    section = provider_sections().get(name)
    if section is None:
        _add(builder, name, None, None, allow_insecure)
        return
    from ratatoskr.config.apply import base_url_in_force

    _add(
        builder,
        name,
        base_url_in_force(name, section),
        section.headers or None,
        allow_insecure or section.allow_insecure,
    )


def _with_settings(builder: Builder) -> Builder:
    """Set the network of the command line, the environment or `config.toml`, and all that the file has for calls."""
    proxy, ca_file = network()
    if proxy is not None:
        builder.proxy(proxy)
    if ca_file is not None:
        builder.tls(ca=ca_file)
    config = load_config()
    if config is not None:
        from ratatoskr.config.apply import apply_breaker, apply_guards, apply_middleware

        apply_breaker(builder, config)
        apply_middleware(builder, config)
        apply_guards(builder, config, state_folder() / "ledger.sqlite")
    return builder


def _configured_providers() -> Iterator[str]:
    """Yield the providers of the environment, then those of `config.toml` that can be used."""
    from ratatoskr.config.entry import providers_of_environment

    yield from providers_of_environment()
    for name, section in provider_sections().items():
        if name not in SPECS or (section.base_url is not None and not SPECS[name].needs_key):
            yield name


def _is_served(model: str, providers: Collection[str]) -> bool:
    """Return whether one of the providers serves a model; a name that is wrong everywhere needs no other."""
    try:
        resolve(model, providers)
    except NoProvider:
        return False
    except RatatoskrError:
        return True
    return True


def analysis_gateway(
    model: str,
    precision: str,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    *,
    task: Literal["embed", "nli", "classify", "rerank"] = "embed",
    label_names: Sequence[str] = (),
) -> Gateway:
    """Return the daemon's gateway, or that to one local model where an option says how this process runs it."""
    url = daemon_beside(precision, device, threads, cache_dir, label_names=label_names)
    if url is not None:
        return daemon_client(url)
    return local_gateway(model, precision, device, threads, cache_dir, task=task, label_names=label_names)


def daemon_beside(
    precision: str,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    base_urls: Sequence[str] = (),
    label_names: Sequence[str] = (),
) -> str | None:
    """Return the daemon's address; `None` if there is none, or an option says how or where this process computes."""
    given = {
        "--precision": precision != "fp32",
        "--device": device != "cpu",
        "--threads": threads,
        "--cache-dir": cache_dir,
        "--base-url": base_urls,
        "--label-names": label_names,
    }
    return daemon_url(unless=next((name for name, value in given.items() if value), None))


def is_local_model(model: str, cache_dir: str | None) -> bool:
    """Return whether a name is that of a model of the catalogue or the store, or a folder."""
    from pathlib import Path

    from ratatoskr.local.store.catalog import find_in_catalog
    from ratatoskr.local.store.store import ModelStore

    if model.startswith(("local:", "/", "./", "../", "~")) or find_in_catalog(model) is not None:
        return True
    return Path(model).is_dir() or model in ModelStore(cache_dir).names()


def embedding_gateway(
    model: str,
    precision: str,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    *,
    daemon: bool = False,
    **place: Any,
) -> Gateway:
    """Return a gateway to one embedding model: of this machine, or of the provider that its name tells.

    Args:
        model: a model of the catalogue or the store, a folder, or a provider's, with its prefix or a vendor's name.
        precision: of a model of this machine.
        device: likewise.
        threads: likewise.
        cache_dir: likewise.
        daemon: whether a daemon is asked instead, if there is one.
        **place: the options `where`.
    """
    url = daemon_beside(precision, device, threads, cache_dir, place.get("base_urls", ())) if daemon else None
    if url is not None:
        return daemon_client(url)
    if not is_remote_embedding(model, cache_dir):
        return local_gateway(model.removeprefix("local:"), precision, device, threads, cache_dir)
    addresses = _parse_base_urls(place.get("base_urls", ()))
    vendor = _vendor_of(model)
    return _gateway((model,), () if vendor is None else (vendor,), addresses, place.get("allow_insecure", False))


def is_remote_embedding(model: str, cache_dir: str | None) -> bool:
    """Return whether a model's name has a provider's prefix, or is a vendor's and not that of a local model."""
    if provider_prefix(model, provider_sections()) is not None or _has_other_prefix(model):
        return True
    return _vendor_of(model) is not None and not is_local_model(model, cache_dir)


def _has_other_prefix(model: str) -> bool:
    """Return whether a name has a prefix that is no provider's by itself, as that of a host of --base-url."""
    prefix, colon, _ = model.partition(":")
    return bool(colon) and prefix != "local" and re.fullmatch(r"[A-Za-z0-9_-]+", prefix) is not None


def _vendor_of(model: str) -> str | None:
    """Return the vendor of an embedding model by its name without a prefix."""
    known = find_embedding_model(model)
    return known.provider if known is not None and known.provider and "/" not in model else None


def local_gateway(
    model: str,
    precision: str,
    device: str,
    threads: int | None,
    cache_dir: str | None,
    *,
    task: Literal["embed", "nli", "classify", "rerank"] = "embed",
    label_names: Sequence[str] = (),
) -> EmbeddedGateway:
    """Return a gateway to one local model, from the options `local_model`, `local` and the names of its labels."""
    from ratatoskr import Device, Ratatoskr

    builder = Ratatoskr.builder()
    add = {
        "embed": builder.local_embeddings,
        "nli": builder.local_nli,
        "classify": builder.local_classifier,
        "rerank": builder.local_reranker,
    }[task]
    names: dict[str, Any] = {"labels": tuple(label_names)} if label_names else {}
    add(model, cast("PrecisionChoice", precision), **names)
    kind, _, index = device.partition(":")
    builder.device(Device.cpu() if kind == "cpu" else Device.cuda(int(index or 0)))
    if threads is not None:
        builder.threads(threads)
    if cache_dir is not None:
        builder.cache_dir(cache_dir)
    return builder.build()


def _parse_base_urls(base_urls: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in base_urls:
        name, equals, url = text.partition("=")
        if not equals or not url or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ConfigurationError("--base-url takes PROVIDER=URL, as in openai=http://localhost:8000/v1")
        found[name] = url
    return found


def _require_key(provider: str) -> None:
    if SPECS[provider].needs_key and find_keys(provider) is None:
        variables = " or ".join(SPECS[provider].key_variables)
        raise ConfigurationError(f"no key for {provider}: `rat keys set {provider}` saves one, or set {variables}")


def _gateway_of_all() -> EmbeddedGateway:
    """Return a gateway with every provider that is configured."""
    from ratatoskr import Ratatoskr

    builder = Ratatoskr.builder()
    names = list(dict.fromkeys(_configured_providers()))
    if not names:
        raise no_provider_error()
    for name in names:
        _add_configured(builder, name)
    return _with_settings(builder).build()


def no_provider_error() -> ConfigurationError:
    """Return the error for a gateway without any provider."""
    return ConfigurationError(
        f"no provider is configured: `rat keys set openai` saves a key, or set a key such as {example_variables()}, "
        "or start Ollama; `rat health` lists all"
    )
