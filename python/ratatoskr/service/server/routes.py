"""How each method is answered: one function a method, over the capabilities of a backend."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ratatoskr.errors import AuthenticationFailed, InvalidInput, ModelNotFound, PresetNotFound, RatatoskrError
from ratatoskr.gateway.request import check_request
from ratatoskr.gateway.stream import ChatStream
from ratatoskr.service.convert.capability import CAPABILITIES, CHAT_STREAM, GENERATE_STREAM, Rpc
from ratatoskr.service.convert.event import events_to_pb, listed_event_to_pb, listed_generate_event_to_pb
from ratatoskr.service.convert.request import prompt_from_pb, request_from_pb
from ratatoskr.service.convert.response import ATTEMPT, NOTICE, response_to_pb
from ratatoskr.service.methods import ADMIN, MAX_MESSAGE, METHODS, NOT_SERVED, Method
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.accumulator import remainder_of
from ratatoskr.types.chat import ChatRequest, ChatResponse
from ratatoskr.types.event import ChatEvent, Done
from ratatoskr.types.model import Explanation, Health
from ratatoskr.types.plain import Plain
from ratatoskr.types.query import ExplainRequest
from ratatoskr.types.timeouts import DEFAULTS
from ratatoskr.types.tokens import CountRequest
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.backend.protocol import Backend
    from ratatoskr.service.server.call import Call

__all__ = ["Answer", "MethodRoute", "NotServed", "Produce", "routes_of"]

Answer = Callable[["Backend", Any, "Call"], Awaitable[Any]]
"""Returns the message that answers a message."""
Produce = Callable[["Backend", Any, "Call"], AsyncGenerator[Any, None]]
"""Yields the messages that answer a message."""

P = TypeVar("P", bound=Plain)

_SPARE: Final = 0.05
"""Seconds of a caller's deadline that are left for the way back."""
_MAX_EVENTS: Final = 256
"""The most events of one message."""
_NAME_MODELS: Final = ("model", "models", "fallbacks", "preset")
"""Members of a request's JSON that name models at some provider."""
_MAX_OCTETS: Final = MAX_MESSAGE // 4
"""The most bytes of events in one message, so that the opening and the remains have room beside them."""


class NotServed(RatatoskrError):
    """The backend does not have what the method needs; answered with UNIMPLEMENTED."""


@dataclass(frozen=True, slots=True)
class MethodRoute:
    """A method and what answers it.

    Attributes:
        method: of a service.
        answer: for one message.
        produce: for a stream of messages.
        admin: whether the caller must be an administrator.
        kept_free: whether limits keep room for it: health and administration.
    """

    method: Method
    answer: Answer | None = None
    produce: Produce | None = None
    admin: bool = False
    kept_free: bool = False


def routes_of() -> dict[str, MethodRoute]:
    """Return a route for every method, by path; one without an `answer` is not served."""
    routes = {path: MethodRoute(method, admin=method.service == ADMIN) for path, method in METHODS.items()}
    for one in CAPABILITIES:
        name = one.method.name
        answer = _OWN_ANSWERS.get(name, _answer)
        admin = one.method.service == ADMIN
        routes[one.method.path] = MethodRoute(
            one.method, _bind(answer, one), admin=admin, kept_free=admin or name in _KEPT_FREE
        )
    routes[CHAT_STREAM.path] = MethodRoute(CHAT_STREAM, produce=_chat_stream)
    routes[GENERATE_STREAM.path] = MethodRoute(GENERATE_STREAM, produce=_generate_stream)
    for name in ("Preload", "Unload"):
        path = f"/{ADMIN}/{name}"
        routes[path] = MethodRoute(METHODS[path], _model_memory(name.lower()), admin=True, kept_free=True)
    return routes


_KEPT_FREE: Final = frozenset({"Health", "GetCapabilities"})


def _bind(answer: Callable[..., Awaitable[Any]], capability: Rpc) -> Answer:
    return lambda backend, message, call: answer(capability, backend, message, call)


async def _answer(capability: Rpc, backend: Backend, message: Any, call: Call) -> Any:
    """Return the answer of a capability."""
    return _write(capability.answer_to_pb, await _ask(capability, backend, message, call), call)


