"""Loaders of what comes from and goes to providers: arguments of calls, histories, answers, streams, errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ratatoskr import ChatOptions, EmbedRequest, JsonSchema, Message, RatatoskrError, Timeouts, ToolDefinition
from ratatoskr._core import SseParser
from ratatoskr.gateway.request import request_of
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs import SPECS
from ratatoskr.testing.dialects.dialect import IdSequence, Problem, ScriptedDialect
from ratatoskr.testing.routes import DIALECTS
from ratatoskr.testing.schema import example_of
from ratatoskr.testing.turns import ParsedRequest, ScriptedToolCall, ScriptedTurn, TokenCounts
from ratatoskr.transport.client import Deadlines, HttpRequest
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.message import dump_messages
from ratatoskr.types.secret import Secret
from sweep.files import SCHEMA
from sweep.loader import Loader, Seed
from sweep.plain_data import HISTORY, OPENAI, use

PROVIDERS = {  # by the name of the dialect: the provider and the model
    "anthropic": ("anthropic", "claude-sonnet-5", "auto"),
    "chat_completions": ("openai", "gpt-4.1", "chat_completions"),
    "gemini": ("google", "gemini-3.5-flash", "auto"),
    "ollama": ("ollama", "qwen3.5:2b", "auto"),
    "responses": ("openai", "gpt-5.4", "responses"),
    "openrouter": ("openrouter", "anthropic/claude-sonnet-5", "auto"),
    "mistral": ("mistral", "mistral-large-latest", "auto"),
}
TURN = ScriptedTurn(
    "Hello there",
    reasoning="They greet me.",
    tool_calls=[ScriptedToolCall("weather", {"city": "Paris", "days": [1, 2]}), ScriptedToolCall("time", {})],
    usage=TokenCounts(5, 6, 7, 8, 9),
)
HEADERS = {
    "content-type": "application/json",
    "retry-after": "1.5",
    "x-request-id": "req_1",
    "x-ratelimit-reset-requests": "6m0s",
    "x-ratelimit-remaining-requests": "0",
}


class _Reply:
    """A reply of what a provider sent."""

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, events: list[tuple[str, bytes]] | None
    ) -> None:
        self.status, self.headers, self.body = status, headers, body
        self.streamed = events is not None
        self._batches = [events, None] if events else [None]

    async def batch(self) -> list[tuple[str, bytes]] | None:
        return self._batches.pop(0)

    def close(self) -> None:
        pass

    release = close


class _Transport:
    """Answers each request with `reply`."""

    loop_bound = False

    def __init__(self) -> None:
        self.reply = _Reply(200, {}, b"{}", None)

    async def send(self, request: HttpRequest) -> _Reply:
        json.loads(request.body or b"{}")
        return self.reply

    async def preconnect(self, urls: Any) -> None:
        pass

    async def aclose(self) -> None:
        pass


def _provider(name: str) -> tuple[HttpProvider, _Transport, CallOptions]:
    provider, model, api = PROVIDERS[name]
    transport = _Transport()
    call = CallOptions(model, Deadlines(), "drop")
    return HttpProvider(SPECS[provider], transport, [Secret("sk-canary-77")], api=api), transport, call  # type: ignore[arg-type]


def complete(coroutine: Any) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


# Requests


def _send_to_all(request: ChatRequest, providers: Any) -> None:
    """Send a request to every provider; raise the last error if none could send it."""
    errors: list[RatatoskrError] = []
    for provider, _, call in providers:
        try:
            complete(provider.chat(request, call))
        except RatatoskrError as error:
            str(error)
            errors.append(error)
    if len(errors) == len(providers):
        raise errors[-1]


def _arguments(value: Any, providers: Any) -> None:
    if type(value) is not dict:
        return
    known = {name: value[name] for name in ARGUMENTS if name in value}
    tools, form = known.get("tools"), known.get("response_format")
    if type(tools) is list:
        known["tools"] = [_made(ToolDefinition, tool) for tool in tools]
    known["response_format"] = _made(JsonSchema, form)
    if isinstance(known["response_format"], JsonSchema):
        repr(known["response_format"])
    messages = known.pop("messages", "Hi")
    _send_to_all(request_of(messages, "a:b", **known), providers)


def _made(cls: Any, fields: Any) -> Any:
    """Return an object of the fields that are given; what is not a dict of all of them, unchanged."""
    if type(fields) is not dict or not set(REQUIRED[cls]) <= fields.keys():
        return fields
    return cls(**{name: item for name, item in fields.items() if name in cls.__match_args__})


REQUIRED = {ToolDefinition: ("name", "description", "parameters"), JsonSchema: ("name", "schema")}
ARGUMENTS = {
    "messages": [*OPENAI, {"role": "user", "content": "more"}],
    "tools": [{"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}],
    "tool_choice": "f",
    "output": None,
    "response_format": {"name": "answer", "schema": SCHEMA, "strict": True},
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "max_tokens": 100,
    "stop": ["a", "b"],
    "seed": 7,
    "frequency_penalty": 0.5,
    "presence_penalty": -0.5,
    "parallel_tool_calls": False,
    "reasoning": "low",
    "cache_prompt": True,
    "logprobs": 2,
    "user": "u",
    "service_tier": "auto",
    "metadata": {"a": "b"},
    "raw_provider_options": {"x": {"y": [1, {"z": None}]}, "text": {"a": 1}},
    "timeout": 5.0,
}


def _history(text: bytes, providers: Any) -> None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(data, dict) and isinstance(data.get("messages"), list):
        _send_to_all(request_of([Message.from_dict(one) for one in data["messages"]]), providers)


def _options(value: Any, _: Any) -> None:
    if type(value) is dict:
        repr(ChatOptions(**{name: item for name, item in value.items() if name in ChatOptions.__match_args__}))


def _embed_request(value: Any, _: Any) -> None:
    if type(value) is dict and {"texts", "model"} <= value.keys():
        repr(EmbedRequest(**{name: item for name, item in value.items() if name in EmbedRequest.__match_args__}))


def _timeouts(value: Any, _: Any) -> None:
    if type(value) is dict:
        repr(Timeouts(**{name: item for name, item in value.items() if name in Timeouts.__match_args__}))


# Answers


def _answers(parts: tuple[HttpProvider, _Transport, CallOptions], status: int = 200) -> Callable[[bytes, Any], None]:
    provider, transport, call = parts
    request = request_of("Hi")

    def load(body: bytes, _: Any) -> None:
        transport.reply = _Reply(status, HEADERS, body, None)
        response = complete(provider.chat(request, call))
        use(response)
        for one in response.tool_calls:
            one.name.encode("utf-8", "surrogatepass")

    return load


def _streams(parts: tuple[HttpProvider, _Transport, CallOptions]) -> Callable[[Any, Any], None]:
    provider, transport, call = parts
    request = request_of("Hi")

    def load(events: list[tuple[str, bytes]], _: Any) -> None:
        transport.reply = _Reply(200, HEADERS, b"", events)
        stream = complete(provider.open(request, call))
        try:
            while True:
                for event in complete(stream.batch()):
                    event.to_json()
                if stream._decoder.turn.done:
                    break
        finally:
            use(stream.response())

    return load


def _headers(value: Any, parts: tuple[HttpProvider, _Transport, CallOptions]) -> None:
    provider, transport, call = parts
    headers = (
        {str(name): str(item)[:10_000] for name, item in value.items() if type(item) in (str, float)}
        if type(value) is dict
        else {}
    )
    transport.reply = _Reply(429, headers, b"{}", None)
    complete(provider.chat(request_of("Hi"), call))


def _models(parts: tuple[HttpProvider, _Transport, CallOptions]) -> Callable[[bytes, Any], None]:
    provider, transport, _ = parts

    def load(body: bytes, _: Any) -> None:
        transport.reply = _Reply(200, HEADERS, body, None)
        for model in complete(provider.models(Deadlines())):
            use(model)

    return load


def _sse(data: bytes, framing: Any) -> None:
    parser = SseParser(framing)
    for start in range(0, len(data), 7000):
        parser.feed(data[start : start + 7000])
    parser.finish()


def _example(text: bytes, _: Any) -> None:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return
    example_of(schema)


def _events(body: bytes, dialect: ScriptedDialect) -> list[list[Any]]:
    """Return a scripted stream as a tree of names and data."""
    parser = SseParser("ndjson" if dialect.name == "ollama" else "sse")
    found = [*parser.feed(body), *parser.finish()]
    return [[name, "[DONE]" if data == b"[DONE]" else json.loads(data)] for name, data in found]


def loaders() -> Iterator[Loader]:
    """Yield the loaders of wires."""
    every = [_provider(name) for name in PROVIDERS]
    topics = (
        ("messages",),
        ("tools", "tool_choice"),
        ("response_format",),
        ("raw_provider_options", "metadata"),
        ("output",),
    )
    seeds = [Seed({name: ARGUMENTS[name] for name in topic}, every) for topic in topics]
    yield Loader("arguments of chat, 7 providers", "object", [Seed(ARGUMENTS, every), *seeds], _arguments, share=4)
    histories = json.loads(dump_messages([*HISTORY, Message.user("more")]))
    yield Loader("histories, 7 providers", "json", [Seed(histories, every)], _history, share=2)
    options = {name: item for name, item in ARGUMENTS.items() if name in ChatOptions.__match_args__}
    yield Loader("ChatOptions", "object", [Seed({**options, "model": ["a:b", "c:d"]})], _options)
    texts = {"texts": ["a", "b"], "model": "m", "input_type": "query", "dimensions": 3, "truncate": True}
    yield Loader("EmbedRequest", "object", [Seed(texts)], _embed_request, share=0.5)
    yield Loader("Timeouts", "object", [Seed({"connect": 1.5, "total": 5})], _timeouts, share=0.5)
    for name, dialect in DIALECTS.items():
        parts = _provider(name)
        provider, model, _ = PROVIDERS[name]
        whole, streamed = (
            ParsedRequest(
                provider, model, stream, "Hi", variant=_VARIANT.get(name, ""), include_usage=True, thinking=True
            )
            for stream in (False, True)
        )
        body = b"".join(dialect.reply(TURN, whole, IdSequence()).events)
        yield Loader(f"answers, {name}", "json", [Seed(json.loads(body))], _answers(parts), share=1.5)
        events = _events(b"".join(dialect.reply(TURN, streamed, IdSequence()).events), dialect)
        yield Loader(f"streams, {name}", "events", [Seed(events)], _streams(parts), share=1.5)
        problems = (Problem(429, "rate_limit", retry_after=1.5), Problem(400, "context_length", field="messages"))
        errors = [Seed(dialect.error_body(problem, provider, IdSequence())) for problem in problems]
        yield Loader(f"errors, {name}", "json", errors, _answers(parts, 429))
        yield Loader(f"errors under 200, {name}", "json", errors, _answers(parts))
    chat = _provider("chat_completions")
    yield Loader("headers of a reply", "object", [Seed(HEADERS, chat)], _headers)
    yield Loader("lists of models, data", "json", [Seed({"data": [{"id": "a", "context_length": 5}]})], _models(chat))
    listed = Seed({"models": [{"name": "models/a", "context_length": None}]})
    yield Loader("lists of models, models", "json", [listed], _models(_provider("gemini")))
    raw = b"event: a\ndata: {}\nid: 1\nretry: 5\n\n: comment\n\ndata: [DONE]\n\n"
    yield Loader("event streams", "bytes", [Seed(raw, "sse"), Seed(b'{"a":1}\n{"b":2}\n', "ndjson")], _sse)
    yield Loader("schemas of the scripted upstream", "json", [Seed(SCHEMA)], _example)


_VARIANT = {"gemini": "sse", "ollama": "chat"}
