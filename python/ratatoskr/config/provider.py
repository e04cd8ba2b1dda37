"""One provider as configured: its keys, base URL and headers, and the checks of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TypeAlias, cast

from ratatoskr.config.base_url import base_url_from_environment, parse_base_url, read_base_url
from ratatoskr.config.secrets import find_keys, parse_key
from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import SPECS, ProviderSpec
from ratatoskr.types.attempt import Notice
from ratatoskr.types.secret import Secret
from ratatoskr.types.visible import quote

Keys: TypeAlias = "str | Sequence[str] | None"
ENTRY_POINTS = "ratatoskr.providers"
"""The group in which packages register providers: functions (transport, keys, base_url, headers) -> provider."""
# Field names and values as in RFC 9110, section 5.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OWN_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection"),
                *("te", "trailer", "upgrade", "expect"),
            ),
            "is set by the transport",
        ),
        "accept-encoding": "is set by the transport, which reads no compressed answers",
        "content-type": "is set by the gateway, which sends JSON",
        "proxy-authorization": "would go to the provider; pass it in the URL of proxy()",
    }
)
"""Headers that cannot be set, by name, each with the reason. A provider's row adds its own. Everything else may be set,
`user-agent` included."""
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
    keys = tuple(parse_key(one, provider) for one in (key if several else (cast("str", key),)))
    if not keys:
        raise ConfigurationError("the sequence of keys is empty", provider=provider, field="key")
    return keys


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
            raise ConfigurationError(f"{quote(name)} is not a valid header name", provider=provider, field="headers")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"the value of the header {name} is not a string that HTTP allows", provider=provider, field="headers"
            )
    return tuple((name, Secret(value)) for name, value in headers.items())


def resolve_keys(config: ProviderConfig) -> tuple[tuple[Secret, ...], str | None]:
    """Return the provider's keys and their source: `argument`, a variable or a file; `None` if it has none.

    Raises:
        ConfigurationError: a key is required and there is none, or a header is one that the gateway sets.
    """
    spec = config.spec
    found = None if config.keys else find_keys(config.name)
    keys, origin = (found.keys, found.origin) if found else (config.keys, "argument" if config.keys else None)
    if not keys and spec is not None and spec.needs_key:
        variables = " or ".join(spec.key_variables) or "an argument"
        raise ConfigurationError(
            f"no key: pass one, set {variables}, or put it into the secrets file", provider=config.name
        )
    _check_own_headers(config, has_key=bool(keys))
    return keys, origin


def _check_own_headers(config: ProviderConfig, *, has_key: bool) -> None:
    """Raise `ConfigurationError` for a header that the gateway sets itself, or that is given twice."""
    spec = config.spec
    own = dict(_OWN_HEADERS)
    if spec is not None:
        own |= dict.fromkeys(spec.own_headers, "is set by the gateway for each request")
        if has_key:
            own |= dict.fromkeys((spec.key_header[0], "authorization"), "is set by the key; give one of the two")
    seen = set[str]()
    for name in [pair[0] for pair in config.headers]:  # no value is bound to a name that a traceback would show
        reason = "is given twice" if name.lower() in seen else own.get(name.lower())
        if reason is not None:
            raise ConfigurationError(f"the header {name} {reason}", provider=config.name, field="headers")
        seen.add(name.lower())


def resolve_base_url(config: ProviderConfig) -> str:
    """Return the provider's base URL, normalized; empty if an installed package provides it and chooses its own.

    Raises:
        ConfigurationError: there is no such provider, or the URL is invalid, or it is plain http to another machine.
    """
    spec, base_url = config.spec, config.base_url
    if spec is None and config.name not in load_entry_points():
        known = ", ".join([*SPECS, *load_entry_points()])
        raise ConfigurationError(f"no provider is named {quote(config.name)}; known are {known}", field="name")
    if base_url is None and spec is not None and spec.configured_by == "address":
        base_url = base_url_from_environment(spec)
    if base_url is None:
        base_url = spec.base_url if spec is not None else ""
    if spec is None and not base_url:
        return ""
    parsed = parse_base_url(base_url)
    del base_url  # a wrong one may hold a password, which a traceback with locals would show
    if parsed.problem:
        raise ConfigurationError(parsed.problem, provider=config.name, field="base_url")
    if parsed.scheme == "http" and not parsed.is_loopback and not config.allow_insecure:
        raise ConfigurationError(
            f"the prompts and the key would go over plain http to {parsed.host}; use https, or allow_insecure=True",
            provider=config.name,
            field="base_url",
        )
    return parsed.url


def find_base_url_notices(config: ProviderConfig) -> tuple[Notice, ...]:
    """Return a notice if an endpoint was taken off the base URL of the caller or of the environment."""
    spec, parsed, name = config.spec, None, "base_url"
    if config.base_url is not None:
        parsed = parse_base_url(config.base_url)
    elif spec is not None and spec.configured_by == "address":
        parsed, name = read_base_url(spec), spec.base_url_variable or name
    if parsed is None or not parsed.endpoint:
        return ()
    message = f"{parsed.endpoint} was taken off {name}: the endpoint is appended to each request"
    return (Notice("base_url_changed", message, "base_url"),)
