"""The settings of `config.toml` applied to a builder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ratatoskr.config.base_url import base_url_from_environment
from ratatoskr.config.file import ConfigFile, ProviderSection
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS

if TYPE_CHECKING:
    from ratatoskr.config.builder import Builder

__all__ = ["add_provider", "apply_config", "apply_middleware", "apply_network", "base_url_in_force"]


def apply_config(builder: Builder, config: ConfigFile, names: Iterable[str]) -> None:
    """Add providers, those of the file and others by name, local models, routing, deadlines, network, middleware.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    for name in dict.fromkeys([*names, *config.providers]):
        add_provider(builder, name, config.providers.get(name, ProviderSection()))
    config.local.apply(builder)
    config.routing.apply(builder, dict(config.aliases))
    config.timeouts.apply(builder)
    apply_network(builder, config)
    apply_middleware(builder, config)


def add_provider(builder: Builder, name: str, section: ProviderSection) -> None:
    """Add one provider with its settings.

    Raises:
        ConfigurationError: it is not built in and has no base URL.
    """
    if name in SPECS:
        builder.provider(
            name,
            base_url=base_url_in_force(name, section),
            headers=section.headers or None,
            allow_insecure=section.allow_insecure,
        )
    elif section.base_url is not None:
        builder.compatible(
            name, base_url=section.base_url, headers=section.headers or None, allow_insecure=section.allow_insecure
        )
    else:
        raise ConfigurationError(
            f"providers.{name} is not built in ({', '.join(SPECS)}): it needs a base_url", provider=name
        )


def base_url_in_force(name: str, section: ProviderSection) -> str | None:
    """Return the base URL of a provider in the file, unless the environment has one, which comes first."""
    of_environment = base_url_from_environment(SPECS[name]) if name in SPECS else None
    return section.base_url if of_environment is None else None


def apply_network(builder: Builder, config: ConfigFile) -> None:
    """Set the proxy and the certificates of the file."""
    if config.network.proxy is not None:
        builder.proxy(config.network.proxy)
    if config.network.ca_file is not None:
        builder.tls(ca=config.network.ca_file)


def apply_middleware(builder: Builder, config: ConfigFile) -> None:
    """Put the middleware of the file around every call."""
    if config.redact.patterns:
        from ratatoskr.middleware.redact import Redact

        builder.wrap(Redact(config.redact.patterns, restore=config.redact.restore))
