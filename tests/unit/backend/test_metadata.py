"""What a gateway says about models, and what it checks before a call."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ratatoskr import (
    ChatRequest,
    ContextLengthExceeded,
    EmbeddedGateway,
    InvalidInput,
    Message,
    ModelMetadata,
    ModelNotFound,
    Mutable,
    NoProvider,
    Opaque,
    Ratatoskr,
    ReadOnly,
    Unsupported,
)
from ratatoskr.config.catalogue import CatalogueFiles
from ratatoskr.models import knowledge
from ratatoskr.models.catalogue import Catalogue, make_change
from ratatoskr.models.entry import ModelEntry
from ratatoskr.models.knowledge import FITS, ModelKnowledge
from ratatoskr.models.metadata import describe_model, status_on
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.testing import ScriptedGateway, ScriptedUpstream, fault
from ratatoskr.types.model import ModelInfo


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget which models retire: that is told once a process."""
    monkeypatch.setattr(knowledge, "_told", {})


def openai(upstream: ScriptedUpstream, policy: str = "error") -> EmbeddedGateway:
    return (
        Ratatoskr.builder()
        .openai("sk-one", base_url=upstream.base_url("openai"))
        .parameter_policy(policy)  # type: ignore[arg-type]
        .retries(0)
        .build()
    )


# Metadata


async def test_the_limit_of_max_tokens_is_that_of_the_model_and_not_of_its_family() -> None:
    async with Ratatoskr.builder().openai("k").build() as gateway:
        found = await gateway.model_metadata("openai:gpt-4.1")
        assert found.parameters["max_tokens"] == Mutable(min=1, max=found.max_output_tokens) == Mutable(1, 32_768)
        unknown = await gateway.model_metadata("openai:gpt-4.1-of-the-house")
        assert unknown.parameters["max_tokens"] == Mutable(1, 16_384)


async def test_metadata_are_of_the_catalogue_and_of_the_rules() -> None:
    async with Ratatoskr.builder().openai("k").build() as gateway:
        found = await gateway.model_metadata("anthropic:claude-opus-5-5")
        assert found.info.context_window == 1_000_000
        assert (found.max_input_tokens, found.max_output_tokens) == (1_000_000, 128_000)
        assert found.price is not None
        assert (found.price["input"], found.price["output"]) == ("4", "20")
        assert {"tools", "reasoning"} <= set(found.features)
        assert "image" in found.input_modalities
        assert (found.status, found.output_modalities) == ("active", ("text",))
        assert found.parameters["temperature"] == ReadOnly(1)
        assert found.parameters["max_tokens"] == Mutable(min=1, max=128_000)
        assert isinstance(found.parameters["seed"], Unsupported)
        assert found.parameters["raw_provider_options"] == Opaque()
        assert ModelMetadata.from_dict(found.to_dict()) == found
        with pytest.raises(NoProvider):
            await gateway.model_metadata("claude-opus-5-5")
        with pytest.raises(InvalidInput):
            await gateway.model_metadata(5)  # type: ignore[arg-type]
        unknown = await gateway.model_metadata("openai:no-such-model")
        assert (unknown.status, unknown.price) == ("unknown", None)


@pytest.mark.parametrize(
    "model",
    [
        *("openai:gpt-4.1", "openai:gpt-6-sol", "openai:o3", "anthropic:claude-opus-5-5", "anthropic:claude-3-haiku"),
        *("google:gemini-3.8-flash", "mistral:mistral-small-2603", "deepseek:deepseek-v4-flash", "xai:grok-4.7"),
    ],
)
async def test_what_metadata_say_of_a_parameter_is_what_happens_to_it(model: str) -> None:
    """The parameters are derived from the rules that requests are adapted by, so they cannot differ."""
    values = {"temperature": 0.7, "top_p": 0.5, "top_k": 5, "seed": 7, "frequency_penalty": 0.5, "logprobs": 2}
    values |= {"presence_penalty": 0.5, "stop": ["x"], "user": "u", "max_tokens": 100, "service_tier": "flex"}
    gateway = Ratatoskr.builder().openai("k").anthropic("k").google("k").mistral("k").deepseek("k").xai("k").build()
    async with gateway:
        parameters = (await gateway.model_metadata(model)).parameters
        for name, value in values.items():
            refused = (await gateway.explain(model, **{name: value})).plans[0].refused  # type: ignore[arg-type]
            settable = isinstance(parameters[name], Mutable)
            if refused is None:
                assert settable, (name, parameters[name])
            else:
                assert not settable or "while it reasons" in refused, (name, refused)


