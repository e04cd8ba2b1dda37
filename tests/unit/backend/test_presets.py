"""Presets as names of models: the first whose provider is configured is asked; others only where it is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.registry.test_chain import HandClock

from ratatoskr import (
    AllAttemptsFailed,
    AuthenticationFailed,
    ConfigurationError,
    EmbeddedGateway,
    InvalidInput,
    NoProvider,
    PresetNotFound,
    Ratatoskr,
    RateLimited,
    ServiceUnavailable,
)
from ratatoskr.testing import ScriptedUpstream, fault

OWN = """
[presets."work/review"]
models = ["openai:gpt-4.1", "anthropic:claude-sonnet-4-6"]
parameters = { temperature = 0.3, max_tokens = 500 }

[presets."mid/coding"]
models = ["openai:gpt-4.1"]
"""


@pytest.fixture
def own(empty_environment: Path) -> None:
    path = empty_environment / ".config" / "ratatoskr" / "models.toml"
    path.parent.mkdir(parents=True)
    path.write_text(OWN)


def two(upstream: ScriptedUpstream, **settings: Any) -> EmbeddedGateway:
    builder = Ratatoskr.builder().clock(HandClock()).retries(0)
    builder.openai("sk-one", base_url=upstream.base_url("openai"))
    builder.anthropic("sk-two", base_url=upstream.base_url("anthropic"))
    for name, value in settings.items():
        getattr(builder, name)(*value)
    return builder.build()


async def test_the_first_model_whose_provider_is_configured_answers() -> None:
    async with ScriptedUpstream(["hello"]) as up, two(up) as gateway:
        response = await gateway.chat("Hi", "ratatoskr:mid/agentic")
        assert (response.provider, response.attempts[0].model) == ("anthropic", "claude-sonnet-5-5")
        resolved = await gateway.resolve_preset("mid/agentic")
        assert (resolved.model, resolved.alternatives) == ("anthropic:claude-sonnet-5-5", ("openai:gpt-6.1-sol",))
    async with ScriptedUpstream(["hello"]) as up:
        builder = Ratatoskr.builder().openai("k", base_url=up.base_url("openai"))
        async with builder.build() as gateway, gateway.chat_stream("Hi", "ratatoskr:mid/agentic") as stream:
            assert (await stream.collect()).attempts[0].model == "gpt-6.1-sol"


@pytest.mark.parametrize("status", [404, 410])
async def test_where_the_model_is_not_there_the_next_of_the_row_is_asked(status: int) -> None:
    script = {"anthropic": fault(f"status_{status}", message="model not found"), "openai": "from the next"}
    async with ScriptedUpstream(script) as up, two(up) as gateway:
        response = await gateway.chat("Hi", "ratatoskr:mid/agentic")
        assert response.content == "from the next"
        assert [attempt.model for attempt in response.attempts] == ["claude-sonnet-5-5", "gpt-6.1-sol"]


@pytest.mark.parametrize(
    ("name", "error"),
    [("unavailable", ServiceUnavailable), ("rate_limited", RateLimited), ("status_401", AuthenticationFailed)],
)
async def test_no_other_failure_moves_along_the_row(name: str, error: type[Exception]) -> None:
    script = {"anthropic": fault(name, times=None), "openai": "not asked"}
    async with ScriptedUpstream(script) as up, two(up) as gateway:
        with pytest.raises(error):
            await gateway.chat("Hi", "ratatoskr:mid/agentic")
        assert {request.provider for request in up.requests} == {"anthropic"}


@pytest.mark.usefixtures("own")
async def test_parameters_fill_only_what_the_caller_left_unset() -> None:
    async with ScriptedUpstream(["a", "b", "c", "d"]) as up, two(up) as gateway:
        await gateway.chat("Hi", "ratatoskr:work/review")
        assert (up.last.json["temperature"], up.last.json["max_tokens"]) == (0.3, 500)
        await gateway.chat("Hi", "ratatoskr:work/review", temperature=1.0)
        assert (up.last.json["temperature"], up.last.json["max_tokens"]) == (1.0, 500)
        await gateway.chat("Hi", "openai:gpt-4.1")
        assert "temperature" not in up.last.json
        plan = (await gateway.explain("ratatoskr:work/review")).plans[0]
        assert plan.sent is not None
        assert plan.sent["temperature"] == 0.3
        assert plan.why == "the first model of ratatoskr:work/review whose provider is configured"


@pytest.mark.usefixtures("own")
async def test_rows_of_the_user_come_before_the_built_in_ones() -> None:
    async with ScriptedUpstream(["a"]) as up, two(up) as gateway:
        assert (await gateway.resolve_preset("ratatoskr:mid/coding")).model == "openai:gpt-4.1"
        listed = {preset.name: preset for preset in await gateway.list_presets()}
        assert len(listed) == 21
        assert listed["ratatoskr:work/review"].parameters == {"temperature": 0.3, "max_tokens": 500}


async def test_a_preset_stands_in_chains_and_in_rules() -> None:
    script = {"anthropic": "from the preset", "openai": fault("unavailable")}
    async with ScriptedUpstream(script) as up, two(up) as gateway:
        response = await gateway.chat("Hi", ["openai:gpt-4.1", "ratatoskr:premium/coding"])
        assert response.attempts[-1].model == "claude-opus-5-5"
    async with ScriptedUpstream(["ruled"]) as up, two(up, routing=({"best": "ratatoskr:premium/coding"},)) as gateway:
        assert (await gateway.chat("Hi", "best")).attempts[0].model == "claude-opus-5-5"
    with pytest.raises(ConfigurationError, match="ratatoskr:premium/codin"):
        Ratatoskr.builder().openai("k").routing({"best": "ratatoskr:premium/codin"}).build()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("ratatoskr:mid", InvalidInput),
        ("ratatoskr:/coding", InvalidInput),
        ("ratatoskr:", InvalidInput),
        ("ratatoskr:mid/poetry", PresetNotFound),
        ("ratatoskr:mid/embedding", InvalidInput),
        ("ratatoskr:free/agentic", NoProvider),
    ],
)
async def test_what_is_wrong_is_told_before_anything_is_sent(name: str, error: type[Exception]) -> None:
    async with ScriptedUpstream([]) as up, two(up) as gateway:
        with pytest.raises(error):
            await gateway.chat("Hi", name)
        with pytest.raises(error if "embedding" not in name else NoProvider):
            await gateway.resolve_preset(name)
        assert not up.requests


async def test_every_model_of_a_row_may_be_gone() -> None:
    gone = fault("status_410", times=None)
    script = {"anthropic": gone, "openai": gone}
    async with ScriptedUpstream(script) as up, two(up) as gateway:
        with pytest.raises(AllAttemptsFailed):
            await gateway.chat("Hi", "ratatoskr:mid/agentic")
