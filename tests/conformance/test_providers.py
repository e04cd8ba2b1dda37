"""Every row of the table of providers works: one chat, one stream, its list of models, its key, what it refuses."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.conformance.faces import KEY, scene

from ratatoskr import AuthenticationFailed, ContentDelta, Message, RateLimited, ReasoningDelta, UnsupportedParameter
from ratatoskr.providers.specs import CHAT_COMPLETIONS, SPECS, ProviderSpec
from ratatoskr.testing import ScriptedTurn, TokenCounts, fault


def each(specs: Iterable[ProviderSpec]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", list(specs), ids=lambda spec: spec.name)


TEXT = "Up and down the ash tree."
VALUES = {
    "frequency_penalty": 0.5,
    "logprobs": True,
    "parallel_tool_calls": True,
    "presence_penalty": 0.5,
    "seed": 7,
    "service_tier": "auto",
    "stop": ["x"],
    "top_k": 5,
    "top_p": 0.5,
    "user": "u",
}
"""A value of each parameter that a host may refuse."""


def model_of(spec: ProviderSpec) -> str:
    return f"{spec.name}:{spec.example_model}"


@each(SPECS.values())
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


@each(spec for spec in SPECS.values() if "models" in spec.capabilities)
async def test_it_lists_its_models(spec: ProviderSpec) -> None:
    async with scene("async") as at:
        listed = await at.face.call("list_models", spec.name)
        assert listed
        assert all(model.id == f"{spec.name}:{model.name}" for model in listed)


@each(spec for spec in SPECS.values() if spec.dialects == CHAT_COMPLETIONS)
async def test_reasoning_is_read_at_every_compatible_host(spec: ProviderSpec) -> None:
    async with scene("async", ScriptedTurn("So it is.", reasoning="Let me see.", deltas=2)) as at:
        events, response = await at.face.stream("Why?", model_of(spec))
        assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "Let me see."
        assert response.reasoning == "Let me see."


@each(spec for spec in SPECS.values() if spec.refused)
async def test_what_it_refuses_is_refused_before_it_is_sent(spec: ProviderSpec) -> None:
    async with scene("async", ScriptedTurn(TEXT)) as at:
        for name in spec.refused:
            with pytest.raises(UnsupportedParameter) as caught:
                await at.face.call("chat", "Who?", model_of(spec), **{name: VALUES[name]})
            assert (caught.value.provider, caught.value.field) == (spec.name, name)
        assert at.upstream.requests == []


@each(SPECS.values())
async def test_its_errors_name_it(spec: ProviderSpec) -> None:
    async with scene("async", [fault("status_401"), fault("status_429")], retries=0) as at:
        for expected in (AuthenticationFailed, RateLimited):
            with pytest.raises(expected) as caught:
                await at.face.call("chat", "Who?", model_of(spec))
            assert caught.value.provider == spec.name
            assert KEY not in str(caught.value)
