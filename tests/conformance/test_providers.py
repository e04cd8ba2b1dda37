"""Every row of the table of providers works: one chat, one stream, its list of models, its key, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.conformance.faces import KEY, scene

from ratatoskr import (
    AuthenticationFailed,
    ContentDelta,
    InvalidInput,
    Message,
    RateLimited,
    ReasoningDelta,
    TextPart,
    ToolDefinition,
    UnsupportedParameter,
)
from ratatoskr.providers.specs import CHAT_COMPLETIONS, SPECS, SWITCHES, ProviderSpec
from ratatoskr.testing import Received, ScriptedTurn, TokenCounts, fault


def each(specs: Iterable[ProviderSpec]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", list(specs), ids=lambda spec: spec.name)


CHATS = [spec for spec in SPECS.values() if "chat" in spec.capabilities]
TEXT = "Up and down the ash tree."
VALUES = {
    "frequency_penalty": 0.5,
    "logprobs": True,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "presence_penalty": 0.5,
    "seed": 7,
    "service_tier": "auto",
    "stop": ["x"],
    "tool_choice": "required",
    "top_k": 5,
    "top_p": 0.5,
    "user": "u",
}
"""A value of each parameter that a host may refuse."""
TOOL = ToolDefinition("climb", "Climb a tree.", {"type": "object", "properties": {}})


def model_of(spec: ProviderSpec) -> str:
    return f"{spec.name}:{spec.example_model}"


@each(CHATS)
async def test_it_answers_and_streams_and_sends_its_key(spec: ProviderSpec) -> None:
    async with scene("async", ScriptedTurn(TEXT, deltas=3, usage=TokenCounts(input=20, output=9))) as at:
        response = await at.face.call("chat", [Message.system("Be brief."), Message.user("Who?")], model_of(spec))
        events, streamed = await at.face.stream("Who?", model_of(spec))
        assert response.content == streamed.content == TEXT
        assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == TEXT
        assert (response.provider, response.model) == (spec.name, spec.example_model)
        assert response.usage.prompt_tokens == 20
        assert response.finish_reason == "stop"
        header, prefix = spec.key_header
        assert [request.headers[header] for request in at.upstream.requests] == [prefix + KEY] * 2


@each(spec for spec in CHATS if "models" in spec.capabilities)
async def test_it_lists_its_models(spec: ProviderSpec) -> None:
    async with scene("async") as at:
        listed = await at.face.call("list_models", spec.name)
        assert listed
        assert all(model.id == f"{spec.name}:{model.name}" for model in listed)


@each(spec for spec in CHATS if spec.dialects == CHAT_COMPLETIONS)
async def test_reasoning_is_read_at_every_compatible_host(spec: ProviderSpec) -> None:
    async with scene("async", ScriptedTurn("So it is.", reasoning="Let me see.", deltas=2)) as at:
        events, response = await at.face.stream("Why?", model_of(spec))
        assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "Let me see."
        assert response.reasoning == "Let me see."


@each(spec for spec in CHATS if spec.refused)
async def test_what_it_refuses_is_refused_before_it_is_sent(spec: ProviderSpec) -> None:
    async with scene("async", ScriptedTurn(TEXT)) as at:
        for name in spec.refused:
            with pytest.raises(UnsupportedParameter) as caught:
                await at.face.call("chat", "Who?", model_of(spec), tools=[TOOL], **{name: VALUES[name]})
            assert (caught.value.provider, caught.value.field) == (spec.name, name)
        assert at.upstream.requests == []


def has_name(body: dict[str, Any]) -> bool:
    return any("name" in message for message in body["messages"])


DRESS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "no_stream_options": lambda body: "stream_options" not in body,
    "no_name": lambda body: not has_name(body),
    "reasoning_split": lambda body: body.get("reasoning_split") is True,
    "enable_thinking": lambda body: body.get("enable_thinking") is False,
    "template_thinking": lambda body: body.get("chat_template_kwargs") == {"enable_thinking": False},
    "thinking_type": lambda body: body.get("thinking") == {"type": "disabled"},
}
"""By quirk: whether the host accepts the body of a request without thinking."""


@each(spec for spec in CHATS if spec.flags & {*DRESS})
async def test_a_host_with_these_quirks_accepts_what_is_sent(spec: ProviderSpec) -> None:
    def answer(request: Received) -> Any:
        body = json.loads(request.raw)
        wrong = [quirk for quirk in spec.flags & {*DRESS} if not DRESS[quirk](body)]
        return fault("status_400") if wrong or spec.refused & {*body} else TEXT

    switched = {"reasoning": "none"} if spec.flags & SWITCHES else {}
    async with scene("async", [answer, answer]) as at:
        asked = Message("user", (TextPart("Who?"),), name="ann")
        response = await at.face.call("chat", [asked], model_of(spec), **switched)
        _, streamed = await at.face.stream([asked], model_of(spec), **switched)
        assert response.text == streamed.text == TEXT


async def test_a_list_of_models_that_a_host_has_not_is_not_asked_for() -> None:
    async with scene("async") as at:
        for spec in CHATS:
            if "models" not in spec.capabilities:
                with pytest.raises(InvalidInput, match=f"{spec.title} has no list of models"):
                    await at.face.call("list_models", spec.name)
        assert at.upstream.requests == []


@each(CHATS)
async def test_its_errors_name_it(spec: ProviderSpec) -> None:
    async with scene("async", [fault("status_401"), fault("status_429")], retries=0) as at:
        for expected in (AuthenticationFailed, RateLimited):
            with pytest.raises(expected) as caught:
                await at.face.call("chat", "Who?", model_of(spec))
            assert caught.value.provider == spec.name
            assert KEY not in str(caught.value)
