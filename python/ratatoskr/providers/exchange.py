"""One request to one provider: sent with its key, and every failed reply turned into an error with its context."""

from __future__ import annotations

import copy
import importlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ratatoskr._log import BODIES
from ratatoskr.errors import RatatoskrError, Timeout
from ratatoskr.providers.errors import build_error, clean_error, clean_word
from ratatoskr.providers.keys import Credential, KeyRing
from ratatoskr.providers.specs import ProviderSpec
from ratatoskr.transport.client import Framing, HttpReply, HttpRequest, Transport
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.token import KeySource
from ratatoskr.version import VERSION
from ratatoskr.wire.dialect import Dialect, Target

if TYPE_CHECKING:
    from ratatoskr.types.chat import ChatOptions
    from ratatoskr.types.rules import ParameterPolicy
    from ratatoskr.wire.failure import ReportedFailure


@dataclass(slots=True)
class Binding:
    """One model at one provider, looked up once and used for every request.

    Attributes:
        target: the provider and the model.
        dialect: the dialect that the model is asked in.
        parameters: the chat parameters that the provider supports.
        accepted: the options and the policy of the last request whose parameters could be sent unchanged.
        is_new: whether nothing has been answered in this way yet.
        until: when it is to be looked up again, where it rests on what the provider has refused.
    """

    target: Target
    dialect: Dialect
    parameters: frozenset[str] = frozenset()
    accepted: tuple[ChatOptions, ParameterPolicy] | None = field(default=None, repr=False)
    until: float | None = None
    is_new: bool = True

    def is_accepted(self, options: ChatOptions, policy: ParameterPolicy) -> bool:
        """Return whether these very options were accepted before, so that they need not be checked again."""
        return self.accepted is not None and self.accepted[0] is options and self.accepted[1] == policy


_logger = logging.getLogger("ratatoskr.http")
_dialects: dict[str, Dialect] = {}


def load_dialect(package: str) -> Dialect:
    """Return a dialect by the name of its package, which is imported at the first use."""
    dialect = _dialects.get(package)
    if dialect is None:
        dialect = _dialects[package] = importlib.import_module(package)  # a module satisfies the Protocol
    return dialect


