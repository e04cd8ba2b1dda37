"""`ServiceClient`: a gateway over a daemon."""

from __future__ import annotations

from os import PathLike
from typing import Self, TypeAlias

from ratatoskr.gateway.base import Gateway
from ratatoskr.service.client.admin import Admin
from ratatoskr.service.client.backend import RemoteBackend
from ratatoskr.service.client.channel import line_to, renewal_of
from ratatoskr.types.frames import hide_arguments
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import TimeoutsLike, timeouts_of

__all__ = ["ServiceClient"]

Path: TypeAlias = "str | PathLike[str] | None"


class ServiceClient(Gateway):
    """A gateway whose providers, keys and models are in a daemon; an async context manager, and `sync()` blocks.

    What it raises are the daemon's own errors. A daemon that is out of reach is `ConnectionFailed`, in the middle of a
    stream `StreamInterrupted`. Types of `output=` and functions of `tools=` stay in this process.

    Args:
        url: `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
        token: of the client, where the daemon asks for one.
        ca: the path of the certificates that are trusted, for `https://`.
        cert: the path of this client's certificate, where the daemon asks for one.
        key: the path of the certificate's key. Files that have changed are read again for the next connection.
        timeout: total seconds of a call, or `Timeouts`, where a call says nothing; else the daemon's hold.

    Raises:
        ConfigurationError: an argument is wrong, or gRPC is not installed.
    """

    @hide_arguments
    def __init__(
        self,
        url: str,
        token: str | Secret | None = None,
        ca: Path = None,
        cert: Path = None,
        key: Path = None,
        timeout: TimeoutsLike = None,
    ) -> None:
        address, secret, credentials = line_to(url, token, ca, cert, key)
        self._remote = RemoteBackend(address, secret, credentials, timeouts_of(timeout))
        if address.tls:
            self._remote.renew_by(renewal_of(address, ca, cert, key))
        super().__init__(self._remote)

    @property
    def admin(self) -> Admin:
        """What administrators ask of the daemon."""
        return Admin(self._remote)

    @classmethod
    async def connect(
        cls,
        url: str,
        token: str | Secret | None = None,
        ca: Path = None,
        cert: Path = None,
        key: Path = None,
        timeout: TimeoutsLike = None,
    ) -> Self:
        """Return a client whose daemon has answered; arguments are those of the class.

        Raises:
            ConnectionFailed: the daemon cannot be reached.
            AuthenticationFailed: it does not take the token.
        """
        client = cls(url, token, ca, cert, key, timeout)
        try:
            await client.health()
        except BaseException:
            await client.aclose()
            raise
        return client
