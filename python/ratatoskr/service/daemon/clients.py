"""Who calls: the clients of the configuration, known by a token, by a certificate, or by the listener that they use."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from ratatoskr.config.sections import ConfigFile
from ratatoskr.config.server import ClientSection, LimitsSection, ListenerSection
from ratatoskr.errors import AuthenticationFailed
from ratatoskr.service.daemon.tokens import digest_of
from ratatoskr.service.server.call import Call, Caller
from ratatoskr.types.visible import escape_hidden

__all__ = ["Client", "Clients"]

_PREFIX: Final = "Bearer "
_ALL: Final = ("*",)


@dataclass(frozen=True, slots=True)
class Client(Caller):
    """A caller with what it may do.

    Attributes:
        models: patterns of the models that it may use.
        calls: under way at once.
        streams: under way at once.
        rate: calls a second; 0 for any number.
        burst: calls at once within the rate.
    """

    models: Sequence[str] = _ALL
    calls: int = 0
    streams: int = 0
    rate: float = 0.0
    burst: int = 1

    def may_use(self, model: str) -> bool:
        """Return whether a model is allowed, by the name that was asked for."""
        if self.models == _ALL:
            return True
        name = model.casefold()
        return any(fnmatchcase(name, pattern.casefold()) for pattern in self.models)


class Clients:
    """The clients of a configuration.

    Args:
        config: in force.
    """

    def __init__(self, config: ConfigFile) -> None:
        limits = config.server.limits
        self._named = {name: _client(name, one, limits) for name, one in config.clients.items()}
        self._digests = [(digest, name) for name, one in config.clients.items() for digest in one.digests]
        self._certificates = {san: name for name, one in config.clients.items() for san in one.certificates}
        self._limits = limits
        self._of_listeners: dict[str, Client] = {}

    def identify(self, call: Call, listener: ListenerSection) -> Client:
        """Return who calls.

        Raises:
            AuthenticationFailed: a token is wrong; or there is none, nor a known certificate, and the listener asks
                for one.
        """
        given = call.metadata.get("authorization")
        if given is not None:
            client = self._of_token(given)
            if client is None:
                raise AuthenticationFailed("this daemon does not know the token")
        else:
            client = self._of_certificate(call) if self._certificates else None
            if client is None and self.asks(listener):
                raise AuthenticationFailed(
                    "this daemon asks for a token: `authorization: Bearer TOKEN`, by token= or --token-file"
                )
        if client is None:
            client = self._anonymous(call, listener)
        if listener.admin and not client.admin:
            return replace(client, admin=True)
        return client

    def asks(self, listener: ListenerSection) -> bool:
        """Return whether callers at a listener must authenticate."""
        return bool(self._named) if listener.authentication is None else listener.authentication

    def _of_token(self, given: Any) -> Client | None:
        token = given if isinstance(given, str) else ""
        if token[: len(_PREFIX)].casefold() != _PREFIX.casefold():
            raise AuthenticationFailed("the metadata `authorization` must be `Bearer TOKEN`")
        digest = digest_of(token[len(_PREFIX) :].strip())
        found = None
        for one, name in self._digests:  # all of them: the time must not tell which one is near
            if hmac.compare_digest(one, digest):
                found = name
        return None if found is None else self._named[found]

    def _of_certificate(self, call: Call) -> Client | None:
        names: Iterable[bytes] = call.context.auth_context().get("x509_subject_alternative_name", ())
        for name in names:
            client = self._certificates.get(name.decode("utf-8", "replace"))
            if client is not None:
                return self._named[client]
        return None

    def _anonymous(self, call: Call, listener: ListenerSection) -> Client:
        """Return the client of unauthenticated callers: one for the listener, or for each address on a network."""
        found = self._of_listeners.get(listener.name)
        if found is None:
            limits = self._limits
            most = limits.client_calls, limits.client_streams, limits.rate, limits.burst
            found = Client(listener.name, False, _ALL, *most)
            if listener.place.loopback:
                self._of_listeners[listener.name] = found
            else:
                found = replace(found, name=f"{listener.name} {escape_hidden(call.peer.rpartition(':')[0], 60)}")
        return found


def _client(name: str, section: ClientSection, limits: LimitsSection) -> Client:
    return Client(
        name,
        section.admin,
        tuple(section.models),
        section.calls or limits.client_calls,
        section.streams or limits.client_streams,
        limits.rate if section.rate is None else section.rate,
        section.burst or limits.burst,
    )
