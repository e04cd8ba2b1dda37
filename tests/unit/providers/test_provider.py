"""A provider over HTTP: one request out, one response or error back, and the plan of what would be sent."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from ratatoskr.errors import (
    AuthenticationFailed,
    ContentFiltered,
    InvalidInput,
    MalformedResponse,
    RatatoskrError,
    RateLimited,
    UnsupportedParameter,
)
from ratatoskr.providers import provider as provider_module
from ratatoskr.providers.protocol import ChatProvider, ListsModels, Plans
from ratatoskr.providers.provider import HttpProvider, merge_objects
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.chat import ChatOptions, ChatRequest, JsonSchema, ReasoningConfig
from ratatoskr.types.message import Message
from ratatoskr.types.model import ModelInfo, ParameterChange, Plan
from ratatoskr.types.part import TextPart
from ratatoskr.types.tool import ProviderTool
from ratatoskr.types.usage import Usage
from unit.providers.fakes import (
    KEY,
    LIMITS,
    PROMPT,
    FakeReply,
    FakeTransport,
    call_options,
    chat_request,
    completion,
    provider_of,
    shown_locals,
)

HEADERS = {"x-request-id": "req_1", "content-type": "application/json", "set-cookie": "s", "x-api-key": "k"}


async def fail(transport: FakeTransport, request: ChatRequest | None = None, **options: Any) -> RatatoskrError:
    with pytest.raises(RatatoskrError) as caught:
        await provider_of(transport).chat(request or chat_request(), call_options(**options))
    return caught.value


async def body_of(spec: str = "openai", request: ChatRequest | None = None, **options: Any) -> dict[str, Any]:
    transport = FakeTransport(FakeReply(completion()))
    await provider_of(transport, spec).chat(request or chat_request(), call_options(**options))
    return transport.body


# Chat


async def test_a_chat_is_one_request_and_one_response() -> None:
    transport = FakeTransport(reply := FakeReply(completion(), headers=HEADERS))
    response = await provider_of(transport).chat(chat_request(), call_options())
    (request,) = transport.requests
    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert (request.method, request.framing, request.deadlines) == ("POST", "body", LIMITS)
    assert transport.body["model"] == "gpt-4o-mini"
    assert transport.body["messages"] == [{"role": "user", "content": PROMPT}]
    assert response.message == Message("assistant", (TextPart("Ratatoskr"),))
    assert response.usage == Usage(input_tokens=9, output_tokens=3, source="provider")
    assert (response.finish_reason, response.native_finish_reason) == ("stop", "stop")
    assert (response.provider, response.model, response.request_id) == ("openai", "gpt-4o-mini-2024-07-18", "req_1")
    assert (response.warnings, response.attempts, response.parsed) == ((), (), None)
    assert response.raw is not None
    assert (response.raw.status, response.raw.body) == (200, reply.body)


async def test_the_raw_headers_hold_no_secret_and_the_replys_own_are_left_alone() -> None:
    reply = FakeReply(completion(), headers=HEADERS)
    response = await provider_of(FakeTransport(reply)).chat(chat_request(), call_options())
    assert response.raw is not None
    assert response.raw.headers == {"x-request-id": "req_1", "content-type": "application/json"}
    assert reply.headers == HEADERS


async def test_model_and_request_id_come_from_the_body_or_the_call_where_no_header_has_them() -> None:
    replies = FakeReply(completion()), FakeReply(completion(id=None, model=None))
    provider = provider_of(FakeTransport(*replies))
    first = await provider.chat(chat_request(), call_options())
    second = await provider.chat(chat_request(), call_options())
    assert (first.request_id, first.model) == ("chatcmpl-1", "gpt-4o-mini-2024-07-18")
    assert (second.request_id, second.model) == (None, "gpt-4o-mini")


async def test_the_output_type_of_the_request_is_that_of_the_response() -> None:
    request = replace(chat_request(), output=int)
    transport = FakeTransport(FakeReply(completion('{"value": 7}')))
    assert (await provider_of(transport).chat(request, call_options())).parsed == 7


@pytest.mark.parametrize("name", SPECS)
async def test_every_provider_satisfies_the_protocols_and_sends_to_its_address(name: str) -> None:
    transport = FakeTransport(FakeReply(status=500))
    provider = provider_of(transport, name)
    chat_provider: ChatProvider = provider
    assert isinstance(provider, ListsModels)
    assert isinstance(provider, Plans)
    with pytest.raises(RatatoskrError):
        await chat_provider.chat(chat_request(), call_options("m"))
    assert transport.requests[0].url.startswith(SPECS[name].base_url + "/")
    assert f"{SPECS[name].key_header[1]}{KEY}" in dict(transport.requests[0].headers).values()


def test_the_address_of_the_spec_can_be_replaced() -> None:
    assert provider_of(FakeTransport()).base_url == "https://api.openai.com/v1"
    assert provider_of(FakeTransport(), base_url="http://localhost:1/v1/").base_url == "http://localhost:1/v1"


@pytest.mark.parametrize(
    ("api", "path"),
    [("auto", "/chat/completions"), ("responses", "/responses"), ("chat_completions", "/chat/completions")],
)
async def test_the_dialect_can_be_chosen_where_a_provider_has_several(api: str, path: str) -> None:
    transport = FakeTransport(FakeReply(status=500))
    with pytest.raises(RatatoskrError):
        await provider_of(transport, api=api).chat(chat_request(), call_options())
    assert transport.requests[0].url == f"https://api.openai.com/v1{path}"


async def test_a_bare_prompt_has_an_endpoint_of_its_own_at_ollama() -> None:
    transport = FakeTransport(FakeReply(status=500), FakeReply(status=500))
    provider = provider_of(transport, "ollama")
    prompt = dataclasses.replace(chat_request(), kind="generate")
    for request in (chat_request(), prompt):
        with pytest.raises(RatatoskrError):
            await provider.chat(request, call_options("qwen3:8b"))
    assert [request.url.rpartition("/")[2] for request in transport.requests] == ["chat", "generate"]


async def test_models_are_forgotten_when_there_are_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "_MAX_BINDINGS", 3)
    provider = provider_of(FakeTransport())
    for number in range(10):
        provider.plan(chat_request(), call_options(f"model-{number}"), "")
        assert len(provider._bindings) <= 3


# Parameters


async def test_parameters_are_adapted_and_the_caller_is_told() -> None:
    transport = FakeTransport(FakeReply(completion()))
    request = chat_request(temperature=0.5, reasoning="max")
    provider = provider_of(transport, api="chat_completions")
    response = await provider.chat(request, call_options("o3", policy="drop"))
    assert "temperature" not in transport.body
    assert transport.body["reasoning_effort"] == "high"
    codes = [(notice.code, notice.field) for notice in response.warnings]
    assert codes == [("reasoning_mapped", "reasoning"), ("parameter_dropped", "temperature")]


async def test_notices_of_the_parameters_come_before_those_of_the_dialect() -> None:
    transport = FakeTransport(FakeReply(completion()))
    tools = (ProviderTool("groq", {"type": "browser_search"}),)
    schema = JsonSchema("answer", {"type": "object"})
    request = replace(chat_request(top_k=1, response_format=schema), tools=tools)
    response = await provider_of(transport, "groq").chat(request, call_options("llama-3.1-8b-instant", policy="drop"))
    assert [notice.field for notice in response.warnings] == ["top_k", "response_format"]


async def test_a_refused_parameter_is_raised_before_sending() -> None:
    transport = FakeTransport()
    error = await fail(transport, chat_request(temperature=0.5), model="o3")
    assert isinstance(error, UnsupportedParameter)
    assert (error.field, error.provider, error.model) == ("temperature", "openai", "o3")
    assert transport.requests == []


async def test_a_parameter_that_is_passed_on_is_a_member_of_the_body() -> None:
    body = await body_of(request=chat_request(top_k=3), policy="pass")
    assert body["top_k"] == 3


async def test_options_that_were_accepted_once_are_not_accepted_elsewhere() -> None:
    options = ChatOptions(temperature=0.5)
    request = ChatRequest((Message.user(PROMPT),), options=options)
    transport = FakeTransport(*(FakeReply(completion()) for _ in range(3)))
    provider = provider_of(transport, api="chat_completions")
    for _ in range(2):
        await provider.chat(request, call_options("gpt-4o-mini"))
        assert transport.body["temperature"] == 0.5
    with pytest.raises(UnsupportedParameter):
        await provider.chat(request, call_options("o3"))
    response = await provider.chat(request, call_options("o3", policy="drop"))
    assert [notice.field for notice in response.warnings] == ["temperature"]


async def test_options_that_were_accepted_under_one_policy_are_checked_under_another() -> None:
    request = chat_request(reasoning="max")
    transport = FakeTransport(FakeReply(completion()), FakeReply(completion()))
    provider = provider_of(transport, api="chat_completions")
    assert (await provider.chat(request, call_options("o3", policy="pass"))).warnings == ()
    assert transport.body["reasoning_effort"] == "max"
    response = await provider.chat(request, call_options("o3", policy="error"))
    assert [notice.code for notice in response.warnings] == ["reasoning_mapped"]
    assert transport.body["reasoning_effort"] == "high"


async def test_options_that_were_accepted_do_not_hide_a_tool_choice() -> None:
    transport = FakeTransport(FakeReply(completion()))
    provider = provider_of(transport, "ollama")
    request = chat_request()
    provider.plan(request, call_options("qwen3:8b"), "")
    plan = provider.plan(replace(request, tool_choice="required"), call_options("qwen3:8b"), "")
    assert plan.refused is not None
    assert plan.refused.startswith("tool_choice: ")


async def test_a_tool_of_another_provider_is_refused() -> None:
    request = replace(chat_request(), tools=(ProviderTool("anthropic", {"type": "web_search"}),))
    error = await fail(FakeTransport(), request)
    assert isinstance(error, UnsupportedParameter)
    assert (error.field, error.message) == ("tools", "a tool of anthropic cannot run at openai")


# The body


async def test_raw_provider_options_are_merged_last() -> None:
    extra = {"model": "other", "stream_options": {"a": 1}, "extra": MappingProxyType({"b": 2})}
    body = await body_of(request=chat_request(temperature=0.5, raw_provider_options=extra))
    assert (body["model"], body["stream_options"], body["extra"]) == ("other", {"a": 1}, {"b": 2})
    assert body["temperature"] == 0.5


@pytest.mark.parametrize(
    ("body", "extra", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}}, {"a": {"b": 1, "c": 3, "d": 4}}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}}, {"a": {"b": {"c": 1, "d": 2}}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
    ],
)
def test_objects_are_merged_and_other_values_replaced(
    body: dict[str, Any], extra: Mapping[str, Any], expected: dict[str, Any]
) -> None:
    before = repr(body)
    assert merge_objects(body, extra) == expected
    assert repr(body) == before


@pytest.mark.parametrize("value", [object(), {1, object()}, math.nan.__class__])
async def test_what_has_no_json_form_is_refused(value: Any) -> None:
    error = await fail(FakeTransport(), chat_request(raw_provider_options={"x": value}))
    assert isinstance(error, InvalidInput)
    assert error.field == "raw_provider_options"
    assert "has no JSON form" in error.message


async def test_a_lone_surrogate_is_refused() -> None:
    error = await fail(FakeTransport(), chat_request(raw_provider_options={"x": "\ud800"}))
    assert isinstance(error, InvalidInput)
    assert "surrogate" in error.message


async def test_a_body_over_the_limit_of_the_provider_is_refused() -> None:
    transport = FakeTransport()
    spec = replace(SPECS["openai"], body_limit=3 * 2**20)
    with pytest.raises(InvalidInput) as caught:
        await provider_of(transport, spec).chat(chat_request("x" * 4 * 2**20), call_options())
    assert caught.value.message == "the request has 4.0 MiB; openai accepts at most 3 MiB"
    assert transport.requests == []


# Errors


async def test_a_failure_in_a_200_is_an_error() -> None:
    body = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    error = await fail(FakeTransport(FakeReply(body, headers=HEADERS)))
    assert isinstance(error, RateLimited)
    assert (error.provider, error.model, error.request_id) == ("openai", "gpt-4o-mini", "req_1")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"choices": []}', b'{"choices": 1}'])
async def test_a_body_that_is_not_of_the_dialect_is_malformed(body: bytes) -> None:
    error = await fail(FakeTransport(FakeReply(body, headers=HEADERS)))
    assert isinstance(error, MalformedResponse)
    assert (error.provider, error.model, error.request_id) == ("openai", "gpt-4o-mini", "req_1")


@pytest.mark.parametrize("reason", ["content_filter", "refusal"])
async def test_an_answer_that_was_filtered_before_any_output_is_an_error_with_its_tokens(reason: str) -> None:
    error = await fail(FakeTransport(FakeReply(completion("", reason), headers=HEADERS)))
    assert isinstance(error, ContentFiltered)
    assert (error.provider, error.model, error.provider_code) == ("openai", "gpt-4o-mini", reason)
    assert error.partial is not None
    assert (error.partial.usage.total_tokens, error.partial.raw) == (12, None)


async def test_an_answer_that_was_filtered_after_some_output_is_a_response() -> None:
    transport = FakeTransport(FakeReply(completion("Rata", "content_filter")))
    response = await provider_of(transport).chat(chat_request(), call_options())
    assert (response.content, response.finish_reason) == ("Rata", "content_filter")


@pytest.mark.parametrize("reply", [FakeReply(status=401), FakeReply(b"<html>"), FakeReply(completion("", "refusal"))])
async def test_a_traceback_with_locals_shows_no_key(reply: FakeReply) -> None:
    error = await fail(FakeTransport(reply))
    assert KEY not in shown_locals(error)


# Plans


def test_a_plan_is_the_request_without_the_conversation() -> None:
    transport = FakeTransport()
    plan = provider_of(transport).plan(chat_request(temperature=0.5), call_options(), "named by its prefix")
    assert transport.requests == []
    assert plan == Plan(
        "openai",
        "gpt-4o-mini",
        "named by its prefix",
        "https://api.openai.com/v1/chat/completions",
        {"model": "gpt-4o-mini", "temperature": 0.5, "store": False},
    )


def test_a_plan_has_the_changes_of_the_parameters() -> None:
    request = chat_request(reasoning=ReasoningConfig(budget_tokens=100), seed=7)
    plan = provider_of(FakeTransport(), api="chat_completions").plan(request, call_options("o3"), "")
    (change,) = plan.changes
    assert isinstance(change, ParameterChange)
    assert (change.field, change.after) == ("reasoning", ReasoningConfig("low"))
    assert plan.sent is not None
    assert plan.sent["reasoning_effort"] == "low"


@pytest.mark.parametrize("name", SPECS)
def test_no_plan_holds_the_conversation(name: str) -> None:
    request = ChatRequest((Message.system("Be terse about ash trees."), Message.user(PROMPT)))
    plan = provider_of(FakeTransport(), name).plan(request, call_options("m"), "")
    assert plan.refused is None
    assert "ash tree" not in repr(plan)


def test_a_refusal_is_part_of_the_plan() -> None:
    plan = provider_of(FakeTransport()).plan(chat_request(temperature=0.5), call_options("o3"), "why")
    assert plan.refused is not None
    assert plan.refused.startswith("temperature: temperature is refused: this model does not accept it")
    assert (plan.provider, plan.model, plan.why, plan.sent) == ("openai", "o3", "why", None)


# The list of models


@pytest.mark.parametrize(
    ("name", "url", "body", "model"),
    [
        ("openai", "https://api.openai.com/v1/models", {"data": [{"id": "o3"}]}, "o3"),
        ("anthropic", "https://api.anthropic.com/v1/models?limit=1000", {"data": [{"id": "c"}]}, "c"),
        ("ollama", "http://localhost:11434/api/tags", {"models": [{"name": "qwen3:8b"}]}, "qwen3:8b"),
    ],
)
async def test_the_list_of_models_is_asked_for(name: str, url: str, body: dict[str, Any], model: str) -> None:
    transport = FakeTransport(FakeReply(body))
    assert await provider_of(transport, name).models(LIMITS) == [ModelInfo(f"{name}:{model}", name, model)]
    (request,) = transport.requests
    assert (request.method, request.url, request.body, request.deadlines) == ("GET", url, b"", LIMITS)
    assert dict(SPECS[name].models_headers).items() <= dict(request.headers).items()
    assert any(KEY in value for _, value in request.headers)


async def test_a_list_of_models_that_is_refused_is_an_error_of_the_provider() -> None:
    body = {"error": {"message": "bad key", "code": "invalid_api_key"}}
    transport = FakeTransport(FakeReply(body, 401, HEADERS))
    with pytest.raises(AuthenticationFailed) as caught:
        await provider_of(transport).models(LIMITS)
    assert (caught.value.provider, caught.value.request_id) == ("openai", "req_1")
    assert KEY not in shown_locals(caught.value)


async def test_a_list_of_models_that_is_none_is_malformed() -> None:
    with pytest.raises(MalformedResponse):
        await provider_of(FakeTransport(FakeReply(b"<html>"))).models(LIMITS)


def test_a_provider_shows_no_key() -> None:
    provider: HttpProvider = provider_of(FakeTransport())
    assert KEY not in repr(provider) + repr(vars(provider)) + repr(vars(provider._client))
