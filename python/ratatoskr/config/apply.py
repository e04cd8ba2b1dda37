"""The settings of `config.toml` applied to a builder."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ratatoskr.config.base_url import base_url_from_environment
from ratatoskr.config.sections import BreakerSection, ConfigFile, LocalModelSection, ProviderSection, check_providers
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.budget import Budget

if TYPE_CHECKING:
    from ratatoskr.config.builder import Builder
    from ratatoskr.local.precision import PrecisionChoice

__all__ = [
    "add_provider",
    "apply_breaker",
    "apply_config",
    "apply_guards",
    "apply_local",
    "apply_middleware",
    "apply_network",
    "base_url_in_force",
]


def apply_config(builder: Builder, config: ConfigFile, names: Iterable[str]) -> None:
    """Add providers, of the file and others by name, aliases, local models, tokenizers, network, middleware.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    for name in dict.fromkeys([*names, *config.providers]):
        add_provider(builder, name, config.providers.get(name, ProviderSection()))
    apply_local(builder, config)
    if config.tokenizers:
        builder.tokenizers(config.tokenizers)
    config.routing.apply(builder, dict(config.aliases))
    config.timeouts.apply(builder)
    apply_network(builder, config)
    apply_guards(builder, config)
    apply_breaker(builder, config)
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
        return
    check_providers({name: section})
    assert section.base_url is not None  # noqa: S101  # it has just been looked at
    builder.compatible(
        name, base_url=section.base_url, headers=section.headers or None, allow_insecure=section.allow_insecure
    )


def apply_local(builder: Builder, config: ConfigFile) -> None:
    """Add the models of this process, and say how they run.

    Raises:
        ConfigurationError: one for embeddings or reranking has labels.
    """
    local = config.local
    for one in local.embeddings:
        builder.local_embeddings(one.model, _without_labels(one, "embeddings"))
    for one in local.nli:
        builder.local_nli(one.model, one.precision, labels=one.labels)
    for one in local.classifiers:
        builder.local_classifier(one.model, one.precision, labels=one.labels)
    for one in local.rerankers:
        builder.local_reranker(one.model, _without_labels(one, "rerankers"))
    if local.device != "cpu":
        from ratatoskr.local.engine.device import Device

        builder.device(Device.cuda(int(local.device.partition(":")[2] or 0)))
    for name in ("threads", "cache_dir", "ram_budget"):
        if (value := getattr(local, name)) is not None:
            getattr(builder, name)(value)


def _without_labels(section: LocalModelSection, place: str) -> PrecisionChoice:
    if section.labels is not None:
        raise ConfigurationError(f"local.{place} have no labels", model=section.model, field="labels")
    return section.precision


def base_url_in_force(name: str, section: ProviderSection) -> str | None:
    """Return the base URL of a provider in the file, unless the environment has one, which comes first."""
    of_environment = base_url_from_environment(SPECS[name]) if name in SPECS else None
    return section.base_url if of_environment is None else None


def apply_guards(builder: Builder, config: ConfigFile, default_ledger: Path | None = None) -> None:
    """Set the limits and the budget of the file, and where they count.

    Limits of a built-in provider that the builder does not have are left out: it has no key here.

    Args:
        builder: has its providers.
        config: the file.
        default_ledger: where they count if the file does not say.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    configured = {provider.name for provider in builder.recipe().providers}
    for table, section in config.limits.items():
        name = section.provider or table
        if name in configured or name not in SPECS:
            builder.limits(name, **{key: value for key, value in section.values().items() if key != "provider"})
    if config.budget is not None:
        settings = config.budget.values()
        if isinstance(settings["per"], int):
            settings["per"] = timedelta(seconds=min(settings["per"], 10**9))
        builder.budget(Budget(**settings))
    recipe = builder.recipe()
    path = Path(config.ledger.path).expanduser() if config.ledger.path is not None else default_ledger
    if path is not None and (recipe.limits or recipe.budgets):
        builder.ledger(path)


def apply_network(builder: Builder, config: ConfigFile) -> None:
    """Set the proxy and the certificates of the file."""
    if config.network.proxy is not None:
        builder.proxy(config.network.proxy)
    if config.network.ca_file is not None:
        builder.tls(ca=config.network.ca_file)


def apply_breaker(builder: Builder, config: ConfigFile) -> None:
    """Set the circuit breakers of the file, if it says anything about them.

    Raises:
        ConfigurationError: the settings exclude one another.
    """
    section = config.breaker
    if not section.enabled:
        builder.breaker(None)
    elif section != BreakerSection():
        builder.breaker(**{key: value for key, value in section.values().items() if key != "enabled"})


def apply_middleware(builder: Builder, config: ConfigFile) -> None:
    """Put the middleware of the file around every call."""
    if config.redact is not None:
        from ratatoskr.middleware.redact import Redact

        builder.wrap(Redact(config.redact.patterns, restore=config.redact.restore))
