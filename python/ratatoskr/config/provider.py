"""A provider as the caller of the builder wants it: its row, its keys, its address, checked and made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from ratatoskr.config import secrets
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers import specs as rows
from ratatoskr.providers.protocol import ChatProvider
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.transport.client import Transport

Keys: TypeAlias = "str | Sequence[str] | None"
ENTRY_POINTS = "ratatoskr.providers"
"""Group in which packages announce providers: a function (transport, keys, base_url, headers) -> provider."""
# Field names and values as RFC 9110, section 5, has them.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A provider as the caller asked for it."""

    name: str
    key: Keys = field(default=None, repr=False)
    base_url: str | None = None
    headers: Mapping[str, str] | None = None
    api: str = "auto"
    allow_insecure: bool = False
    row: rows.ProviderSpec | None = None


def _row(wanted: ProviderConfig) -> rows.ProviderSpec | None:
    return wanted.row or rows.SPECS.get(wanted.name)


def provider_of(
    wanted: ProviderConfig, transport: Transport, keys: tuple[secrets.Secret, ...], address: str
) -> ChatProvider:
    """Make the provider."""
    row = _row(wanted)
    if row is not None:
        return HttpProvider(row, transport, keys, base_url=address, headers=wanted.headers, api=wanted.api)
    make: Callable[..., ChatProvider] = _announced()[wanted.name].load()
    return make(transport=transport, keys=keys, base_url=wanted.base_url, headers=wanted.headers)


def _announced() -> dict[str, Any]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def keys_of(wanted: ProviderConfig) -> tuple[tuple[secrets.Secret, ...], str | None]:
    """Return the keys and where they came from; a missing one is told by the name of its variable."""
    if wanted.key is not None:
        several = isinstance(wanted.key, (list, tuple, set, frozenset))
        given = cast("tuple[str, ...]", tuple(wanted.key) if several else (wanted.key,))
        if not given:
            raise ConfigurationError("the sequence of keys is empty", provider=wanted.name, field="key")
        return tuple(secrets.given(one, wanted.name) for one in given), "argument"
    found = secrets.key_for(wanted.name)
    if found is not None:
        return found.keys, found.origin
    row = _row(wanted)
    if row is not None and row.needs_key:
        variables = " or ".join(secrets.variables_of(wanted.name)) or "an argument"
        raise ConfigurationError(
            f"no key: pass one, set {variables}, or put it into the secrets file",
            provider=wanted.name,
        )
    return (), None


def address_of(wanted: ProviderConfig) -> str:
    """Return where the provider is asked, checked."""
    row = _row(wanted)
    if row is None and wanted.name not in _announced():
        known = ", ".join([*rows.SPECS, *_announced()])
        raise ConfigurationError(f"no provider is named {wanted.name!r}; known are {known}", field="name")
    given = wanted.base_url
    if given is None and wanted.name == "ollama":
        given = secrets.ollama_host()
    if given is None:
        given = row.base_url if row is not None else ""
    if row is None and not given:
        return ""
    address = given.rstrip("/") if isinstance(given, str) else ""
    host = _host_of(address)
    if host is None:
        raise ConfigurationError(
            "base_url must be http(s)://host[:port][/path]", provider=wanted.name, field="base_url"
        )
    if address.startswith("http:") and not _is_loopback(host) and not wanted.allow_insecure:
        raise ConfigurationError(
            f"the prompts and the key would go over plain http to {host}; use https, or allow_insecure=True",
            provider=wanted.name,
            field="base_url",
        )
    return address


def _host_of(address: str) -> str | None:
    """Return the host of an address that can be a provider's; `None` for any other."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for one that is no number, or too large
    except ValueError:
        return None
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.hostname if plain and parts.scheme in ("http", "https") else None


def check_headers(wanted: ProviderConfig, *, has_key: bool) -> None:
    """Raise `ConfigurationError` for headers that cannot be sent, or that would say the key twice."""
    if wanted.headers is None:
        return
    if not isinstance(wanted.headers, Mapping):
        raise ConfigurationError("headers must map names to texts", provider=wanted.name, field="headers")
    row = _row(wanted)
    for name, value in wanted.headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r:.80} is no name of a header", provider=wanted.name, field="headers")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"the header {name} must be text that HTTP allows", provider=wanted.name, field="headers"
            )
        if has_key and row is not None and name.lower() == row.key_header[0]:
            raise ConfigurationError(
                f"the header {name} is set by the key; give one of the two", provider=wanted.name, field="headers"
            )


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


def names_of(names: str | Sequence[str], field: str) -> tuple[str, ...]:
    """Return the models that a rule names; `ConfigurationError` where it names none."""
    found = (names,) if isinstance(names, str) else tuple(names)
    if not found or not all(isinstance(name, str) and name.strip() for name in found):
        raise ConfigurationError(f"{field} must name models, one or more, not {names!r:.80}", field=field)
    return found


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