class ProviderClient:
    """Sends requests to one provider. Each is sent once: retries are made by the caller.

    Args:
        spec: the provider's address, key header and request id headers.
        transport: carries the bytes.
        keys: one is used per request; may be empty. A function is asked for a new token after a 401.
        base_url: replaces the address of the spec.
        headers: added to every request.
    """

    def __init__(
        self,
        spec: ProviderSpec,
        transport: Transport,
        keys: Sequence[Secret | KeySource] = (),
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.name = spec.name
        self.base_url = (base_url or spec.base_url).rstrip("/")
        self._root, _, self._query = self.base_url.partition("?")
        self._version_prefixes = spec.version_prefixes
        self._transport = transport
        self._request_id_headers = spec.request_id
        own = {name: value for name, value in (headers or {}).items() if name.lower() not in spec.list_headers}
        self._lists = {name.lower(): value for name, value in (headers or {}).items() if name not in own}
        fixed = {"content-type": "application/json", "user-agent": f"ratatoskr/{VERSION}"}
        fixed = {name: value for name, value in fixed.items() if name not in map(str.lower, own)}
        self._keys = KeyRing(keys, spec.key_header, (*fixed.items(), *own.items()), token_header=spec.token_header)
        self.redact = self._keys.redact
        self.order_keys = self._keys.order
        self.has_choice = len(keys) > 1

    async def send(
        self,
        binding: Binding,
        path: str,
        body: bytes,
        headers: tuple[tuple[str, str], ...],
        framing: Framing,
        deadlines: Deadlines,
        affinity: bytes | None = None,
        chosen_key: int | None = None,
    ) -> HttpReply:
        """Send a request and return its reply, whose status is 2xx; without a body, the method is GET.

        The request occupies its key until this returns: a stream only until its head has arrived. Where the key is a
        function and the reply has status 401, the request is sent once more with a new token. Requests with the same
        `affinity` have the same key.

        Raises:
            RatatoskrError: the request could not be sent, or its reply has another status.
        """
        key = self._keys.pick(binding.target.model, affinity, chosen_key)
        logs = _logger.isEnabledFor(logging.DEBUG)
        began = time.monotonic() if logs or self._keys.has_functions else 0.0
        if BODIES.enabled:
            url = self.url(path).partition("?")[0]
            BODIES.log("request", provider=self.name, url=url, body=self._text(body))

        try:
            token = await self._keys.credential(key, deadlines) if self._keys.has_functions else None
            if token is None:
                reply = await self._transport.send(self._request(key, path, body, headers, framing, deadlines))
            else:
                left = _what_is_left(deadlines, began)
                reply = await self._transport.send(self._request(key, path, body, headers, framing, left, token))
                if reply.status == 401:
                    token = await self._keys.renew(key, token, _what_is_left(deadlines, began))
                    if token is not None:
                        if logs:
                            self._log(binding.target, began, reply.status, self.request_id(reply))
                        left = _what_is_left(deadlines, began)
                        reply = await self._transport.send(
                            self._request(key, path, body, headers, framing, left, token)
                        )
            if BODIES.enabled and not reply.streamed:
                self.log_reply(reply, reply.body)
            if not 200 <= reply.status < 300:
                # What the body says is never bound to a name either: it may repeat the key.
                raise self.build_error(
                    binding.dialect.decode_error(reply.body), reply, binding.target, status=reply.status
                )
        except RatatoskrError as error:
            error.provider, error.model = self.name, binding.target.model
            clean_error(error, self.redact)
            self._keys.report_failure(key, error, binding.target.model)
            if logs:
                self._log(binding.target, began, error.status, error.request_id)
            raise
        finally:
            self._keys.release(key)
        if logs:
            self._log(binding.target, began, reply.status, None)
        return reply

    def _request(
        self,
        key: int | None,
        path: str,
        body: bytes,
        headers: tuple[tuple[str, str], ...],
        framing: Framing,
        deadlines: Deadlines,
        token: Credential = None,
    ) -> HttpRequest:
        # The headers are never bound to a name, so that no traceback with local variables shows the key.
        return HttpRequest(
            self.url(path),
            self._keys.headers(key, self._add_lists(headers) if self._lists else headers, token),
            body,
            framing,
            deadlines,
            "POST" if body else "GET",
        )

    def planned_headers(self, headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
        """Return the headers of a request, with `[redacted]` in place of secrets."""
        return self._keys.redacted_headers(self._add_lists(headers))

    def _log(self, target: Target, began: float, status: int | None, request_id: str | None) -> None:
        fields = {
            "host": urlsplit(self.base_url).netloc.rpartition("@")[2],
            "provider": self.name,
            "model": target.model,
            "status": status,
            "request_id": request_id,
            "seconds": time.monotonic() - began,
        }
        _logger.debug("response headers" if status else "no response", extra=fields)

    def log_reply(self, reply: HttpReply, data: bytes) -> None:
        """Log what came back, where that was asked for; call it only if `BODIES` is enabled."""
        BODIES.log("response", provider=self.name, status=reply.status, body=self._text(data))

    def _text(self, data: bytes) -> str:
        return self.redact(data.decode("utf-8", "replace"))

    def beside(self, ending: str) -> ProviderClient:
        """Return a client with the same keys for an API beside this one's: without an ending of the base URL."""
        if not ending or not self._root.endswith(ending):
            return self
        client = copy.copy(self)
        client._root = self._root.removesuffix(ending)
        return client

    def url(self, path: str) -> str:
        """Return the URL of an endpoint: with the query of the base URL, and a version that both have only once."""
        if not self._query and not self._version_prefixes:
            return self._root + path
        root = self._root
        for prefix in self._version_prefixes:
            if root.endswith(prefix) and path.startswith(f"{prefix}/"):
                root = root.removesuffix(prefix)
        return f"{root}{path}{'&' if '?' in path else '?'}{self._query}" if self._query else root + path

    def _add_lists(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Return the headers of a request with the caller's values of those that are lists."""
        if not self._lists:
            return headers
        lists = self._lists | {n: f"{self._lists[n]},{value}" for n, value in headers if n in self._lists}
        return (*((name, value) for name, value in headers if name not in lists), *lists.items())

    def build_error(
        self, failure: ReportedFailure, reply: HttpReply, target: Target, *, status: int | None = None
    ) -> RatatoskrError:
        """Return the error for what a body or an event reported; `status` is that of a failed reply."""
        error = build_error(status, failure, reply.headers, provider=self.name, model=target.model, now=time.time)
        error.request_id = self.request_id(reply)
        clean_error(error, self.redact)
        return error

    def add_context(self, error: RatatoskrError, reply: HttpReply, target: Target) -> RatatoskrError:
        """Set the provider, the model and the request id of an error, clean its texts, and return it."""
        error.provider, error.model = self.name, target.model
        error.request_id = error.request_id or self.request_id(reply)
        clean_error(error, self.redact)
        return error

    def request_id(self, reply: HttpReply) -> str | None:
        """Return the provider's id of the request from the reply's headers."""
        headers = reply.headers
        for name in self._request_id_headers:
            if (value := headers.get(name)) is not None:
                return clean_word(value, self.redact)
        return None


def _what_is_left(deadlines: Deadlines, began: float) -> Deadlines:
    """Return the deadlines of a request that is sent later than its attempt began."""
    if deadlines.total is None:
        return deadlines
    left = deadlines.total - (time.monotonic() - began)
    if left <= 0:
        phase = deadlines.total_phase
        error = Timeout(f"timed out after {deadlines.total:.3g} s ({phase}) while waiting for a new token", phase=phase)
        error.queued = True
        raise error
    return replace(deadlines, total=left)
