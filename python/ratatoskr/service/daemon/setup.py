"""What a daemon is made of: the configuration, checked as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ratatoskr.config.file import read_config, read_text
from ratatoskr.config.sections import ConfigFile, check_providers
from ratatoskr.config.server import ListenerSection, certificate_files
from ratatoskr.errors import ConfigurationError

if TYPE_CHECKING:
    from ratatoskr.config.recipe import Recipe

__all__ = ["Setup", "asks_who_calls", "is_encrypted", "is_safe", "load_setup", "reach_of"]

_ADVICE: Final = (
    "save a key by `rat keys set openai`, start Ollama, write [providers.NAME] or [local] for models of this machine "
    "into config.toml"
)
"""What to do where there is nothing to serve."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration that a daemon can use.

    Attributes:
        config: as read.
        path: of the file; `None` for the defaults.
        recipe: of the gateway.
        certificate: what gRPC takes, where a listener is encrypted.
        warning: what is not right, though the daemon can run.
    """

    config: ConfigFile
    path: Path | None
    recipe: Recipe
    certificate: Any = None
    warning: str | None = None

    @property
    def listeners(self) -> tuple[ListenerSection, ...]:
        """Where to listen."""
        return listeners_of(self.config)


def listeners_of(config: ConfigFile) -> tuple[ListenerSection, ...]:
    """Return where to listen by a configuration."""
    return tuple(config.listeners) or (ListenerSection(),)


def load_setup(path: Path | None, *, listeners: Sequence[ListenerSection] = (), allow_insecure: bool = False) -> Setup:
    """Return the set-up of a file, and of the environment.

    Args:
        path: of the file; `None` for the defaults.
        listeners: that are open already, and have to be safe with the new configuration, too.
        allow_insecure: leave this machine without encryption or authentication.

    Raises:
        ConfigurationError: the file is wrong, there is no provider, a certificate cannot be used, or a listener would
            leave this machine without encryption and authentication.
    """
    config = ConfigFile() if path is None else read_config(path)
    every = (*listeners_of(config), *listeners)
    certificate = warning = None
    try:
        for index, listener in enumerate(every):
            _check_listener(listener, config, allow_insecure, f"listeners.{index}")
        if any(is_encrypted(one, config) for one in every):
            certificate_files(config.tls)
            from ratatoskr.service.daemon.certificates import Certificates, reason_to_renew

            certificate, warning = Certificates.read(config.tls), reason_to_renew(config.tls)
        check_providers(config.providers)
        recipe = _recipe_of(config)
    except ConfigurationError as error:
        error.args = (f"{_place_of(error, path)}{error.message}",)
        raise
    return Setup(config, path, recipe, certificate, warning)


def _recipe_of(config: ConfigFile) -> Recipe:
    """Return the recipe of a configuration and the environment."""
    from ratatoskr.config.apply import apply_config  # after all other checks, so that a mistake is told at once
    from ratatoskr.config.builder import Builder
    from ratatoskr.config.entry import providers_of_environment

    builder = Builder()
    apply_config(builder, config, providers_of_environment())
    recipe = builder.recipe()
    recipe.check(_ADVICE)
    return recipe


def _place_of(error: ConfigurationError, path: Path | None) -> str:
    """Return the file and the line that an error is about, to be put before it."""
    if path is None:
        return ""
    from ratatoskr.config.toml_text import find_line

    key = error.field or error.message.partition(" ")[0].rstrip(":")
    line = find_line(read_text(path), key.split("."))
    return f"{path}: " if line is None else f"{path}:{line}: "


def _check_listener(listener: ListenerSection, config: ConfigFile, allow_insecure: bool, place: str) -> None:
    if listener.tls and listener.place.path is not None:
        text = f"listeners: {listener.name} is a socket of this machine, which is not encrypted"
        raise ConfigurationError(text, field=f"{place}.tls")
    if listener.group is not None and listener.place.path is None:
        text = f"listeners: {listener.name} has a group, which only a socket can have"
        raise ConfigurationError(text, field=f"{place}.group")
    if listener.tls and config.tls.cert is None:
        text = f"listeners: {listener.name} is to be encrypted, and tls.cert is not set"
        raise ConfigurationError(text, field=f"{place}.tls")
    asks = asks_who_calls(listener, config)
    if asks and not config.clients:
        raise ConfigurationError(
            f"listeners: {listener.name} requires authentication, and no client is configured: "
            "`ratd token NAME` makes a token",
            field=f"{place}.authentication",
        )
    if is_safe(listener, config) or allow_insecure:
        return
    missing = [] if is_encrypted(listener, config) else ["[tls] with cert and key"]
    missing += [] if asks else ["[clients.NAME] with a token (`ratd token NAME`)"]
    if missing:
        raise ConfigurationError(
            f"listeners: {listener.name} at {listener.address} can be reached from other machines, and needs "
            f"{' and '.join(missing)}; 127.0.0.1 or a unix: socket stay on this machine",
            field=f"{place}.address",
        )


def is_safe(listener: ListenerSection, config: ConfigFile) -> bool:
    """Return whether a listener is of this machine, or encrypted and asks who calls."""
    return listener.place.loopback or (is_encrypted(listener, config) and asks_who_calls(listener, config))


def asks_who_calls(listener: ListenerSection, config: ConfigFile) -> bool:
    """Return whether callers must say who they are."""
    return bool(config.clients) if listener.authentication is None else listener.authentication


def is_encrypted(listener: ListenerSection, config: ConfigFile) -> bool:
    """Return whether a listener uses TLS."""
    if listener.tls is not None:
        return listener.tls
    return listener.place.path is None and config.tls.cert is not None


def reach_of(listener: ListenerSection, config: ConfigFile) -> str:
    """Return who can reach a listener, for people."""
    if listener.place.path is not None:
        who = f"members of the group {listener.group}" if listener.group else "this user and members of its group"
    elif listener.place.loopback:
        who = "every user and program of this machine"
    else:
        who = "other machines"
    if asks_who_calls(listener, config):
        who += ", with a token or certificate"
    return f"{who}, all as administrators" if listener.admin else who
