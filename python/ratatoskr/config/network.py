"""The proxy and the PEM files of a gateway, checked by `build()`. No message repeats a URL or a PEM text."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from ratatoskr.errors import ConfigurationError
from ratatoskr.transport.config import TransportConfig
from ratatoskr.types.secret import Secret

__all__ = [
    "Pem",
    "check_path",
    "check_proxy",
    "check_tls",
    "find_system_authorities",
    "proxy_of_environment",
    "warn_of_unused_variables",
]

Pem: TypeAlias = str | Path | bytes
_PROXY_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})
_MAX_PEM: Final = 16 * 1024 * 1024
_PROXY_VARIABLES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_BUNDLES: Final = (  # Debian, Fedora, openSUSE, Alpine and macOS
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_logger = logging.getLogger("ratatoskr.config")
_warned: set[str] = set()
"""The variables that were warned of in this process."""


def check_proxy(url: str) -> Secret:
    """Return the URL of a proxy, which may hold a password.

    Raises:
        ConfigurationError: it is not the URL of a proxy.
    """
    if not isinstance(url, str) or not _is_proxy(url):
        raise ConfigurationError(
            "proxy must be (http|https|socks5|socks5h)://[user:password@]host:port, with %XX for special characters in"
            " the password",
            field="proxy",
        )
    return Secret(url)


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    known = parts.scheme in _PROXY_SCHEMES and parts.hostname and port != 0
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return bool(known and not rest and re.fullmatch(r"[\x21-\x7e]+", url))


def proxy_of_environment() -> tuple[Secret | None, str]:
    """Return the proxy of `HTTPS_PROXY` or `ALL_PROXY`, if one is set, and the hosts of `NO_PROXY`.

    The names may be in lower case, which come first, as curl reads them.

    Raises:
        ConfigurationError: a variable does not hold the URL of a proxy.
    """
    variable = next((name for name in _PROXY_VARIABLES if os.environ.get(name)), None)
    if variable is None:
        return None, ""
    url = os.environ[variable]
    url = url if "://" in url else f"http://{url}"
    if not _is_proxy(url):
        raise ConfigurationError(
            f"{variable} must be (http|https|socks5|socks5h)://[user:password@]host:port", field="proxy"
        )
    return Secret(url), os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")


def find_system_authorities() -> Pem:
    """Return the certificates that this machine trusts: those of `SSL_CERT_FILE`, else the system's.

    Raises:
        ConfigurationError: there are none.
    """
    import ssl

    named = os.environ.get("SSL_CERT_FILE")
    if named:
        return named
    paths = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    found = next((path for path in paths if path and Path(path).is_file()), None)
    if found is not None:
        return found
    stored = ssl.create_default_context().get_ca_certs(binary_form=True)  # those of Windows are in no file
    if not stored:
        raise ConfigurationError("tls(ca='system'): this machine has no certificates; pass a path", field="ca")
    return "".join(map(ssl.DER_cert_to_PEM_cert, stored)).encode()


def warn_of_unused_variables(config: TransportConfig) -> None:
    """Log once in a process which variables of the network are set and not used."""
    unused: dict[str, str] = {}
    if config.proxy is None and config.unix_socket is None:
        unused |= {name: 'proxy("env")' for name in _PROXY_VARIABLES if os.environ.get(name)}
    if config.tls_ca is None:
        unused |= {name: 'tls(ca="system")' for name in ("SSL_CERT_FILE",) if os.environ.get(name)}
    new = unused.keys() - _warned
    if new:
        _warned.update(new)
        fields = {"variables": ", ".join(sorted(new)), "used_by": ", ".join(sorted({unused[name] for name in new}))}
        _logger.warning("environment variables of the network are set and not used", extra=fields)


def check_path(name: str, source: Pem | None) -> None:
    """Check that an argument of `tls` is not the text of a private key.

    Certificates may be given as bytes; a private key is read from a file only.

    Raises:
        ConfigurationError: it is a PEM text in place of a path, or of another type.
    """
    if source is None:
        return
    if isinstance(source, bytes):
        if name != "key" and b"PRIVATE KEY" not in source:
            return
    elif isinstance(source, (str, Path)):
        text = str(source)
        if text and text.isprintable() and "-----BEGIN" not in text:
            return
    raise ConfigurationError(
        f"tls({name}=) must be the path of a PEM file{', not its text' if isinstance(source, str | bytes) else ''}",
        field=name,
    )


def check_tls(config: TransportConfig) -> None:
    """Check that the PEM files can be read and hold what they should.

    Raises:
        ConfigurationError: a file cannot be read, or holds no certificate, or the key is not that of the certificate.
    """
    if config.tls_ca is not None:
        _check_authorities(_read("ca", config.tls_ca))
    if config.tls_cert is not None:
        _check_identity(config.tls_cert, config.tls_key)
    elif config.tls_key is not None:
        raise ConfigurationError("tls(key=) needs tls(cert=), the certificate that the key belongs to", field="key")


def _check_authorities(pem: bytes) -> None:
    import ssl

    try:
        # Bundles have comments in other characters, which `ssl` refuses.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem.decode("ascii", "ignore"))
    except (ValueError, ssl.SSLError):
        raise ConfigurationError("tls(ca=) holds no certificate in PEM format", field="ca") from None


def _check_identity(cert: Pem, key: Pem | None) -> None:
    import ssl

    if isinstance(cert, bytes) and key is None:
        raise ConfigurationError("tls(cert=) needs tls(key=), the path of its private key", field="key")
    for name, source in (("cert", cert), ("key", key)):
        if source is not None:
            _read(name, source)
    if isinstance(cert, bytes) or isinstance(key, bytes):
        return  # `ssl` reads them from files only
    try:
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password="")
    except (ValueError, OSError):
        raise ConfigurationError(
            "tls(cert=, key=) must be a certificate and its private key, in PEM format and not encrypted", field="cert"
        ) from None


def _read(name: str, source: Pem) -> bytes:
    if isinstance(source, bytes):
        return source
    path = Path(source)
    try:
        if not path.is_file():
            problem = "is not a file" if path.exists() else "does not exist"
        elif path.stat().st_size > _MAX_PEM:
            problem = "is larger than a PEM file can be"
        else:
            return path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({os.strerror(error.errno or 0)})"
    # The path of a key is not repeated: it may be the key itself, without its header.
    shown = "the file" if name == "key" else f"{path}"[:200]
    raise ConfigurationError(f"tls({name}=): {shown} {problem}", field=name)
