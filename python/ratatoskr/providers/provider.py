"""The glue of every provider that is spoken to over HTTP: settle, encode, send, decode; one try, no retry."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ratatoskr.errors import InvalidInput, MalformedResponse, RatatoskrError, UnsupportedParameter
from ratatoskr.models.rules import rules_for
from ratatoskr.providers.adapt import AdaptedRequest, apply_rules
from ratatoskr.providers.errors import error_of
from ratatoskr.providers.keys import KeyRing
from ratatoskr.providers.model_list import parse_model_list
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.specs import ProviderSpec
from ratatoskr.providers.stream import WireStream, filtered, is_filtered
from ratatoskr.transport.client import Framing, HttpReply, HttpRequest, Transport
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest, ChatResponse, RawResponse
from ratatoskr.types.message import Message
from ratatoskr.types.model import ModelInfo, ParameterChange, Plan
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.tool import ProviderTool
from ratatoskr.wire.dialect import Dialect, Encoded, Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.turn import TurnBuilder

CONVERSATION = frozenset({"messages", "contents", "input", "instructions", "system", "systemInstruction", "prompt"})
"""Members of requests that hold what people said; a plan leaves them out."""

HIDDEN_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key"})
"""Left out of `RawResponse.headers`."""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise InvalidInput(f"{type(value).__name__} has no JSON form", field="raw_provider_options")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


@dataclass(frozen=True, slots=True)
class _Way:
    """How one model is asked: the same for every request."""

    target: Target
    dialect: Dialect
    parameters: frozenset[str]


_KNOWN_MODELS = 1024
"""Models are few; more than this come from a caller who makes names up."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent, and how it came to be."""

    target: Target
    dialect: Dialect
    settled: AdaptedRequest
    encoded: Encoded = field(repr=False)
    url: str
    body: bytes = field(repr=False)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the caller should know about it."""
        return (*self.settled.notices, *self.encoded.notices)


class WireProvider:
    """One provider, by its row.

    Args:
        row: address, key header, dialects, quirks.
        transport: carries the bytes.
        keys: of which one is used a try; may be empty.
        base_url: in place of the row's.
        headers: added to every request.
        api: which endpoint family to use where the row has several: `auto` leaves it to the model's rules.
    """

    def __init__(
        self,
        row: ProviderSpec,
        transport: Transport,
        keys: Sequence[Secret] = (),
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        api: str = "auto",
    ) -> None:
        self.name = row.name
        self.row = row
        self.base_url = (base_url or row.base_url).rstrip("/")
        self.api = api
        self._transport = transport
        self._keys = KeyRing(keys)
        self._headers = (("content-type", "application/json"), *(headers or {}).items())
        self._ways: dict[tuple[str, bool], _Way] = {}

    def target(self, model: str, *, generate: bool = False) -> Target:
        """Return what is known of a model here."""
        rules = rules_for(self.name, model, api=self.api)
        family = rules.endpoint if rules.endpoint in self.row.dialects else next(iter(self.row.dialects))
        flags = self.row.flags | rules.flags if rules.flags else self.row.flags
        if generate:
            flags |= {"generate"}
        return Target(self.name, model, family, rules, flags)

    def _way(self, call: CallOptions) -> _Way:
        """Return how a model is asked, looked up once."""
        key = (call.model, call.generate)
        way = self._ways.get(key)
        if way is None:
            target = self.target(call.model, generate=call.generate)
            dialect = dialect_of(self.row.dialects[target.family])
            way = _Way(target, dialect, dialect.PARAMETERS - self.row.refused)
            if len(self._ways) >= _KNOWN_MODELS:
                self._ways.clear()
            self._ways[key] = way
        return way

    def prepare(self, request: ChatRequest, call: CallOptions, *, stream: bool) -> Prepared:
        """Say the request in the provider's words, without sending it.

        Raises:
            InvalidInput: it cannot be said; `field` names what.
        """
        way = self._way(call)
        target, dialect = way.target, way.dialect
        for tool in request.tools:
            if isinstance(tool, ProviderTool) and tool.provider != self.name:
                raise UnsupportedParameter(f"a tool of {tool.provider} cannot run at {self.name}", field="tools")
        settled = apply_rules(
            request,
            provider=self.name,
            model=call.model,
            rules=target.rules,
            parameters=way.parameters,
            policy=call.policy,
        )
        encoded = dialect.encode_request(settled.request, target, stream=stream)
        body = encoded.body
        if settled.passed:
            body = {**body, **settled.passed}
        if raw := settled.request.options.raw_provider_options:
            body = merged(body, raw)
        return Prepared(target, dialect, settled, encoded, self.base_url + encoded.path, self._encode(body))

    def _encode(self, body: dict[str, Any]) -> bytes:
        try:
            data = _encoder.encode(body)
        except UnicodeEncodeError:
            raise InvalidInput("text with a lone surrogate cannot be sent", field="messages") from None
        except (TypeError, RecursionError, msgspec.EncodeError) as error:
            raise InvalidInput(f"the request has no JSON form: {error}", field="raw_provider_options") from None
        limit = self.row.body_limit
        if limit is not None and len(data) > limit:
            size = f"{len(data) / 2**20:.1f} MiB"
            raise InvalidInput(f"the request has {size}; {self.name} takes {limit / 2**20:.0f}", field="messages")
        return data

    async def chat(self, request: ChatRequest, call: CallOptions) -> ChatResponse[Any]:
        """Answer whole."""
        prepared = self.prepare(request, call, stream=False)
        reply = await self._send(prepared, call, "body")
        try:
            turn = prepared.dialect.decode_response(reply.body, prepared.target)
        except FailureReported as told:
            raise self.told(told.failure, reply, prepared.target) from None
        except RatatoskrError as error:
            raise self.named(error, reply, prepared.target) from None
        response = self.respond(turn, reply, prepared, request.output, reply.body)
        if turn.done and is_filtered(turn):
            raise self.named(filtered(turn, response), reply, prepared.target)
        return response

    async def open(self, request: ChatRequest, call: CallOptions) -> WireStream:
        """Begin a stream."""
        prepared = self.prepare(request, call, stream=True)
        call = replace(call, deadlines=replace(call.deadlines, total=None))
        reply = await self._send(prepared, call, prepared.dialect.FRAMING)
        if not reply.streamed:
            raise self._unstreamed(reply, prepared)
        return WireStream(self, reply, prepared, request.output)

    async def _send(self, prepared: Prepared, call: CallOptions, framing: Framing) -> HttpReply:
        key = self._keys.pick()
        try:
            reply = await self._transport.send(
                HttpRequest(
                    prepared.url,
                    # Never bound to a name, so that no traceback with locals can show the key.
                    (*self._headers, *prepared.encoded.headers, *self._key_header(key)),
                    prepared.body,
                    framing,
                    call.deadlines,
                )
            )
            if not 200 <= reply.status < 300:
                failure = prepared.dialect.decode_error(reply.body)
                raise self._failed(reply.status, failure, reply, prepared.target)
        except RatatoskrError as error:
            error.provider, error.model = self.name, prepared.target.model
            self._keys.failed(key, error)
            raise
        return reply

    def _failed(self, status: int | None, failure: ReportedFailure, reply: HttpReply, target: Target) -> RatatoskrError:
        error = error_of(status, failure, reply.headers, provider=self.name, model=target.model, now=time.time)
        error.request_id = self.request_id(reply)
        return error

    def told(self, failure: ReportedFailure, reply: HttpReply, target: Target) -> RatatoskrError:
        """Return the error that was told inside a 200."""
        return self._failed(None, failure, reply, target)

    def named(self, error: RatatoskrError, reply: HttpReply, target: Target) -> RatatoskrError:
        """Return the error with who was asked for what."""
        error.provider, error.model = self.name, target.model
        error.request_id = error.request_id or self.request_id(reply)
        return error

    def _unstreamed(self, reply: HttpReply, prepared: Prepared) -> RatatoskrError:
        """A 2xx that is no stream: an error told in plain JSON, or not the protocol at all."""
        content_type = reply.headers.get("content-type", "none")
        try:
            body = json.loads(reply.body)
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, list) and body:
            body = body[0]
        if isinstance(body, dict) and body.get("error"):
            return self.told(prepared.dialect.decode_error(reply.body), reply, prepared.target)
        message = f"expected a stream, got content type {content_type[:80]!r}"
        return self.named(MalformedResponse(message, status=reply.status), reply, prepared.target)

    def plan(self, request: ChatRequest, call: CallOptions, why: str) -> Plan:
        """Return what would be sent, the conversation left out; what would be refused is told in the plan."""
        try:
            prepared = self.prepare(request, call, stream=False)
        except RatatoskrError as error:
            refused = f"{error.field}: {error.message}" if error.field else error.message
            return Plan(self.name, call.model, why, refused=refused)
        body = {name: value for name, value in json.loads(prepared.body).items() if name not in CONVERSATION}
        changes = tuple(ParameterChange(c.field, c.before, c.after, c.reason) for c in prepared.settled.changes)
        return Plan(self.name, call.model, why, prepared.url, body, changes)

    async def models(self, deadlines: Deadlines) -> list[ModelInfo]:
        """Return the provider's own list of models."""
        key = self._keys.pick()
        url = self.base_url + self.row.models_path
        reply = await self._transport.send(
            HttpRequest(
                url,
                (*self._headers, *self.row.models_headers, *self._key_header(key)),
                deadlines=deadlines,
                method="GET",
            )
        )
        if reply.status != 200:
            failure = dialect_of(next(iter(self.row.dialects.values()))).decode_error(reply.body)
            raise self._failed(reply.status, failure, reply, Target(self.name, "", ""))
        return parse_model_list(self.name, reply.body, self.row.models_shape)

    def _key_header(self, key: int | None) -> tuple[tuple[str, str], ...]:
        if key is None:
            return ()
        name, before = self.row.key_header
        return ((name, before + self._keys.reveal(key)),)

    def request_id(self, reply: HttpReply) -> str | None:
        """Return the provider's id of the request from the response's headers."""
        for name in self.row.request_id:
            if (value := reply.headers.get(name)) is not None:
                return value
        return None

    def respond(
        self, turn: TurnBuilder, reply: HttpReply, prepared: Prepared, output: Any, body: bytes | None
    ) -> ChatResponse[Any]:
        """Return what a turn has brought as a response."""
        parts = turn.parts()
        reason = turn.finish_reason or "unknown"
        notices = (*prepared.notices, *turn.notices) if prepared.notices or turn.notices else ()
        headers = dict(reply.headers)
        if not HIDDEN_HEADERS.isdisjoint(headers):
            headers = {name: value for name, value in headers.items() if name not in HIDDEN_HEADERS}
        return ChatResponse(
            message=Message("assistant", parts),
            usage=turn.usage,
            cost=turn.cost,
            finish_reason=reason,
            native_finish_reason=turn.native_finish_reason,
            provider=self.name,
            model=turn.model or prepared.target.model,
            request_id=self.request_id(reply) or turn.response_id,
            warnings=notices,
            raw=RawResponse(reply.status, headers, body),
            _output=output,
        )


def dialect_of(package: str) -> Dialect:
    """Import a dialect on use."""
    found = _dialects.get(package)
    if found is None:
        found = _dialects[package] = importlib.import_module(package)  # a module is one
    return found


_dialects: dict[str, Dialect] = {}


def merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return `body` with `extra` laid over it: objects are merged, everything else is replaced."""
    out = dict(body)
    for name, value in extra.items():
        old = out.get(name)
        out[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return out
