"""Base URLs: one parser for those of the builder and of the environment; all else sees the normalized form."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ratatoskr.errors import ConfigurationError
from ratatoskr.providers.specs import ProviderSpec

__all__ = [
    "BaseUrl",
    "base_url_from_environment",
    "fill_placeholders",
    "has_placeholders_filled",
    "is_listening",
    "parse_base_url",
    "read_base_url",
]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")  # as in RFC 3986, section 3.3
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")  # section 3.4
_SECRET_NAME = re.compile(r"(^|[-_.])(api)?(key|token|secret|password|pwd|sig|signature|code|auth)$", re.IGNORECASE)
_ENDPOINT = re.compile(
    r"/(chat/completions|completions|responses|messages|embeddings|api/(chat|generate|tags|embed)"
    r"|(models|tunedModels)/[^/]+:[A-Za-z]+)$"
)
"""Endpoints that people copy together with the base URL; the dialect appends its own."""

_PLACEHOLDER = re.compile(r"[A-Za-z0-9_-]+")
_FORM = "base_url must be http(s)://host[:port][/path]"
_INVALID = f"{_FORM}, with a name of a host in its ASCII form (xn--…) or an IP address"


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A base URL in one spelling, so that equal addresses are equal texts; empty with a `problem`.

    Attributes:
        scheme: `http` or `https`.
        host: lower case; an IPv6 address without brackets.
        url: the whole, with the port where it is not the scheme's, and the query if there is one.
        endpoint: the endpoint that was taken off its end, if there was one.
        problem: why the text is not a base URL; it never repeats the text, which may hold a password.
    """

    scheme: str = ""
    host: str = ""
    url: str = ""
    endpoint: str = ""
    problem: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        host = self.host
        return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


def parse_base_url(text: object) -> BaseUrl:
    """Return a base URL, without white space around it, slashes at its end, and an endpoint."""
    if not isinstance(text, str):
        return BaseUrl(problem=_INVALID)
    text = text.strip()
    if not text.isprintable() or " " in text:
        return BaseUrl(problem=f"{_FORM}, without white space and control characters")
    try:
        parts = urlsplit(text)
        port = parts.port  # raises if it is not a number, or too large
    except ValueError:
        return BaseUrl(problem=_INVALID)
    if "#" in text:
        return BaseUrl(problem=f"{_FORM}, without a fragment (#…)")
    if "@" in parts.netloc:
        return BaseUrl(problem=f"{_FORM}, without a user name and password; pass a key or headers")
    host = _normalize_host(parts.hostname or "")
    if parts.scheme not in _DEFAULT_PORTS or host is None or port == 0 or not _PATH.fullmatch(parts.path):
        return BaseUrl(problem=_INVALID)
    if not _QUERY.fullmatch(parts.query):
        return BaseUrl(problem=f"{_FORM}, with a percent-encoded query if any")
    if any(_SECRET_NAME.search(item.partition("=")[0]) for item in parts.query.split("&")):
        return BaseUrl(problem=f"{_FORM}, without a key in a query; pass it as key or in headers")
    path = re.sub(r"//+$", "/", parts.path).rstrip("/")
    if any(segment in (".", "..") for segment in path.split("/")):
        return BaseUrl(problem=f"{_FORM}, without . and .. in its path")
    endpoint = _ENDPOINT.search(path)
    path = path[: endpoint.start()].rstrip("/") if endpoint else path
    shown = f"[{host}]" if ":" in host else host
    where = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    query = f"?{parts.query}" if parts.query else ""
    url = f"{parts.scheme}://{shown}{where}{path}{query}"
    return BaseUrl(parts.scheme, host, url, endpoint[0] if endpoint else "")


def base_url_from_environment(spec: ProviderSpec) -> str | None:
    """Return the base URL that the provider's variable names; `None` if it is not set.

    A URL; of a server of your own also a host or `host:port`, whose port defaults to that of its own base URL.
    `0.0.0.0` and `::`, on which a server listens, become the loopback address.

    Raises:
        ConfigurationError: the variable holds none of these.
    """
    parsed = read_base_url(spec)
    if parsed is None:
        return None
    if parsed.problem:
        short = "a host, host:port or " if spec.configured_by == "address" else ""
        raise ConfigurationError(
            f"{spec.base_url_variable} must be {short}http(s)://host[:port][/path]",
            provider=spec.name,
            field="base_url",
        )
    return parsed.url


def read_base_url(spec: ProviderSpec) -> BaseUrl | None:
    """Return what the provider's variable holds, with a problem if it is not an address; `None` if it is not set."""
    value = os.environ.get(spec.base_url_variable, "").strip().strip("\"'").strip()
    if not value:
        return None
    if spec.configured_by == "address":
        value = _complete_address(value, urlsplit(spec.base_url).port)
    parsed = parse_base_url(value)
    if parsed.url and spec.base_url_path and "/" not in parsed.url.partition("://")[2]:
        parsed = replace(parsed, url=parsed.url + spec.base_url_path)
    return parsed


def fill_placeholders(spec: ProviderSpec) -> str:
    """Return the row's base URL with the values that differ between accounts.

    Raises:
        ConfigurationError: a variable that holds one of them is not set.
    """
    url = spec.base_url
    for name, variable in spec.placeholders:
        value = os.environ.get(variable, "").strip()
        if not _PLACEHOLDER.fullmatch(value):
            problem = "may hold letters, digits, - and _ only" if value else "is not set"
            raise ConfigurationError(
                f"{variable} {problem}: it is the {name.replace('_', ' ')} in {spec.base_url}; or pass base_url, or set"
                f" {spec.base_url_variable}",
                provider=spec.name,
                field="base_url",
            )
        url = url.replace(f"{{{name}}}", value)
    return url


def has_placeholders_filled(spec: ProviderSpec) -> bool:
    """Return whether the environment holds what the row's base URL needs."""
    return bool(os.environ.get(spec.base_url_variable)) or all(os.environ.get(name) for _, name in spec.placeholders)


def is_listening(spec: ProviderSpec) -> bool:
    """Return whether a server accepts connections at the provider's own base URL."""
    address = urlsplit(spec.base_url)
    try:
        with socket.create_connection(("127.0.0.1", address.port), timeout=0.2):
            return True
    except OSError:
        return False


def _complete_address(value: str, default_port: int | None) -> str:
    """Return a host or `host:port` as a URL, and the loopback address in place of the one for all interfaces."""
    scheme, mark, rest = value.partition("://")
    if not mark:
        scheme, rest = "http", value
    address, slash, path = rest.partition("/")
    host, port = _split_port(address)
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - replaced, not bound
    port = port or ("" if mark else str(default_port or ""))
    return f"{scheme}://{host}{':' if port else ''}{port}{slash}{path}"


def _split_port(address: str) -> tuple[str, str]:
    if address.startswith("["):
        host, _, port = address.partition("]")
        return f"{host}]", port.removeprefix(":")
    if address.count(":") > 1:  # an IPv6 address without brackets, hence without a port
        return f"[{address}]", ""
    host, _, port = address.partition(":")
    return host, port


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
