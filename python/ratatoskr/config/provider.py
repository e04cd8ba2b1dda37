"""One provider as configured: its keys, base URL and headers, and the checks of each."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias, cast
from urllib.parse import SplitResult, urlsplit

from ratatoskr.config.base_url import base_url_from_environment
from ratatoskr.config.secrets import find_keys, parse_key
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS, ProviderSpec
from ratatoskr.types.secret import Secret

Keys: TypeAlias = "str | Sequence[str] | None"
ENTRY_POINTS = "ratatoskr.providers"
"""The group in which packages register providers: functions (transport, keys, base_url, headers) -> provider."""
# Field names and values as in RFC 9110, section 5.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PRINTABLE_URL = re.compile(r"https?://[^@?#\s]*")


@dataclass(frozen=True, slots=True, repr=False)
class ProviderConfig:
    """A provider as the caller configured it. Its repr contains no key, header value or URL that may hold a password.

    Attributes:
        name: the prefix of its models' names.
        keys: those passed as an argument; empty if they come from the environment or a file.
        base_url: in place of the row's.
        headers: sent with every request.
        api: the endpoint family, where the row has several; `auto` leaves it to the model's rules.
        allow_insecure: whether plain http to another machine is allowed.
        custom_spec: the row of a host that is not built in.
    """

    name: str
    keys: tuple[Secret, ...] = ()
    base_url: str | None = None
    headers: tuple[tuple[str, Secret], ...] = ()
    api: str = "auto"
    allow_insecure: bool = False
    custom_spec: ProviderSpec | None = None

    @property
    def spec(self) -> ProviderSpec | None:
        """The provider's row; `None` if an installed package provides it."""
        return self.custom_spec or SPECS.get(self.name)

    def __repr__(self) -> str:
        fields = [repr(self.name)]
        if self.keys:
            fields.append(f"keys={self.keys!r}")
        if self.base_url is not None:
            shown = isinstance(self.base_url, str) and _PRINTABLE_URL.fullmatch(self.base_url)
            fields.append(f"base_url={self.base_url!r}" if shown else "base_url=…")
        if self.headers:
            fields.append(f"headers=({', '.join(f'{name}: …' for name, _ in self.headers)})")
        fields += [f"api={self.api!r}"] if self.api != "auto" else []
        fields += ["allow_insecure=True"] if self.allow_insecure else []
        return f"ProviderConfig({', '.join(fields)})"


def load_entry_points() -> dict[str, EntryPoint]:
    """Return the providers that installed packages register, by name."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def check_keys(provider: str, key: Keys) -> tuple[Secret, ...]:
    """Return the keys that the caller passed, one or several; empty for `None`.

    Raises:
        ConfigurationError: the sequence is empty, or one of them is not a valid key.
    """
    if key is None:
        return ()
    several = isinstance(key, (list, tuple, set, frozenset))
    keys = cast("tuple[str, ...]", tuple(key) if several else (key,))
    if not keys:
        raise ConfigurationError("the sequence of keys is empty", provider=provider, field="key")
    return tuple(parse_key(one, provider) for one in keys)


def check_headers(provider: str, headers: Mapping[str, str] | None) -> tuple[tuple[str, Secret], ...]:
    """Return the headers as pairs; each value may be a secret.

    Raises:
        ConfigurationError: a name or a value cannot be sent.
    """
    if headers is None:
        return ()
    if not isinstance(headers, Mapping):
        raise ConfigurationError("headers must map names to strings", provider=provider, field="headers")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r:.80} is not a valid header name", provider=provider, field="headers")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"the value of the header {name} is not a string that HTTP allows", provider=provider, field="headers"
            )
    return tuple((name, Secret(value)) for name, value in headers.items())


def resolve_keys(config: ProviderConfig) -> tuple[tuple[Secret, ...], str | None]:
    """Return the provider's keys and their source: `argument`, a variable or a file; `None` if it has none.

    Raises:
        ConfigurationError: a key is required and there is none, or both a key and a header set the same header.
    """
    spec = config.spec
    found = None if config.keys else find_keys(config.name)
    keys, origin = (found.keys, found.origin) if found else (config.keys, "argument" if config.keys else None)
    if not keys and spec is not None and spec.needs_key:
        variables = " or ".join(spec.key_variables) or "an argument"
        raise ConfigurationError(
            f"no key: pass one, set {variables}, or put it into the secrets file", provider=config.name
        )
    for name, _ in config.headers:
        if keys and spec is not None and name.lower() == spec.key_header[0]:
            raise ConfigurationError(
                f"the header {name} is set by the key; give one of the two", provider=config.name, field="headers"
            )
    return keys, origin


def resolve_base_url(config: ProviderConfig) -> str:
    """Return the provider's base URL, normalized; empty if an installed package provides it and chooses its own.

    Raises:
        ConfigurationError: there is no such provider, or the URL is invalid, or it is plain http to another machine.
    """
    spec, base_url = config.spec, config.base_url
    if spec is None and config.name not in load_entry_points():
        known = ", ".join([*SPECS, *load_entry_points()])
        raise ConfigurationError(f"no provider is named {config.name!r}; known are {known}", field="name")
    if base_url is None and spec is not None and spec.configured_by == "address":
        base_url = base_url_from_environment(spec)
    if base_url is None:
        base_url = spec.base_url if spec is not None else ""
    if spec is None and not base_url:
        return ""
    base_url = base_url.rstrip("/") if isinstance(base_url, str) else ""
    parts = _split_base_url(base_url)
    host = parts and _normalize_host(parts.hostname or "")
    if parts is None or host is None:
        raise ConfigurationError(
            "base_url must be http(s)://host[:port][/path], with a name of a host in its ASCII form (xn--…) or an IP"
            " address",
            provider=config.name,
            field="base_url",
        )
    if parts.scheme == "http" and not _is_loopback(host) and not config.allow_insecure:
        raise ConfigurationError(
            f"the prompts and the key would go over plain http to {host}; use https, or allow_insecure=True",
            provider=config.name,
            field="base_url",
        )
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}".rstrip("/")


def _normalize_host(host: str) -> str | None:
    """Return a host as the URL standard writes it, by which the transport tells one origin from another.

    It is `None` for an invalid one, and for a name that is not in its ASCII form.
    """
    host = host.lower()
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            return None
        if address.scope_id is not None:
            return None
        mapped = address.ipv4_mapped  # which the standard writes in hexadecimal digits, too
        return f"::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}" if mapped else str(address)
    if not _HOST_NAME.fullmatch(host):
        return None
    if not _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))  # each part may be octal or hexadecimal
    except OSError:
        return None


def _split_base_url(base_url: str) -> SplitResult | None:
    """Return the parts of a valid base URL; `None` for any other string."""
    try:
        parts = urlsplit(base_url)
        _ = parts.port  # raises if it is not a number, or too large
    except ValueError:
        return None
    extra = parts.query or parts.fragment or parts.username or parts.password
    return parts if parts.scheme in _DEFAULT_PORTS and not extra else None


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())
