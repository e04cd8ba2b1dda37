"""A chat provider that is reached over HTTP: encodes a request, sends it once, decodes the reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from ratatoskr.errors import InvalidInput, MalformedResponse, RatatoskrError, UnsupportedParameter
from ratatoskr.models.knowledge import FITS
from ratatoskr.models.rules import rules_for
from ratatoskr.providers.adapt import apply_rules, check_tool_names
from ratatoskr.providers.affinity import prompt_affinity
from ratatoskr.providers.discovery import Refusals, find_refused
from ratatoskr.providers.exchange import Binding, ProviderClient, load_dialect
from ratatoskr.providers.model_list import parse_model_list
from ratatoskr.providers.parameters import describe_parameters
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.response import build_filter_error, build_response, is_filtered
from ratatoskr.providers.specs import SWITCHES, ProviderSpec
from ratatoskr.providers.stream import HttpStream
from ratatoskr.transport.client import HttpReply, Transport
from ratatoskr.types.attempt import Notice
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.metadata import Parameter
from ratatoskr.types.model import ModelInfo, Plan, PlannedRequest
from ratatoskr.types.rules import ParameterPolicy
from ratatoskr.types.secret import Secret
from ratatoskr.types.timeouts import Deadlines
from ratatoskr.types.token import KeySource
from ratatoskr.types.tokens import CountRequest, TokenCount
from ratatoskr.types.tool import ProviderTool
from ratatoskr.types.visible import escape_hidden
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.history import STORED_CONTEXT, repair_messages

CONVERSATION = frozenset({"messages", "contents", "input", "instructions", "system", "systemInstruction", "prompt"})
"""Members of request bodies that hold the conversation; a plan leaves them out."""

_MAX_BINDINGS = 1024
"""The most models that are remembered: their names may come from the caller's users."""


