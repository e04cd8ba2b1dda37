"""`Ratatoskr`, where gateways are made: by a builder, from the environment, or from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ratatoskr.config.base_url import base_url_from_environment, has_placeholders_filled, is_listening
from ratatoskr.config.builder import Builder
from ratatoskr.config.secrets import find_keys
from ratatoskr.gateway.embedded import EmbeddedGateway
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.frames import hide_arguments

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
        if spec.alternative_to:
            continue
        if spec.configured_by == "key":
            present = has_placeholders_filled(spec) and find_keys(spec.name) is not None
        else:
            present = base_url_from_environment(spec) is not None or (spec.probed and is_listening(spec))
        if present:
            yield spec.name
