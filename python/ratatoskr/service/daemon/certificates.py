"""The daemon's certificate: read at the start and at each reload, used by each handshake."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ratatoskr._extras import require_extra
from ratatoskr.config.private_file import read_private
from ratatoskr.config.server import TlsSection, certificate_files
from ratatoskr.errors import ConfigurationError

__all__ = ["Certificates", "reason_to_renew"]

_MAX_BYTES: Final = 1024 * 1024
_DATES: Final = (9, 10)
"""Codes of a certificate that is not valid yet, or no longer: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/"""
_ROUNDS: Final = 3
"""More than the messages of a handshake."""


@dataclass(frozen=True, slots=True)
class _Files:
    """What was read."""

    chain: bytes
    key: bytes
    authorities: bytes | None


class Certificates:
    """The certificate in force.

    Args:
        section: the table `[tls]`.
        configuration: what `read` has returned; `None` where no listener is encrypted.
    """

    def __init__(self, section: TlsSection, configuration: Any) -> None:
        self.asks = section.client_ca is not None
        self.configuration = configuration

    @staticmethod
    def read(section: TlsSection) -> Any:
        """Return what gRPC takes, from the files of a section.

        Raises:
            ConfigurationError: a file cannot be read or used, others can read the key, or key and certificate do not
                belong together.
        """
        cert, key = certificate_files(section)
        grpc = require_extra("grpc", "service", why="daemons")
        files = _read(cert, key, section.client_ca)
        return grpc.ssl_server_certificate_configuration([(files.key, files.chain)], files.authorities)

    def credentials(self) -> Any:
        """Return the credentials of a listener; handshakes use what is in force then."""
        grpc = require_extra("grpc", "service", why="daemons")
        given = self.configuration

        def renew() -> Any:
            nonlocal given
            if given is self.configuration:
                return None
            given = self.configuration
            return given

        return grpc.dynamic_ssl_server_credentials(given, renew, self.asks)


def reason_to_renew(section: TlsSection) -> str | None:
    """Return why no client takes the certificate of a section today: its dates; `None` where they are right."""
    cert, key = str(section.cert), str(section.key)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(cert, key, password="")
    client.check_hostname = False
    client.load_verify_locations(cert)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it is its own authority
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for end in ends * _ROUNDS:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return f"tls.cert: {cert}: {error.verify_message}" if error.verify_code in _DATES else None
    return None


def _read(cert: str, key: str, authorities: str | None) -> _Files:
    secret = read_private(Path(key), _MAX_BYTES, "it is no key")
    if secret is None:
        raise ConfigurationError(f"tls.key: there is no {key}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the certificate {cert} and the key {key} cannot be used: {_reason(error)}", field="tls"
        ) from None
    if authorities is not None:
        try:
            context.load_verify_locations(authorities)
        except OSError as error:
            raise ConfigurationError(
                f"tls.client_ca: {authorities} cannot be used: {_reason(error)}", field="tls"
            ) from None
    return _Files(
        Path(cert).read_bytes(),
        secret.reveal().encode("utf-8", "surrogateescape"),
        Path(authorities).read_bytes() if authorities is not None else None,
    )


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return {"KEY_VALUES_MISMATCH": "the key is not that of the certificate"}.get(str(reason), str(reason or error))
