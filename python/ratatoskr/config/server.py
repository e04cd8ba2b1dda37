"""The tables of `config.toml` that only the daemon reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from ratatoskr.config.section import FINITE, Name, Section
from ratatoskr.errors import ConfigurationError
from ratatoskr.service.address import ListenAddress, listen_address
from ratatoskr.types.visible import quote

__all__ = ["ClientSection", "LimitsSection", "ListenerSection", "ServerSection", "TlsSection", "certificate_files"]
__all__ += ["check_listeners", "check_names"]

DEFAULT_ADDRESS: Final = "127.0.0.1:9741"
MIB: Final = 1024 * 1024

Count = Annotated[int, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=FINITE)]


class LimitsSection(Section, frozen=True):
    """What the daemon takes at most, in all and of each client.

    Attributes:
        message_bytes: of one message in either direction; changed by a restart alone.
        metadata_bytes: of one call's metadata; changed by a restart alone.
        messages: of one chat.
        tools: of one chat.
        images: of one chat, other media and files included.
        image_bytes: of one of these.
        texts: of one call: to embed, to compare or to rank; the vectors of more may not fit into a message.
        text_bytes: of one of these.
        calls: under way at once.
        streams: under way at once; they count as calls, too.
        client_calls: under way at once of one client.
        client_streams: under way at once of one client.
        rate: calls a second of one client; 0 for any number.
        burst: calls that a client may make at once within its rate.
        bytes_in_flight: of the requests under way.
    """

    message_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1 << 30)] = 32 * MIB
    metadata_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1 << 20)] = 16 * 1024
    messages: Count = 4096
    tools: Count = 256
    images: Count = 20
    image_bytes: Count = 10 * MIB
    texts: Count = 1024
    text_bytes: Count = MIB
    calls: Count = 1024
    streams: Count = 256
    client_calls: Count = 256
    client_streams: Count = 32
    rate: Annotated[float, msgspec.Meta(ge=0, le=FINITE)] = 0.0
    burst: Count = 20
    bytes_in_flight: Count = 256 * MIB


class ServerSection(Section, frozen=True):
    """The daemon as a whole.

    Attributes:
        loop: the event loop: `uvloop`, `asyncio`, or `auto` for uvloop where it is installed; changed by a restart.
        grace: seconds that calls under way may go on after SIGTERM.
        write_timeout: seconds after which a reader that takes nothing is cut off.
        log_format: `json`, `text`, or `auto` for text on a terminal.
        log_level: `debug`, `info`, `warning` or `error`; calls that went well are told at `info`.
        health_without_token: answer `grpc.health.v1` without authentication, as probes ask.
        reflection: answer `grpc.reflection`; `auto` where every listener is of this machine; changed by a restart.
        limits: what is taken at most.
    """

    loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    grace: Annotated[float, msgspec.Meta(ge=0, le=FINITE)] = 30.0
    write_timeout: Seconds = 60.0
    log_format: Literal["auto", "json", "text"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    health_without_token: bool = False
    reflection: Literal["auto", "on", "off"] = "auto"
    limits: LimitsSection = LimitsSection()


class ListenerSection(Section, frozen=True):
    """Where the daemon listens.

    Attributes:
        name: for the log, and the client that callers without a token are.
        address: `HOST:PORT` or `unix:PATH`.
        group: the group of a socket and of its folder, by name.
        admin: whether everyone who reaches it is an administrator.
        authentication: whether a token or a certificate is asked for; by default where `[clients]` has any.
        tls: whether connections are encrypted; by default where `[tls]` is set and the address is `HOST:PORT`.
    """

    forms: ClassVar[Mapping[str, str]] = {"name": r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"}
    name: str = "default"
    address: Name = DEFAULT_ADDRESS
    group: Name | None = None
    admin: bool = False
    authentication: bool | None = None
    tls: bool | None = None

    @classmethod
    def check(cls, key: str, value: Any) -> None:
        """Raise `ConfigurationError` for an address that is none."""
        if key == "address":
            listen_address(value)

    @property
    def place(self) -> ListenAddress:
        """The parts of its address."""
        return listen_address(self.address)


class TlsSection(Section, frozen=True):
    """The daemon's certificate; read again at each reload.

    Attributes:
        cert: PEM file of the certificate and its chain.
        key: PEM file of its private key, which others must not read.
        client_ca: PEM file of the authorities of clients' certificates; every client then needs one.
    """

    cert: Name | None = None
    key: Name | None = None
    client_ca: Name | None = None


def certificate_files(section: TlsSection) -> tuple[str, str]:
    """Return the files of certificate and key; raise `ConfigurationError` unless both are named."""
    if section.cert is None or section.key is None:
        missing = "cert" if section.cert is None else "key"
        raise ConfigurationError(f"tls.{missing} is not set, and a listener is to be encrypted")
    return section.cert, section.key


class ClientSection(Section, frozen=True):
    """Who may call, by a token or a certificate.

    Attributes:
        token_sha256: the SHA-256 of its token, or several; `ratd token NAME` makes one.
        certificates: names in its certificate: DNS names, addresses or URIs among the subject's alternative names.
        models: patterns of the models that it may use (`*` for anything).
        admin: whether it may administrate.
        calls: under way at once, in place of `server.limits.client_calls`.
        streams: under way at once, in place of `server.limits.client_streams`.
        rate: calls a second, in place of `server.limits.rate`.
        burst: in place of `server.limits.burst`.
    """

    secret: ClassVar[frozenset[str]] = frozenset({"token_sha256"})
    forms: ClassVar[Mapping[str, str]] = {"token_sha256": r"[0-9a-f]{64}"}
    token_sha256: str | list[str] = []
    certificates: list[Name] = []
    models: list[Name] = msgspec.field(default_factory=lambda: ["*"])
    admin: bool = False
    calls: Count | None = None
    streams: Count | None = None
    rate: Annotated[float, msgspec.Meta(ge=0, le=FINITE)] | None = None
    burst: Count | None = None

    def check_whole(self) -> None:
        """Raise `ConfigurationError` for a client that nothing tells from others."""
        if not self.digests and not self.certificates:
            raise ConfigurationError("it needs token_sha256, as `ratd token NAME` prints it, or certificates")

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of each token."""
        given = self.token_sha256
        return (given,) if isinstance(given, str) else tuple(given)


def check_listeners(listeners: list[ListenerSection]) -> None:
    """Raise `ConfigurationError` where two have one name or one address."""
    for what in ("name", "address"):
        values = [getattr(one, what) for one in listeners]
        twice = next((value for value in values if values.count(value) > 1 and not value.endswith(":0")), None)
        if twice is not None:
            raise ConfigurationError(f"two have the {what} {twice}")


def check_names(clients: Iterable[str]) -> None:
    """Raise `ConfigurationError` for the name of a client that is of other letters, or too long."""
    wrong = next((name for name in clients if not CLIENT_NAME.fullmatch(name)), None)
    if wrong is not None:
        raise ConfigurationError(f"the name {quote(wrong)} must be of letters, digits and _ . @ -, at most 64")


CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
