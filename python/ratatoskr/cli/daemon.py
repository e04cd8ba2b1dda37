"""The client of a daemon that a command asks: its address, its token and its certificates."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ratatoskr.cli.settings import daemon_file, network, remember_daemon
from ratatoskr.errors import ConfigurationError

if TYPE_CHECKING:
    from ratatoskr.service.client.client import ServiceClient
    from ratatoskr.types.model import Health
    from ratatoskr.types.secret import Secret

__all__ = ["daemon_client", "daemon_health"]

_MAX_BYTES: Final = 64 * 1024


def daemon_client(url: str) -> ServiceClient:
    """Return a client of the daemon at an address; on a terminal a note says which it is.

    Raises:
        ConfigurationError: the address or the token is wrong, others can read the token's file, or gRPC is missing.
    """
    from ratatoskr.service.client.client import ServiceClient

    client = ServiceClient(url, *_credentials(url))
    _announce(url)
    return client


def daemon_health(url: str) -> Health:
    """Return the health of the daemon at an address; raises what a client would."""
    from ratatoskr.service.client.health import ask_health

    credentials = _credentials(url)
    _announce(url)
    return ask_health(url, *credentials)


def _credentials(url: str) -> tuple[Secret | str | None, str | None, str | None, str | None]:
    """Return the token, and the files of the authorities, the certificate and its key."""
    ca_file = network()[1]
    ca = ca_file if url.startswith("https:") and ca_file != "system" else None
    return _token(), ca, daemon_file("cert"), daemon_file("key")


def _announce(url: str) -> None:
    from ratatoskr.cli.render import Screen

    remember_daemon(url)
    screen = Screen()
    if screen.err_is_terminal:
        screen.note(f"asking the daemon at {url}")


def _token() -> Secret | str | None:
    """Return the token of `--token-file`, else of `RATD_TOKEN`."""
    named = daemon_file("token_file")
    if named is None:
        return os.environ.get("RATD_TOKEN") or None
    from ratatoskr.config.private_file import read_private
    from ratatoskr.types.secret import Secret

    path = Path(named)
    text = read_private(path, _MAX_BYTES, "it is no token")
    if text is None:
        raise ConfigurationError(f"--token-file: there is no {path}")
    token = Secret(text.reveal().strip())
    if not token or not token.reveal().isascii() or not token.reveal().isprintable() or " " in token.reveal():
        raise ConfigurationError(f"{path} must hold one token, and nothing else")
    return token
