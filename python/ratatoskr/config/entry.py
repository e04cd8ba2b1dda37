"""`Ratatoskr`, where gateways are made: by a builder, from the environment, from a file, or over a daemon."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ratatoskr.config.base_url import base_url_from_environment, has_placeholders_filled, is_listening
from ratatoskr.config.builder import Builder
from ratatoskr.config.secrets import find_keys
from ratatoskr.gateway.base import Gateway
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.frames import hide_arguments
from ratatoskr.types.timeouts import TimeoutsLike

__all__ = ["Ratatoskr", "providers_of_environment"]


class Ratatoskr:
    """The entry point: `Ratatoskr.builder()` for your own set-up, `Ratatoskr.from_env()` for the environment's."""

    @staticmethod
    def builder() -> Builder:
        """Return a new builder."""
        return Builder()

    @staticmethod
    def from_env() -> EmbeddedGateway:
        """Return a gateway with every provider that has a key, and Ollama if it can be reached.

        Ollama is added if `OLLAMA_HOST` is set or its port on this machine accepts connections; other servers of
        models, such as vLLM, only if the variable of their address is set.

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
        from ratatoskr.config.file import read_config
        from ratatoskr.config.paths import find_config
        from ratatoskr.config.sections import ConfigFile

        found = Path(path) if path is not None else find_config()
        config = ConfigFile() if found is None else read_config(found)
        builder = Builder()
        apply_config(builder, config, providers_of_environment())
        return builder.build()

    @staticmethod
    @hide_arguments
    def auto(
        token: str | None = None,
        ca: str | Path | None = None,
        cert: str | Path | None = None,
        key: str | Path | None = None,
        timeout: TimeoutsLike = None,
    ) -> Gateway:
        """Return a client of this machine's daemon where there is one, else a gateway in this process.

        The daemon is that of `$RATD_ADDRESS`; else that of a socket in `$XDG_RUNTIME_DIR/ratatoskr` or
        `/run/ratatoskr`, where socket and folder belong to root, this user or the service. A TCP port is asked only
        where it is named: anyone may have opened it. Without a daemon the gateway is that of `from_config`.

        Args:
            token: for the daemon; if left out, `$RATD_TOKEN`.
            ca: the path of the certificates that are trusted, for `https://`.
            cert: the path of this client's certificate, where the daemon asks for one.
            key: the path of the certificate's key.
            timeout: total seconds of a call, or `Timeouts`, where a call to the daemon says nothing.

        Raises:
            ConfigurationError: the address is wrong, gRPC is not installed, or there is neither daemon nor provider.
        """
        from ratatoskr.service.address import find_socket

        url = os.environ.get("RATD_ADDRESS") or find_socket()
        if url is None:
            return Ratatoskr.from_config()
        from ratatoskr.service.client.client import ServiceClient

        return ServiceClient(url, token or os.environ.get("RATD_TOKEN"), ca, cert, key, timeout)


def providers_of_environment() -> Iterator[str]:
    """Yield the names of the providers that have a key, then of those that can be reached without one."""
    for spec in sorted(SPECS.values(), key=lambda spec: spec.configured_by == "address"):
        if spec.alternative_to:
            continue
        if spec.configured_by == "key":
            present = has_placeholders_filled(spec) and find_keys(spec.name) is not None
        else:
            present = base_url_from_environment(spec) is not None or (spec.probed and is_listening(spec))
        if present:
            yield spec.name