async def test_fetched_metadata_are_of_the_providers_list_too() -> None:
    async with ScriptedUpstream([]) as up, openai(up) as gateway:
        found = await gateway.fetch_model_metadata("openai:gpt-5.4")
        assert found.sources[-1] == "the list of models of openai"
        assert found.price is not None
        with pytest.raises(ModelNotFound):
            await gateway.fetch_model_metadata("openai:no-such-model")
        listed = {model.name: model for model in await gateway.list_models("openai")}
        assert listed["gpt-5.4"].context_window == found.info.context_window
        assert "tools" in listed["gpt-5.4"].capabilities


async def test_a_scripted_gateway_answers_them_too() -> None:
    async with ScriptedGateway() as gateway:
        assert (await gateway.model_metadata("any")).info.name == "any"
        assert (await gateway.fetch_model_metadata("any")).status == "active"
        assert await gateway.list_presets() == []
        assert (await gateway.resolve_preset("ratatoskr:mid/coding")).provider == "scripted"
        assert (await gateway.refresh_models()).source == "scripted"


def test_the_status_is_that_of_the_day() -> None:
    end = date(2026, 12, 1)
    assert status_on(date(2026, 11, 30), end, deprecated=False) == "deprecated"
    assert status_on(end, end, deprecated=False) == "retired"
    assert status_on(end, None, deprecated=True) == "deprecated"
    assert status_on(end, None, deprecated=False) == "active"
    catalogue = Catalogue(CatalogueFiles())
    flash = describe_model(catalogue, ModelInfo("google:gemini-2.5-flash", "google", "gemini-2.5-flash"), {}, end)
    assert (flash.status, flash.retires) == ("retired", "2026-12-01")


# The window


def limited(**own: Any) -> Catalogue:
    return Catalogue(CatalogueFiles({("openai", "gpt-4.1"): make_change(**own)}))


LONG = "word " * 2_000


def test_a_prompt_that_surely_fits_is_not_looked_at() -> None:
    tight = ModelKnowledge(limited(context_window=20_000), lambda *_: 1 / 0)  # type: ignore[return-value]
    assert tight.check_window(ChatRequest((Message.user(LONG),)), "openai", "gpt-4.1", 10_200) == []
    smallest = min(
        entry.max_input_tokens or entry.context_window or FITS
        for provider in ("openai", "anthropic", "google", "xai", "deepseek")
        for entry in Catalogue(CatalogueFiles()).models(provider)
        if "embed" not in entry.id and not entry.dimensions
    )
    assert smallest * 4 >= FITS or smallest >= 256


def test_an_exact_count_over_the_window_is_an_error_and_an_estimate_a_warning() -> None:
    request = ChatRequest((Message.user(LONG),))
    for own in ({"context_window": 2_000}, {"max_input_tokens": 2_000, "context_window": 4_000}):
        exact = ModelKnowledge(limited(**own), lambda *_: 2_001)
        with pytest.raises(ContextLengthExceeded, match="has 2,001 tokens; this model takes 2,000") as caught:
            exact.check_window(request, "openai", "gpt-4.1", 10_200)
        assert (caught.value.field, caught.value.provider, caught.value.model) == ("messages", "openai", "gpt-4.1")
        assert ModelKnowledge(limited(**own), lambda *_: 2_000).check_window(request, "openai", "gpt-4.1", 10_200) == []
        (notice,) = ModelKnowledge(limited(**own)).check_window(request, "openai", "gpt-4.1", 10_200)
        assert (notice.code, notice.field) == ("context_length_estimated", "messages")
        assert ModelKnowledge(limited(**own), lambda *_: None).check_window(request, "openai", "gpt-4.1", 10_200)
    unknown = ModelKnowledge(limited(context_window=5))
    assert unknown.check_window(request, "openai", "no-such-model", 10_200) == []


async def test_an_estimate_warns_and_the_request_is_sent(empty_environment: Path) -> None:
    async with ScriptedUpstream(["a", "b", "c"]) as up:
        builder = Ratatoskr.builder().openai("k", base_url=up.base_url("openai"))
        async with builder.model("openai:gpt-4.1", context_window=2_000).build() as gateway:
            response = await gateway.chat(LONG, "openai:gpt-4.1")
            assert [notice.code for notice in response.warnings] == ["context_length_estimated"]
            async with gateway.chat_stream(LONG, "openai:gpt-4.1") as stream:
                assert [n.code for n in (await stream.collect()).warnings] == ["context_length_estimated"]
            assert not (await gateway.chat("short", "openai:gpt-4.1")).warnings


async def test_an_exact_count_over_the_window_is_sent_nowhere() -> None:
    async with ScriptedUpstream([]) as up, openai(up) as gateway:
        counted = ModelKnowledge(limited(context_window=2_000), lambda *_: 2_500)
        gateway.backend.chats.registry._knowledge = counted  # type: ignore[attr-defined]
        with pytest.raises(ContextLengthExceeded):
            await gateway.chat(LONG, "openai:gpt-4.1")
        assert not up.requests


