"""A provider as the caller of the builder wants it: its row, its keys, its address, checked and made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ratatoskr import secrets
from ratatoskr.capabilities import ChatProvider
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers import rows
from ratatoskr.providers.http import WireProvider
from ratatoskr.transport.client import Transport

Keys: TypeAlias = "str | Sequence[str] | None"
ENTRY_POINTS = "ratatoskr.providers"
"""Group in which packages announce providers: a function (transport, keys, base_url, headers) -> provider."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A provider as the caller asked for it."""

    name: str
    key: Keys = None
    base_url: str | None = None
    headers: Mapping[str, str] | None = None
    api: str = "auto"
    allow_insecure: bool = False
    row: rows.Row | None = None


def _row(wanted: Wanted) -> rows.Row | None:
    return wanted.row or rows.ROWS.get(wanted.name)


def provider_of(wanted: Wanted, transport: Transport, keys: tuple[secrets.Secret, ...], address: str) -> ChatProvider:
    """Make the provider."""
    row = _row(wanted)
    if row is not None:
        return WireProvider(row, transport, keys, base_url=address, headers=wanted.headers, api=wanted.api)
    make: Callable[..., ChatProvider] = _announced()[wanted.name].load()
    return make(transport=transport, keys=keys, base_url=wanted.base_url, headers=wanted.headers)


def _announced() -> dict[str, Any]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def keys_of(wanted: Wanted) -> tuple[tuple[secrets.Secret, ...], str | None]:
    """Return the keys and where they came from; a missing one is told by the name of its variable."""
    if wanted.key is not None:
        given = (wanted.key,) if isinstance(wanted.key, str) else tuple(wanted.key)
        return tuple(secrets.given(key, wanted.name) for key in given), "argument"
    found = secrets.key_for(wanted.name)
    if found is not None:
        return found.keys, found.origin
    row = _row(wanted)
    if row is not None and row.needs_key:
        variables = " or ".join(secrets.variables_of(wanted.name)) or "an argument"
        raise ConfigurationError(
            f"no key for {wanted.name}: pass one, set {variables}, or put it into the secrets file",
            provider=wanted.name,
        )
    return (), None


def address_of(wanted: Wanted) -> str:
    """Return where the provider is asked, checked."""
    row = _row(wanted)
    if row is None and wanted.name not in _announced():
        known = ", ".join([*rows.ROWS, *_announced()])
        raise ConfigurationError(f"no provider is named {wanted.name!r}; known are {known}", provider=wanted.name)
    given = wanted.base_url
    if given is None and wanted.name == "ollama":
        given = secrets.ollama_host()
    address = (given or (row.base_url if row is not None else "")).rstrip("/")
    if row is None and not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ConfigurationError(
            f"base_url of {wanted.name} must be http(s)://host[:port][/path]", provider=wanted.name, field="base_url"
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname) and not wanted.allow_insecure:
        raise ConfigurationError(
            f"{wanted.name} would be asked over plain http at {parts.hostname}; use https, or allow_insecure=True",
            provider=wanted.name,
            field="base_url",
        )
    return address


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())
