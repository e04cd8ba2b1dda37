"""Base URLs from the environment, as the vendors' own programs read them."""

from __future__ import annotations

import os
import re
import socket
from urllib.parse import urlsplit

from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import ProviderSpec

__all__ = ["base_url_from_environment", "is_listening"]


def base_url_from_environment(spec: ProviderSpec) -> str | None:
    """Return the base URL that the provider's variable names; `None` if it is not set.

    A host, `host:port` or a URL; without a scheme the port defaults to that of the provider's own base URL. `0.0.0.0`
    and `::`, on which a server listens, become the loopback address.

    Raises:
        ConfigurationError: the variable holds none of these.
    """
    variable = spec.base_url_variable or ""
    value = os.environ.get(variable, "").strip().strip("\"'").strip()
    if not value:
        return None
    url = _parse_url(value, urlsplit(spec.base_url).port)
    del value  # a wrong one may hold a password, which a traceback with locals would show
    if url is None:
        raise ConfigurationError(f"{variable} must be a host, host:port or http(s)://host[:port][/path]")
    return url


def is_listening(spec: ProviderSpec) -> bool:
    """Return whether a server accepts connections at the provider's own base URL."""
    address = urlsplit(spec.base_url)
    try:
        with socket.create_connection(("127.0.0.1", address.port), timeout=0.2):
            return True
    except OSError:
        return False


def _parse_url(value: str, default_port: int | None) -> str | None:
    scheme, mark, rest = value.partition("://")
    if not mark:
        scheme, rest = "http", value
    scheme = scheme.lower()
    address, slash, path = rest.partition("/")
    host, port = _split_port(address)
    valid = scheme in ("http", "https") and re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host)
    if not valid or not re.fullmatch(r"[\x21-\x7e]*", path) or any(c in path for c in "?#@"):
        return None
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return None
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - replaced, not bound
    port = port or ("" if mark else str(default_port or ""))
    return f"{scheme}://{host}{':' if port else ''}{port}{slash}{path}".rstrip("/")


def _split_port(address: str) -> tuple[str, str]:
    if address.startswith("["):
        host, _, port = address.partition("]")
        return f"{host}]", port.removeprefix(":")
    if address.count(":") > 1:  # an IPv6 address without brackets, hence without a port
        return f"[{address}]", ""
    host, _, port = address.partition(":")
    return host or "127.0.0.1", port