class HttpProvider:
    """One provider, described by its spec.

    Args:
        spec: address, key header, dialects, quirks.
        transport: carries the bytes.
        keys: one is used per request; may be empty.
        base_url: replaces the address of the spec.
        headers: added to every request.
        deployments: names of models with those of their deployments, which are sent in their place.
        api: the dialect to use where the provider has several; `auto` leaves it to the model's rules.
        notices: about the configuration; every response has them.
    """

    def __init__(
        self,
        spec: ProviderSpec,
        transport: Transport,
        keys: Sequence[Secret | KeySource] = (),
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        api: str = "auto",
        deployments: Mapping[str, str] | None = None,
        notices: Sequence[Notice] = (),
    ) -> None:
        self.name = spec.name
        self._spec = spec
        self._client = ProviderClient(spec, transport, keys, base_url=base_url, headers=headers)
        self._api = api
        self._deployments = deployments or {}
        self._models = {deployment: model for model, deployment in self._deployments.items()}
        # Azure's older form has the deployment in the path.
        self._by_path = bool(spec.api_version_variable) and urlsplit(self.base_url).path.endswith("/openai")
        self._notices = notices
        self.key_count = len(keys)
        self._bindings: dict[tuple[str, str], Binding] = {}
        self._refusals = Refusals()

    @property
    def spec(self) -> ProviderSpec:
        """The provider's row."""
        return self._spec

    @property
    def chats(self) -> bool:
        """Whether it has chat models."""
        return "chat" in self._spec.capabilities

    @property
    def lists_models(self) -> bool:
        """Whether it has a list of its models."""
        return "models" in self._spec.capabilities

    @property
    def client(self) -> ProviderClient:
        """What sends its requests, with its keys."""
        return self._client

    @property
    def base_url(self) -> str:
        """The address of the provider's API."""
        return self._client.base_url

    def address(self, path: str, body: dict[str, Any], model: str) -> str:
        """Return the path of a model's endpoint, and name its deployment in the body where the provider has them."""
        if not self._spec.api_version_variable:
            return path
        encoded = Encoded(path, body)
        self._name_deployment(encoded, model)
        return encoded.path

    async def chat(self, request: ChatRequest, call: CallOptions) -> ChatResponse[Any]:
        """Return the answer to a request.

        Raises:
            RatatoskrError: there is no answer; `InvalidInput` if nothing was sent.
        """
        client, binding = self._client, self._bind(call.model, request.kind)
        target = binding.target
        encoded = self._encode(request, binding, call.policy, stream=False)
        body = self._serialize(encoded.body)
        if len(body) > FITS and call.knowledge is not None:
            encoded.notices += call.knowledge.check_window(request, self.name, call.model, len(body))
        affinity = prompt_affinity(request) if client.has_choice else None
        try:
            reply = await client.send(
                binding, encoded.path, body, encoded.headers, "body", call.deadlines, affinity, call.key
            )
        except InvalidInput as error:
            self._learn(error, request, binding)
            raise
        if binding.is_new:
            self._note_retirement(binding, call, encoded)
        try:
            turn = binding.dialect.decode_response(reply.body, target)
        except FailureReported as reported:
            raise client.build_error(reported.failure, reply, target) from None
        except RatatoskrError as error:
            raise client.add_context(error, reply, target) from None
        response = build_response(
            turn,
            reply,
            target,
            client.request_id(reply),
            tuple(encoded.notices),
            request.output,
            reply.body,
            client.redact,
            call.pricing,
        )
        if turn.done and is_filtered(turn):
            raise client.add_context(build_filter_error(turn, response), reply, target)
        return response

    async def open(self, request: ChatRequest, call: CallOptions) -> HttpStream:
        """Send a request and return the stream of its answer.

        Raises:
            RatatoskrError: there is no stream; `InvalidInput` if nothing was sent.
        """
        client, binding = self._client, self._bind(call.model, request.kind)
        encoded = self._encode(request, binding, call.policy, stream=True)
        body = self._serialize(encoded.body)
        if len(body) > FITS and call.knowledge is not None:
            encoded.notices += call.knowledge.check_window(request, self.name, call.model, len(body))
        limits = call.deadlines
        deadlines = Deadlines(limits.connect, limits.first_byte, limits.idle, None, limits.total_phase)
        affinity = prompt_affinity(request) if client.has_choice else None
        framing = binding.dialect.FRAMING
        try:
            reply = await client.send(
                binding, encoded.path, body, encoded.headers, framing, deadlines, affinity, call.key
            )
        except InvalidInput as error:
            self._learn(error, request, binding)
            raise
        if binding.is_new:
            self._note_retirement(binding, call, encoded)
        if not reply.streamed:
            raise self._build_not_streamed_error(reply, binding)
        return HttpStream(client, binding, reply, tuple(encoded.notices), request.output, call.pricing)

    def plan(self, request: ChatRequest, call: CallOptions, why: str, *, body: bool = False) -> Plan:
        """Return what `chat` would send, the conversation only with `body`; a refusal is part of the plan."""
        try:
            encoded = self._encode(request, self._bind(call.model, request.kind), call.policy, stream=False)
            members = json.loads(self._serialize(encoded.body))
        except RatatoskrError as error:
            refused = f"{error.field}: {error.message}" if error.field else error.message
            return Plan(self.name, call.model, why, refused=refused)
        url = self._client.url(encoded.path)
        sent = {name: value for name, value in members.items() if name not in CONVERSATION}
        headers = self._client.planned_headers(encoded.headers) if body else {}
        planned = PlannedRequest("POST", url, headers, members) if body else None
        return Plan(self.name, call.model, why, url, sent, encoded.changes, request=planned)

    def order_keys(self, request: object, model: str) -> list[int]:
        """Return the keys that a request may use, the preferred one first, for `CallOptions.key`."""
        affinity = prompt_affinity(request) if isinstance(request, ChatRequest) else None  # texts to embed have none
        return self._client.order_keys(model, affinity)

    @property
    def counts_tokens(self) -> bool:
        """Whether the provider has an address that counts the tokens of a request."""
        return bool(self._spec.counts_by)

    async def count_tokens(self, request: CountRequest, call: CallOptions) -> TokenCount:
        """Return the provider's own count; raises `RatatoskrError`."""
        from ratatoskr.providers.tokens import ask_count

        binding = self._bind(call.model, "chat", self._spec.counts_by)
        policy = call.policy
        return await ask_count(
            self._client,
            binding,
            request,
            call,
            lambda chat: self._encode(chat, binding, policy, stream=False),
            self._serialize,
        )

    async def models(self, deadlines: Deadlines) -> list[ModelInfo]:
        """Return the provider's own list of models.

        Raises:
            InvalidInput: the provider has no such list.
            RatatoskrError: it was not returned, or the reply reports an error in its place.
        """
        spec = self._spec
        if "models" not in spec.capabilities:
            raise InvalidInput(f"{spec.title} has no list of models here", provider=self.name)
        binding = Binding(Target(self.name, "", ""), load_dialect(next(iter(spec.dialects.values()))))
        reply = await self._client.send(binding, spec.models_path, b"", spec.models_headers, "body", deadlines)
        if (reported := self._find_reported_error(reply, binding)) is not None:
            raise reported
        try:
            return parse_model_list(self.name, reply.body, spec.models_shape)
        except MalformedResponse as error:
            raise self._client.add_context(error, reply, binding.target) from None

    def _bind(self, model: str, kind: str, dialect_name: str = "") -> Binding:
        """Return what is known about a model, looked up once; with the name of a dialect, as asked in that one."""
        key = (model, f"{kind} {dialect_name}" if dialect_name else kind)
        binding = self._bindings.get(key)
        if binding is None or (binding.until is not None and self._refusals.is_over(binding.until)):
            spec = self._spec
            rules = rules_for(self.name, self._models.get(model, model), api=self._api)
            name = rules.endpoint if rules.endpoint in spec.dialects else next(iter(spec.dialects))
            if dialect_name and dialect_name != name:
                rules, name = rules_for(self.name, self._models.get(model, model), api=dialect_name), dialect_name
            if not SWITCHES.isdisjoint(spec.flags) and rules.thinking == "effort" and rules.off == "none":
                rules = replace(rules, thinking="switch", efforts={}, off="disabled")
            refused, until = self._refusals.find(model)
            if refused:
                rules = replace(rules, refused=refused)
            flags = spec.flags | rules.flags | ({"generate"} if kind == "generate" else frozenset())
            dialect = load_dialect(spec.dialects[name])
            target = Target(self.name, model, name, rules, flags)
            binding = Binding(target, dialect, dialect.PARAMETERS - spec.refused, until=until)
            if len(self._bindings) >= _MAX_BINDINGS:
                self._bindings.clear()
            self._bindings[key] = binding
        return binding

    def _note_retirement(self, binding: Binding, call: CallOptions, encoded: Encoded) -> None:
        binding.is_new = False
        if call.knowledge is not None:
            encoded.notices += call.knowledge.tell_of_retirement(self.name, call.model)

    def _learn(self, error: InvalidInput, request: ChatRequest, binding: Binding) -> None:
        """Remember the parameter that an answer has refused, if it names one that was sent."""
        parameter = find_refused(error, request, binding.target.dialect)
        if parameter is not None:
            self._refusals.add(binding.target.model, parameter)
            for kind in ("chat", "generate"):
                self._bindings.pop((binding.target.model, kind), None)

    def parameters(self, model: str, max_output_tokens: int | None = None) -> dict[str, Parameter]:
        """Return what a model accepts of each parameter of `chat`."""
        binding = self._bind(model, "chat")
        return describe_parameters(binding.target.rules, binding.parameters, self.name, max_output_tokens)

    def _encode(self, request: ChatRequest, binding: Binding, policy: ParameterPolicy, *, stream: bool) -> Encoded:
        """Return the request in the provider's dialect, its parameters adapted to the model.

        Raises:
            InvalidInput: the request cannot be sent; `field` names the argument.
        """
        target, options = binding.target, request.options
        raw = options.raw_provider_options
        is_whole = not raw or STORED_CONTEXT.isdisjoint(raw)
        messages, repairs = repair_messages(request.messages, target, policy if is_whole else "pass")
        if messages is not request.messages:
            request = replace(request, messages=messages)
        if request.tools:
            for tool in request.tools:
                if isinstance(tool, ProviderTool) and tool.provider != self.name:
                    raise UnsupportedParameter(f"a tool of {tool.provider} cannot run at {self.name}", field="tools")
            check_tool_names(request, target, policy)
        adapted = None
        if request.tool_choice is not None or not binding.is_accepted(options, policy):
            adapted = apply_rules(request, target, binding.parameters, policy)
            request = adapted.request
            if request.tool_choice is None and not adapted.changes:
                binding.accepted = (options, policy)
        encoded = binding.dialect.encode_request(request, target, stream=stream)
        if self._spec.api_version_variable:
            self._name_deployment(encoded, target.model)
        if adapted is not None and adapted.changes:
            encoded.changes = adapted.changes
            encoded.notices[:0] = adapted.notices
            encoded.body.update(adapted.passed)
        if self._notices or repairs:
            encoded.notices += (*self._notices, *repairs)
        if raw:
            encoded.body = merge_objects(encoded.body, raw)
        return encoded

    def _name_deployment(self, encoded: Encoded, model: str) -> None:
        deployment = self._deployments.get(model, model)
        encoded.body["model"] = deployment
        if self._by_path:
            encoded.path = f"/deployments/{quote(deployment, safe='')}{encoded.path}"

    def _serialize(self, body: dict[str, Any]) -> bytes:
        try:
            data = _encoder.encode(body)
        except UnicodeEncodeError:
            raise InvalidInput("text with a lone surrogate cannot be sent", field="messages") from None
        except (TypeError, ValueError, RecursionError, msgspec.EncodeError) as error:
            raise InvalidInput(f"the request has no JSON form: {error}", field="raw_provider_options") from None
        limit = self._spec.body_limit
        if limit is not None and len(data) > limit:
            size, most = f"{len(data) / 2**20:.1f} MiB", f"{limit / 2**20:.0f} MiB"
            raise InvalidInput(f"the request has {size}; {self.name} accepts at most {most}", field="messages")
        return data

    def _build_not_streamed_error(self, reply: HttpReply, binding: Binding) -> RatatoskrError:
        """Return the error for a 2xx reply that is not a stream: what its JSON reports, or an unexpected type."""
        if (reported := self._find_reported_error(reply, binding)) is not None:
            return reported
        content_type = escape_hidden(self._client.redact(reply.headers.get("content-type", "none")), 80)
        message = f"expected a stream, got content type '{content_type}'"
        return self._client.add_context(MalformedResponse(message, status=reply.status), reply, binding.target)

    def _find_reported_error(self, reply: HttpReply, binding: Binding) -> RatatoskrError | None:
        """Return the error that the JSON of a 2xx reply reports, if any."""
        try:
            body = json.loads(reply.body)
        except (ValueError, RecursionError):
            return None
        if isinstance(body, list) and body:
            body = body[0]
        if not isinstance(body, dict):
            return None
        base = body.get("base_resp")  # MiniMax
        if not (body.get("error") or (isinstance(base, dict) and base.get("status_code"))):
            return None
        return self._client.build_error(binding.dialect.decode_error(reply.body), reply, binding.target)


def _to_builtin(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise InvalidInput(f"{type(value).__name__} has no JSON form", field="raw_provider_options")


_encoder = msgspec.json.Encoder(enc_hook=_to_builtin)


def merge_objects(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return `body` with the members of `extra`: objects are merged, other values are replaced."""
    merged = dict(body)
    for name, value in extra.items():
        old = merged.get(name)
        merged[name] = merge_objects(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged
