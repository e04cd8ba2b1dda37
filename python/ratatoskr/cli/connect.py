"""The gateway of one command: its providers, addresses and keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ratatoskr.config.base_url import base_url_from_environment
from ratatoskr.config.secrets import find_keys, list_secrets_files
from ratatoskr.errors import ConfigurationError, NoProvider, RatatoskrError
from ratatoskr.providers.specs import SPECS, example_variables
from ratatoskr.routing import provider_prefix, resolve

if TYPE_CHECKING:
    from ratatoskr.gateway.embedded import EmbeddedGateway
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

    If each model names its provider, only those are configured, so that a wrong key or address of another does not
    matter; otherwise all that have a key, and Ollama if it is reachable.

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
    gateway = _gateway(models, providers, _parse_base_urls(base_urls), allow_insecure).sync()
    try:
        yield gateway
    finally:
        gateway.close()


def _gateway(
    models: Sequence[str], providers: Sequence[str], addresses: dict[str, str], allow_insecure: bool
) -> EmbeddedGateway:
    from ratatoskr import Ratatoskr

    named = [*providers, *(provider_prefix(model, addresses) for model in models)]
    if not addresses and (None in named or not named):
        return _gateway_from_env()
    names = dict.fromkeys([*addresses, *(name for name in named if name is not None)])
    if not all(_is_served(model, names) for model in models):
        from ratatoskr.config.entry import providers_of_environment

        names |= dict.fromkeys(providers_of_environment())
    builder = Ratatoskr.builder()
    for name in names:
        if name in SPECS:
            _require_key(name)
            builder.provider(name, base_url=addresses.get(name), allow_insecure=allow_insecure)
        elif name in addresses:
            builder.compatible(name, base_url=addresses[name], allow_insecure=allow_insecure)
        else:
            known = ", ".join(SPECS)
            raise ConfigurationError(f"unknown provider {name!r}; known are {known}, others need --base-url")
    return builder.build()


def _is_served(model: str, providers: Collection[str]) -> bool:
    """Return whether one of the providers serves a model; a name that is wrong everywhere needs no other."""
    try:
        resolve(model, providers)
    except NoProvider:
        return False
    except RatatoskrError:
        return True
    return True


def local_gateway(
    model: str, precision: str, device: str, threads: int | None, cache_dir: str | None
) -> EmbeddedGateway:
    """Return a gateway to one local model, from the options `local_model` and `local`."""
    from ratatoskr import Device, Ratatoskr

    builder = Ratatoskr.builder().local_embeddings(model, "int8" if precision == "int8" else "fp32")
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
        raise ConfigurationError(
            f"no key for {provider}: set {variables}, or put it into {list_secrets_files()[-1]} "
            f'as key = "…" below [providers.{provider}]'
        )


def _gateway_from_env() -> EmbeddedGateway:
    from ratatoskr import Ratatoskr

    try:
        return Ratatoskr.from_env()
    except ConfigurationError:
        addressed = (spec for spec in SPECS.values() if spec.configured_by == "address")
        if any(map(base_url_from_environment, addressed)) or any(map(find_keys, SPECS)):
            raise
        raise no_provider_error() from None


def no_provider_error() -> ConfigurationError:
    """Return the error for a gateway without any provider."""
    return ConfigurationError(
        f"no provider is configured: set a key such as {example_variables()}, or start Ollama; `rat health` lists all"
    )