async def _ask(capability: Rpc, backend: Backend, message: Any, call: Call) -> Any:
    """Return what the backend answers."""
    method = getattr(backend, capability.backend, None)
    if method is None:
        raise NotServed(f"{capability.method.name} {NOT_SERVED}")
    request = prepare(capability.request_from_pb(message), call)
    call.answer = await method(request)
    return call.answer


def prepare(request: Any, call: Call) -> Any:
    """Return a request that is checked, within the caller's deadline and of models that the caller may use."""
    if isinstance(request, ExplainRequest):
        return replace(request, request=_check(request.request, call))
    if isinstance(request, ChatRequest):
        request = _check(request, call)
    elif isinstance(request, CountRequest) and request.chat is not None:
        chat = request.chat
        asked = chat.options.model
        if asked not in (None, request.model):
            raise InvalidInput(
                f"the model of the conversation is {quote(asked)}, that of the count {quote(request.model)}",
                field="model",
            )
        chat = replace(chat, options=replace(chat.options, model=request.model))
        request = replace(request, chat=_check(chat, call))
    elif (model := getattr(request, "model", None)) is not None:
        if not model.strip():
            raise InvalidInput("model is empty", field="model")
        _use(call, (model,))
    remaining = call.time_remaining()
    if remaining is not None and hasattr(request, "timeouts"):
        total = max(remaining - _SPARE, 0.001)
        if total < (request.timeouts.total or DEFAULTS.total or math.inf):
            return replace(request, timeouts=replace(request.timeouts, total=total))
    return request


def _check(request: ChatRequest, call: Call) -> ChatRequest:
    named = request.options.model
    models = (named,) if isinstance(named, str) else tuple(named or ())
    if not models or not all(name.strip() for name in models):
        raise InvalidInput("model is empty", field="model")
    _use(call, (*models, *_models_within(request.options.raw_provider_options or {})))
    return check_request(request)