# Retirement


def knowing(*retires: date, today: date) -> ModelKnowledge:
    class Known:
        def find(self, provider: str, model: str) -> ModelEntry:
            return ModelEntry(id=model, retires=retires[0] if retires else None)

    return ModelKnowledge(Known(), today=lambda: today)  # type: ignore[arg-type]


def test_a_retirement_within_sixty_days_is_told_once_a_process() -> None:
    day = date(2026, 12, 1)
    assert knowing(day, today=date(2026, 10, 1)).tell_of_retirement("openai", "m") == []
    (notice,) = knowing(day, today=date(2026, 10, 2)).tell_of_retirement("openai", "m")
    assert (notice.code, notice.field, notice.message) == ("model_retires", "model", "openai:m retires 2026-12-01")
    assert knowing(day, today=date(2026, 10, 3)).tell_of_retirement("openai", "m") == []
    assert knowing(day, today=date(2026, 10, 3)).tell_of_retirement("openai", "n")
    assert knowing(today=day).tell_of_retirement("openai", "o") == []
    (late,) = knowing(day, today=date(2027, 1, 1)).tell_of_retirement("openai", "p")
    assert late.message == "openai:p has retired: the date was 2026-12-01"


async def test_a_retired_model_is_still_asked_and_the_answer_tells_it(
    empty_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = empty_environment / ".config" / "ratatoskr" / "models.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[models."openai:gpt-4.1"]\nretires = 2020-01-01\n')
    monkeypatch.setattr(knowledge, "current_day", lambda: date(2020, 1, 2))
    async with ScriptedUpstream([fault("status_403"), "a", "b"]) as up, openai(up) as gateway:
        with pytest.raises(Exception, match="403"):
            await gateway.chat("Hi", "openai:gpt-4.1")
        assert [notice.code for notice in (await gateway.chat("Hi", "openai:gpt-4.1")).warnings] == ["model_retires"]
        assert (await gateway.chat("Hi", "openai:gpt-4.1")).warnings == ()
        assert (await gateway.explain("openai:gpt-4.1")).plans[0].retires == "2020-01-01"
        assert (await gateway.model_metadata("openai:gpt-4.1")).status == "retired"


# Refused parameters


REFUSAL = "Unsupported parameter: 'temperature' is not supported with this model."


async def test_a_parameter_that_was_refused_is_not_sent_again() -> None:
    refused = fault("status_400", message=REFUSAL, kind="invalid_request_error")
    async with ScriptedUpstream([refused, "a", "b"]) as up, openai(up) as gateway:
        with pytest.raises(InvalidInput):
            await gateway.chat("Hi", "openai:gpt-4.1", temperature=0.5)
        sent = len(up.requests)
        with pytest.raises(InvalidInput, match="refused it for this model within the last 24 hours"):
            await gateway.chat("Hi", "openai:gpt-4.1", temperature=0.5)
        assert len(up.requests) == sent, "the policy acts before anything is sent"
        plan = (await gateway.explain("openai:gpt-4.1", temperature=0.5)).plans[0]
        assert plan.refused is not None
        assert "within the last 24 hours" in plan.refused
        assert isinstance((await gateway.model_metadata("openai:gpt-4.1")).parameters["temperature"], Unsupported)
        assert (await gateway.chat("Hi", "openai:gpt-4.1")).content == "a"
        assert (await gateway.chat("Hi", "openai:gpt-4.1-mini", temperature=0.5)).content == "b"


async def test_with_the_policy_drop_it_is_left_out_with_a_notice() -> None:
    refused = fault("status_400", message=REFUSAL, kind="invalid_request_error")
    async with ScriptedUpstream([refused, "a"]) as up, openai(up, "drop") as gateway:
        with pytest.raises(InvalidInput):
            async with gateway.chat_stream("Hi", "openai:gpt-4.1", temperature=0.5) as stream:
                await stream.collect()
        response = await gateway.chat("Hi", "openai:gpt-4.1", temperature=0.5)
        assert [notice.code for notice in response.warnings] == ["parameter_dropped"]
        assert "temperature" not in up.last.json


def test_it_is_forgotten_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    from ratatoskr.providers.specs import SPECS

    provider = HttpProvider(SPECS["openai"], None)  # type: ignore[arg-type]
    now = [0.0]
    monkeypatch.setattr(provider._refusals, "_now", lambda: now[0])
    provider._refusals.add("gpt-4.1", "temperature")
    assert isinstance(provider.parameters("gpt-4.1")["temperature"], Unsupported)
    now[0] = 24 * 3600 - 1
    assert isinstance(provider.parameters("gpt-4.1")["temperature"], Unsupported)
    now[0] = 24 * 3600
    assert isinstance(provider.parameters("gpt-4.1")["temperature"], Mutable)
