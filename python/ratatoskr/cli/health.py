"""`rat health`: the configured providers, the origin of each key, and local models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ratatoskr._extras import install_command
from ratatoskr.cli import options
from ratatoskr.cli.help import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratatoskr.cli.render import Screen
    from ratatoskr.types.model import BreakerState, Health, ProviderHealth


@click.command("health", cls=Command)
@options.as_json
@options.where
def health(as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool) -> None:
    """List the providers and the origin of each key (never the key itself); no provider is asked."""
    from ratatoskr.cli.render import Screen
    from ratatoskr.cli.settings import daemon_url

    screen = Screen()
    url = None if base_urls else daemon_url()
    if url is None:
        _show_own(screen, as_json=as_json, base_urls=base_urls, allow_insecure=allow_insecure)
        return
    from ratatoskr.cli.daemon import daemon_health

    state = daemon_health(url)
    if as_json:
        screen.json(state.to_dict(), indent=2)
    else:
        _show_daemon(screen, url, state)


def _show_own(screen: Screen, *, as_json: bool, base_urls: tuple[str, ...], allow_insecure: bool) -> None:
    """Show the providers of this process; what is configured wrongly is raised behind what can be shown."""
    from ratatoskr.cli.connect import gateway_for, no_provider_error
    from ratatoskr.errors import ConfigurationError

    failure: ConfigurationError | None = None
    try:
        with gateway_for(base_urls=base_urls, allow_insecure=allow_insecure) as gateway:
            state = gateway.health()
    except ConfigurationError as error:
        if error.message != no_provider_error().message:
            raise
        failure = error
        state = _empty_health()
    if as_json:
        screen.json(state.to_dict(), indent=2)
    else:
        screen.line(f"ratatoskr {state.version}")
        if state.providers:
            screen.line(screen.style("configured", "bold"))
            screen.table((provider.name, _provider_line(provider)) for provider in state.providers)
        if state.limits or state.budgets:
            screen.line(screen.style("limits and budgets", "bold"))
            screen.table((f"{one.provider} {one.model}", one.words) for one in state.limits)
            screen.table((one.name, one.words) for one in state.budgets)
        screen.line(screen.style("not configured", "bold"))
        screen.table(_not_configured_rows({provider.name for provider in state.providers}))
        if state.breakers:
            screen.line(screen.style("failing lately", "bold"))
            screen.table(
                (f"{one.provider}: {one.model}", describe_breaker(one.state, one.ready_in)) for one in state.breakers
            )
        screen.line(screen.style("embeddings on this machine", "bold"))
        screen.table(_local_rows())
    if failure is not None:
        raise failure


def _show_daemon(screen: Screen, url: str, state: Health) -> None:
    screen.line(f"ratatoskr {state.version} at {url}")
    screen.line(screen.style("configured", "bold"))
    screen.table((one.name, _provider_line(one) if one.base_url else "at the daemon") for one in state.providers)
    if state.local:
        screen.line(screen.style("models of the daemon", "bold"))
        screen.table((one.model, f"{one.precision} on {one.device}, {one.status}") for one in state.local)


def _empty_health() -> Health:
    from ratatoskr import __version__
    from ratatoskr.types.model import Health

    return Health(False, __version__)


def _provider_line(provider: ProviderHealth) -> str:
    origin = f"key from {provider.key_origin}" if provider.key_origin else "no key"
    source = provider.base_url_origin
    known = source in (None, "built in", "argument")
    return f"{origin}, at {provider.base_url}{'' if known else f' from {source}'}"


def describe_breaker(state: BreakerState, ready_in: float) -> str:
    """Return what an open or half-open circuit breaker means for the next request."""
    if state == "open":
        return f"circuit breaker open: asked last, tried again in {ready_in:.0f} s"
    return "circuit breaker half-open: the next request tries it again"


def _not_configured_rows(configured: set[str]) -> Iterator[tuple[str, str]]:
    from ratatoskr.providers.specs import SPECS

    for name, spec in SPECS.items():
        if name in configured:
            continue
        if spec.configured_by == "address":
            yield name, f"{'start it, or ' if spec.probed else ''}set {spec.base_url_variable}"
        else:
            without = "" if spec.needs_key else "; works without a key if -m names it"
            yield name, f"`rat keys set {name}`, or set {' or '.join(spec.key_variables)}{without}"


def _local_rows() -> Iterator[tuple[str, str]]:
    from importlib import metadata

    from ratatoskr.errors import ConfigurationError
    from ratatoskr.local.store.store import ModelStore

    packages = ("onnxruntime", "onnxruntime-gpu")
    installed = [f"{name} {package.version}" for name in packages for package in metadata.distributions(name=name)]
    yield "runtime", ", ".join(installed) or f"not installed: {install_command('local')}"
    try:
        store = ModelStore()
    except ConfigurationError as error:
        yield "store", error.message
        return
    names = ", ".join(model.name for model in store.list())
    yield "models", names or "none; `rat models pull AllMiniLmL6V2` downloads one"
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises without a home
    at_home = store.root.is_relative_to(home)
    yield "store", f"~/{store.root.relative_to(home)}" if at_home else str(store.root)