def _models_within(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield the models in raw options, which a provider takes in place of the request's, or after it."""
    for value in (raw[name] for name in _NAME_MODELS if name in raw):
        for one in value if isinstance(value, list | tuple) else (value,):
            yield str(one.get("model") if isinstance(one, Mapping) else one)


def _use(call: Call, models: tuple[str, ...]) -> None:
    call.models = models
    call.hooks.check_models(call, models)


def _write(to_pb: Callable[..., Any], answer: Any, call: Call) -> Any:
    """Return an answer as a message; a lone surrogate in it becomes U+FFFD."""
    try:
        return to_pb(answer, listed=call.listed)
    except InvalidInput:
        if not isinstance(answer, Plain):
            raise
        return to_pb(_without_surrogates(answer), listed=call.listed)


def _without_surrogates(value: P) -> P:
    """Return an equal value with U+FFFD for each lone surrogate."""
    text = value.to_json().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return type(value).from_json(text)


async def _health(capability: Rpc, backend: Backend, message: Any, call: Call) -> Any:
    """Return the health; origins of keys, paths and addresses are for administrators."""
    health: Health = await _ask(capability, backend, message, call)
    if not call.caller.admin:
        providers = tuple(replace(one, base_url="", key_origin=None, base_url_origin=None) for one in health.providers)
        local = tuple(replace(one, model=one.model.rpartition("/")[2], reason=None) for one in health.local)
        health = replace(health, providers=providers, local=local)
    return _write(capability.answer_to_pb, health, call)


async def _capabilities(capability: Rpc, backend: Backend, message: Any, call: Call) -> Any:
    """Return what can be called, and what one call may hold."""
    names = await _ask(capability, backend, message, call)
    out = capability.answer_to_pb(names, listed=call.listed)
    out.limits.CopyFrom(call.limits())
    return out


async def _explain(capability: Rpc, backend: Backend, message: Any, call: Call) -> Any:
    """Return an explanation; addresses are for administrators."""
    explanation: Explanation = await _ask(capability, backend, message, call)
    if not call.caller.admin:
        plans = tuple(replace(plan, url=None, base_url_origin=None, request=None) for plan in explanation.plans)
        explanation = replace(explanation, plans=plans)
    return _write(capability.answer_to_pb, explanation, call)


async def _look_up(capability: Rpc, backend: Backend, message: Any, call: Call) -> Any:
    """Return what was looked for; a client that knows only the listed fields is told that there is none."""
    try:
        return await _answer(capability, backend, message, call)
    except (ModelNotFound, PresetNotFound):
        if not call.listed:
            raise
        return capability.method.response(found=False)


_OWN_ANSWERS: Final = {
    "Health": _health,
    "GetCapabilities": _capabilities,
    "Explain": _explain,
    "GetModelMetadata": _look_up,
    "FetchModelMetadata": _look_up,
    "ResolvePreset": _look_up,
}


def _model_memory(name: str) -> Answer:
    async def answer(backend: Backend, message: pb.ModelRequest, call: Call) -> pb.ModelResponse:
        method = getattr(backend, name, None)
        if method is None:
            raise NotServed(f"there are no local models here to {name}")
        _use(call, (message.model,))
        await method(message.model)
        return pb.ModelResponse()

    return answer


# streams


def _chat_stream(backend: Backend, message: pb.ChatRequest, call: Call) -> AsyncGenerator[pb.ChatEvent, None]:
    request = prepare(request_from_pb(message), call)
    if call.listed:
        return _listed_messages(backend, request, call)
    return _messages(backend, request, call)


async def _listed_messages(backend: Backend, request: ChatRequest, call: Call) -> AsyncGenerator[pb.ChatEvent, None]:
    async for event in _listed_events(backend, request, call):
        if (out := _write_event(listed_event_to_pb, event)) is not None:
            yield out


async def _generate_stream(
    backend: Backend, message: pb.GenerateRequest, call: Call
) -> AsyncGenerator[pb.GenerateEvent, None]:
    request = prepare(prompt_from_pb(message), call)
    if call.listed:
        async for event in _listed_events(backend, request, call):
            if (out := _write_event(listed_generate_event_to_pb, event)) is not None:
                yield out
    else:
        async for one in _messages(backend, request, call):
            yield pb.GenerateEvent(chat=one)


def _write_event(to_pb: Callable[[ChatEvent], Any], event: ChatEvent) -> Any:
    try:
        return to_pb(event)
    except InvalidInput:
        return to_pb(_without_surrogates(event))


async def _listed_events(backend: Backend, request: ChatRequest, call: Call) -> AsyncGenerator[ChatEvent, None]:
    """Yield the events one by one."""
    stream = ChatStream(lambda: backend.open_stream(request))
    try:
        async for event in stream:
            if call.first_event is None:
                call.first_event = time.monotonic() - call.began
            yield event
        call.answer = stream.response
    finally:
        stream.close()


async def _messages(backend: Backend, request: ChatRequest, call: Call) -> AsyncGenerator[pb.ChatEvent, None]:
    """Yield the events as they come together: the opening with the first, the remains with the last."""
    stream = ChatStream(lambda: backend.open_stream(request))
    try:
        await stream
        call.first_event = time.monotonic() - call.began
        opened = False
        while events := await stream.events():
            messages = _write_events(events)
            if not opened:
                opened = True
                messages[0].opening.CopyFrom(_opening(stream.partial))
            if type(events[-1]) is Done:
                call.answer = stream.response
                messages[-1].remainder.CopyFrom(_remainder(stream.response))
            for one in messages:
                yield one
    finally:
        stream.close()


def _write_events(events: Sequence[ChatEvent]) -> list[pb.ChatEvent]:
    """Return the messages of events: one, or several where it were too long."""
    try:
        out = events_to_pb(events)
    except InvalidInput:
        return _write_events([_without_surrogates(event) for event in events])
    if len(events) == 1 or (len(events) <= _MAX_EVENTS and out.ByteSize() <= _MAX_OCTETS):
        return [out]
    half = len(events) // 2
    return _write_events(events[:half]) + _write_events(events[half:])


def _opening(partial: ChatResponse[Any]) -> pb.StreamOpening:
    return pb.StreamOpening(
        provider=partial.provider,
        model=partial.model,
        request_id=partial.request_id,
        warnings=[NOTICE.to_pb(notice) for notice in partial.warnings],
        attempts=[ATTEMPT.to_pb(attempt) for attempt in partial.attempts],
    )


def _remainder(response: ChatResponse[Any]) -> pb.ChatResponse:
    try:
        return response_to_pb(remainder_of(response), listed=False)
    except InvalidInput:
        return response_to_pb(remainder_of(_without_surrogates(response)), listed=False)


def require_admin(route: MethodRoute, call: Call) -> None:
    """Raise `AuthenticationFailed` for a method of administration that the caller may not use."""
    if route.admin and not call.caller.admin:
        raise AuthenticationFailed(f"{route.method.name} is for administrators")
