"""How a pull reaches the network: proxies and certificate authorities, the same for lists, files and pip.

Read from the environment, as curl, pip and huggingface_hub do: `HTTPS_PROXY` or `ALL_PROXY` (an http proxy, which opens
tunnels) and `NO_PROXY`; `SSL_CERT_FILE` or `SSL_CERT_DIR`, else `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`, else the
authorities of the system. Our own `RATATOSKR_PROXY` comes before these and holds for every host, and the authorities in
`RATATOSKR_CA_FILE` are trusted, too. This machine is never reached through a proxy.
"""

from __future__ import annotations

import base64
import errno
import http.client
import ipaddress
import os
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ratatoskr.errors import ConfigurationError, ConnectionFailed, TlsError
from ratatoskr.errors import Timeout as TimedOut
from ratatoskr.types.visible import escape_hidden

__all__ = ["CA_FILE_VARIABLE", "PROXY_VARIABLE", "connect", "find_authorities", "is_loopback", "is_secure"]

PROXY_VARIABLE: Final = "RATATOSKR_PROXY"
CA_FILE_VARIABLE: Final = "RATATOSKR_CA_FILE"

_AUTHORITIES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name certificate authorities; the first that is set counts."""
_READ_BY_OPENSSL: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def is_secure(url: SplitResult) -> bool:
    """Return whether others on the network cannot read what is sent there: it uses TLS, or stays on this machine."""
    return url.scheme == "https" or (url.scheme == "http" and is_loopback((url.hostname or "").casefold()))


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connect(url: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """Return an open connection to the host of a URL, through a proxy if the environment names one for it.

    Raises:
        ConfigurationError: the proxy or the file of authorities cannot be used.
        ConnectionFailed: the host, or the proxy, cannot be reached.
        TlsError: the host's certificate is not trusted.
        Timeout: it took longer than `timeout` seconds.
    """
    host, proxy = url.hostname or "", _find_proxy(url)
    shown = escape_hidden(host, 200)
    connection: http.client.HTTPConnection
    if url.scheme == "http":
        connection = http.client.HTTPConnection(host, url.port, timeout=timeout)
    elif proxy is None:
        connection = http.client.HTTPSConnection(host, url.port, timeout=timeout, context=_make_context())
    else:
        connection = http.client.HTTPSConnection(
            proxy.hostname or "", proxy.port or 80, timeout=timeout, context=_make_context()
        )
        connection.set_tunnel(host, url.port or 443, _make_proxy_headers(proxy))
        shown = f"the proxy {escape_hidden(proxy.hostname or '', 200)}"
    try:
        connection.connect()
    except TimeoutError:
        connection.close()
        raise TimedOut(f"{shown} could not be reached within {timeout:g} seconds", phase="connect") from None
    except ssl.SSLError as error:
        connection.close()
        why = getattr(error, "verify_message", "") or error.reason or type(error).__name__
        raise TlsError(
            f"no TLS connection to {escape_hidden(host, 200)}: {why}; SSL_CERT_FILE names other authorities to trust"
        ) from None
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        connection.close()
        refusal = f": {escape_hidden(str(error), 200)}" if proxy and type(error) is OSError else ""
        phase = "connect" if proxy is None else "proxy"
        raise ConnectionFailed(f"{shown} cannot be reached ({type(error).__name__}{refusal})", phase=phase) from None
    return connection


def _find_proxy(url: SplitResult) -> SplitResult | None:
    """Return the proxy for a URL; its text, which may hold a password, is in no message."""
    from urllib.request import getproxies_environment, proxy_bypass

    host = (url.hostname or "").casefold()
    proxies = getproxies_environment()
    own = os.environ.get(PROXY_VARIABLE)
    given = own or proxies.get(url.scheme) or proxies.get("all")
    if not given or is_loopback(host) or (not own and proxy_bypass(f"{host}:{url.port or 443}")):
        return None
    try:
        proxy = urlsplit(given if "://" in given else f"http://{given}")
        valid = proxy.scheme == "http" and bool(proxy.hostname) and proxy.port != 0
    except ValueError:
        valid = False
    if not valid:
        of_others = f"{url.scheme.upper()}_PROXY" if proxies.get(url.scheme) else "ALL_PROXY"
        name = PROXY_VARIABLE if own else of_others
        raise ConfigurationError(f"{name} must be http://[user:password@]host:port for a pull", field=name)
    return proxy


def _make_proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"proxy-authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def find_authorities() -> tuple[str, str] | None:
    """Return the variable that names certificate authorities, and the file or folder that it names, if there is one."""
    return next(((name, os.environ[name]) for name in _AUTHORITIES if os.environ.get(name)), None)


def _make_context() -> ssl.SSLContext:
    context = _make_usual_context()
    if path := os.environ.get(CA_FILE_VARIABLE):
        try:
            context.load_verify_locations(path)
        except OSError as error:
            why = error.strerror or "it holds no certificate in PEM format"
            raise ConfigurationError(
                f"{CA_FILE_VARIABLE} names {path}, which cannot be used: {why}", field=CA_FILE_VARIABLE
            ) from None
    return context


def _make_usual_context() -> ssl.SSLContext:
    found = find_authorities()
    if found is None:
        return ssl.create_default_context()
    name, path = found
    try:
        if not any(Path(part).exists() for part in path.split(os.pathsep)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if name in _READ_BY_OPENSSL:
            return ssl.create_default_context()
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigurationError(f"{name} names {path}, which cannot be used: {why}", field=name) from None
